//go:build engine

package targets_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"slipway/internal/composekeys"
)

const oracleDir = "testdata/oracle"

// values are what keys are set to: testdata/oracle/keys.yaml.
type values struct {
	Service map[string][]any // deployed
	Planned map[string][]any // planned only
	Network map[string][]any
	Volume  map[string][]any
}

func oracleValues() (values, error) {
	var v values
	data, err := os.ReadFile(oracleDir + "/keys.yaml")
	if err == nil {
		err = yaml.Unmarshal(data, &v)
	}
	return v, err
}

// corpus is three projects of each shape, each with some of the keys, so that every key that can be deployed is in one.
func corpus() (map[string]scene, error) {
	all, err := oracleValues()
	if err != nil {
		return nil, err
	}
	archive, err := txtar.ParseFile(oracleDir + "/shapes.txtar")
	if err != nil {
		return nil, err
	}
	projects := map[string]scene{}
	var names []string
	for _, number := range []int{1, 2, 3} {
		for _, file := range archive.Files {
			var shape tree
			if err := yaml.Unmarshal(file.Data, &shape); err != nil {
				return nil, fmt.Errorf("%s: %w", file.Name, err)
			}
			name := fmt.Sprintf("%s-%d", file.Name, number)
			project := scene{Tree: shape, Files: sceneFiles(), Own: "v1", On: []string{"on"}}
			for _, service := range project.names() {
				project.services()[service], _ = project.filled(nil, service, project.service(service))
			}
			projects[name] = project
			names = append(names, name)
		}
	}
	deal := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same corpus every time
	next := 0
	for _, key := range slices.Sorted(maps.Keys(all.Service)) {
		for _, value := range all.Service[key] {
			for tries := 0; ; tries++ { // the next project that can have it
				if tries == 3*len(names) {
					return nil, fmt.Errorf("no project of the corpus can have %s: %v", key, value)
				}
				s := projects[names[next%len(names)]]
				next++
				service := s.names()[deal.IntN(len(s.names()))]
				if s.set(deal, service, key, value) && (key == "environment" || same(s.finished().service(service)[key], s.service(service)[key])) {
					break
				}
			}
		}
	}
	for name, s := range projects {
		projects[name] = s.finished()
	}
	return projects, nil
}

// same tells whether a key is still what it was set to.
func same(after, set any) bool { return fmt.Sprint(after) == fmt.Sprint(set) }

// set gives a service a key, unless it has it, or has no other service to name.
func (s scene) set(random *rand.Rand, name, key string, value any) bool {
	service, is := s.services()[name].(tree)
	if !is {
		service = tree{}
		s.services()[name] = service
	}
	value, fits := s.filled(random, name, value)
	if !fits || same(service[key], value) {
		return false
	}
	if environment, is := value.(tree); key == "environment" && is {
		maps.Copy(part(service, key), environment)
		return true
	}
	before := service[key]
	service[key] = value
	if before != nil && key == "depends_on" { // adds to what was there
		unlike := copyOf(service)
		unlike[key] = before
		for _, other := range refers(unlike, key) {
			s.condition(service, other)
		}
	}
	return true
}

// filled is a value with the names of another service, and a port and an address of its own in it.
func (s scene) filled(random *rand.Rand, name string, value any) (any, bool) {
	data, err := yaml.Marshal(value)
	if err != nil {
		panic(err) // it has been read from YAML
	}
	text := string(data)
	if strings.Contains(text, "<OTHER>") {
		others := slices.DeleteFunc(s.active(), func(other string) bool { return other == name || s.hangsOn(other, name) })
		if len(others) == 0 {
			return nil, false
		}
		text = strings.ReplaceAll(text, "<OTHER>", others[random.IntN(len(others))])
	}
	if strings.Contains(text, "<PORT>") {
		text = strings.ReplaceAll(text, "<PORT>", fmt.Sprintf("<PORT%d>", 1+random.IntN(4)))
	}
	text = strings.ReplaceAll(text, "<ADDRESS>", fmt.Sprintf("<SUBNET>.%d", 20+int(name[0]-'a')))
	var filled any
	if err := yaml.Unmarshal([]byte(text), &filled); err != nil {
		panic(err)
	}
	return filled, true
}

// elsewhere says why a key is in no project and no mutation. The others are all there: the test below holds that.
func elsewhere(row composekeys.Row) string {
	switch first, rest, _ := strings.Cut(row.Key, "."); {
	case row.Verdict == composekeys.Refused:
		return "refused by name in preflight"
	case row.Compose == "5.7":
		return "newer than the Compose here"
	case strings.Contains(rest, "models") || first == "models":
		return "needs the docker model plugin, which asks a registry"
	case first == "jobs" && !strings.HasPrefix(rest, "*.triggers") || strings.Contains(rest, ".pre_start."):
		return "the same as a service's key, in a container that a deployment does not compare"
	}
	return ""
}

// TestTheCorpusOfTheOracleHasEveryKey holds the corpus and its mutations to the table of all keys.
func TestTheCorpusOfTheOracleHasEveryKey(t *testing.T) {
	projects, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	if len(projects) < 60 {
		t.Errorf("%d projects", len(projects))
	}
	all, err := oracleValues()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := composekeys.Table()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, row := range rows {
		known[row.Key] = true
	}
	seen := map[string]bool{}
	for name, s := range projects {
		if count := len(s.names()); count > 5 {
			t.Errorf("%s has %d services", name, count)
		}
		markKeys(known, seen, "", s.Tree)
	}
	for section, keys := range map[string]map[string][]any{"services.*.": all.Planned, "networks.*.": all.Network, "volumes.*.": all.Volume} {
		for key, values := range keys {
			for _, value := range values {
				markKeys(known, seen, section, tree{key: value})
			}
		}
	}
	reasons := map[string]int{}
	for _, row := range rows {
		why := elsewhere(row)
		switch {
		case seen[row.Key]:
			why = "in a project or a mutation"
		case why == "":
			t.Errorf("no project of the corpus has %s", row.Key)
		}
		reasons[why]++
	}
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%4d keys: %s", reasons[why], why)
	}
}

// markKeys notes the keys that are in a part of a compose file. A list is transparent; a map whose keys are names has a * for them.
func markKeys(known, seen map[string]bool, prefix string, value any) {
	switch value := value.(type) {
	case []any:
		for _, entry := range value {
			markKeys(known, seen, prefix, entry)
		}
	case tree:
		for key, below := range value {
			at := prefix + key
			if !known[at] && !known[prefix+"*"] && !hasBelow(known, prefix+"*.") {
				continue
			}
			if !known[at] {
				at = prefix + "*"
			}
			seen[at] = true
			markKeys(known, seen, at+".", below)
		}
	}
}

func hasBelow(known map[string]bool, prefix string) bool {
	for key := range known {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
