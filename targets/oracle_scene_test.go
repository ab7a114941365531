//go:build engine

package targets_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scene is one state of a project: what its files say. <PROJECT>, <IMAGE>, <PORT1>… in it stand for names of the run.
type scene struct {
	Tree  tree              // the compose file
	Files map[string]string // what lies beside it
	Own   string            // the version of the program that the image <PROJECT>/own:1 holds
	On    []string          // the profiles that are on
	Drift string            // what somebody did to a container: "stop a", "rm a", "disconnect a"
}

// tree is a compose file, or a part of one.
type tree = map[string]any

// sceneFiles are what the services of a project may mount, read and build.
func sceneFiles() map[string]string {
	return map[string]string{
		".env":               "FROM_FILE=one\nENV_SECRET=secret-one\nENV_CONFIG=one\n",
		"conf/a.txt":         "one",
		"conf/secret.txt":    "secret-one",
		"conf/config.txt":    "one",
		"conf/a.env":         "FROM_A=one\n",
		"conf/b.env":         "FROM_B=one\n",
		"conf/a.labels":      "from.a=one\n",
		"conf/b.labels":      "from.b=one\n",
		"conf/base.yaml":     "services:\n  base:\n    image: <IMAGE>/demo:1\n    labels: {base: one}\n",
		"conf/included.yaml": "services:\n  included:\n    image: <IMAGE>/demo:1\n    network_mode: none\n    labels: {included: \"${FROM_A}\"}\n    healthcheck: {test: [CMD, /program, check], interval: 2s}\n",
		"app/Dockerfile":     "FROM scratch AS final\nCOPY program /program\nENTRYPOINT [\"/program\"]\n",
		"app/.dockerignore":  "notes\n",
	}
}

func (s scene) clone() scene {
	return scene{Tree: copyOf(s.Tree), Files: maps.Clone(s.Files), Own: s.Own, On: slices.Clone(s.On), Drift: s.Drift}
}

// copyOf is a copy that shares nothing.
func copyOf[T any](value T) T {
	data, err := json.Marshal(value)
	var other T
	if err == nil {
		err = json.Unmarshal(data, &other)
	}
	if err != nil {
		panic(err) // YAML that the tests have written themselves
	}
	return other
}

// part is a map below a key, made where there is none.
func part(of tree, key string) tree {
	below, has := of[key].(tree)
	if !has {
		below = tree{}
		of[key] = below
	}
	return below
}

func (s scene) services() tree { return part(s.Tree, "services") }

func (s scene) service(name string) tree {
	service, _ := s.services()[name].(tree)
	return service
}

// names are the services of the compose file, sorted.
func (s scene) names() []string { return slices.Sorted(maps.Keys(s.services())) }

// active are those that are to be up.
func (s scene) active() []string {
	return slices.DeleteFunc(s.names(), func(name string) bool { return !s.isOn(name) })
}

func (s scene) isOn(name string) bool {
	profiles := texts(s.service(name)["profiles"])
	return len(profiles) == 0 || slices.ContainsFunc(profiles, func(p string) bool { return slices.Contains(s.On, p) })
}

// texts are the entries of a list, the keys of a map, or the one text.
func texts(value any) []string {
	var found []string
	switch value := value.(type) {
	case string:
		found = append(found, value)
	case []any:
		for _, entry := range value {
			found = append(found, fmt.Sprint(entry))
		}
	case tree:
		found = slices.Sorted(maps.Keys(value))
	}
	return found
}

// refers are the services that a service names in a key.
func refers(service tree, key string) []string {
	var found []string
	switch key {
	case "depends_on":
		return texts(service[key])
	case "links", "volumes_from":
		for _, text := range texts(service[key]) {
			name, _, _ := strings.Cut(text, ":")
			found = append(found, name)
		}
	default:
		if name, is := strings.CutPrefix(fmt.Sprint(service[key]), "service:"); is {
			found = append(found, name)
		}
	}
	return found
}

// references are the keys with which a service names another.
var references = []string{"depends_on", "links", "volumes_from", "network_mode", "ipc", "pid"}

// hangsOn tells whether a service names another, or one that does.
func (s scene) hangsOn(name, other string) bool {
	for _, key := range references {
		for _, next := range refers(s.service(name), key) {
			if next == other || s.hangsOn(next, other) {
				return true
			}
		}
	}
	return false
}

// yaml is the compose file as the project has it.
func (s scene) yaml() (string, error) {
	data, err := yaml.Marshal(s.Tree)
	return string(data), err
}

// hooks tells whether Compose runs something before or after a container starts.
func (s scene) hooks() bool {
	return slices.ContainsFunc(s.active(), func(name string) bool {
		return s.service(name)["pre_start"] != nil || s.service(name)["post_start"] != nil
	})
}

// replicas is how many containers a service is to have, or the one in this file that it extends; 0 for one that is not in the file.
func (s scene) replicas(name string) int {
	service := s.service(name)
	if service == nil {
		return 0
	}
	count := 1
	if extended, is := service["extends"].(tree); is && extended["file"] == nil {
		count = s.replicas(fmt.Sprint(extended["service"]))
	}
	deploy, _ := service["deploy"].(tree)
	for _, given := range []any{deploy["replicas"], service["scale"]} {
		if number, err := strconv.Atoi(fmt.Sprint(given)); err == nil {
			count = number
		}
	}
	return count
}
