package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"slipway/internal/compose"
)

// definition is one compose file that means what a project's files mean, each value in its place, but for secrets: where one
// stands, it says ${KEY}, and values has what KEY is.
type definition struct {
	text   []byte
	values map[string]string
}

// define writes the definition of a project whose containers read these copies. hide is a text with its secrets hidden.
//
// Which value is from which variable is found by resolving the files once more, with a mark in the place of each secret
// variable; a value that only happens to be equal stays what it is. A secret that is from no variable, since it stands in a
// compose file or in the env file of a service, gets a key that is made from its place and from what stands around it.
func (s Store) define(ctx context.Context, project compose.Project, model *compose.Model, files map[string]File, hide Hide) (definition, error) {
	d := definition{values: map[string]string{}}
	resolved, marks, err := marked(ctx, project, model, hide)
	if err != nil {
		return d, fmt.Errorf("resolve the compose files without their secrets: %w", err)
	}
	for _, secret := range resolved.Secrets {
		if key := secret.Environment; key != "" {
			d.values[key] = model.Environment[key]
		}
	}
	text, err := s.mounting(resolved, files).MarshalYAML(types.WithSecretContent)
	if err != nil {
		return d, fmt.Errorf("write what the compose files mean: %w", err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return d, fmt.Errorf("read what the compose files mean: %w", err)
	}
	eachText(&tree, "", func(node *yaml.Node, place string) {
		plain := marks.without(node.Value)
		if hidden := hide(place[strings.LastIndex(place, ".")+1:], plain); hidden != plain {
			key := keyOf(place, hidden)
			d.values[key] = marks.resolved(node.Value)
			node.Value = "${" + key + "}"
			return
		}
		node.Value = marks.asVariables(node.Value, d.values)
	})
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err = encoder.Encode(&tree)
	d.text = out.Bytes()
	return d, err
}

// marked resolves the files with marks in the place of their secret variables. A variable that Compose wants to be something else
// than a word, such as an address or a duration, is left as it is.
func marked(ctx context.Context, project compose.Project, model *compose.Model, hide Hide) (*types.Project, marks, error) {
	all := newMarks(model.Environment, hide)
	with := func(m marks) (*types.Project, error) {
		if len(m.keys) == 0 {
			return model.Project, nil
		}
		other := project
		other.Env = slices.Concat(project.Env, m.environment())
		resolved, err := other.Model(ctx)
		if err != nil {
			return nil, err
		}
		return resolved.Project, nil
	}
	resolved, err := with(all)
	if err == nil {
		return resolved, all, nil
	}
	fit := marks{keys: map[string]string{}, values: all.values}
	for mark, key := range all.keys {
		if _, err := with(marks{keys: map[string]string{mark: key}, values: all.values}); err == nil {
			fit.keys[mark] = key
		}
	}
	resolved, err = with(fit)
	return resolved, fit, err
}

// mounting is the project with the copies mounted in the place of what was copied.
func (s Store) mounting(project *types.Project, files map[string]File) *types.Project {
	copied := func(path string) string {
		if file, is := files[path]; is {
			return s.pathOf(file)
		}
		return path
	}
	mounts := func(volumes []types.ServiceVolumeConfig) []types.ServiceVolumeConfig {
		volumes = slices.Clone(volumes)
		for i, v := range volumes {
			if v.Type == types.VolumeTypeBind && v.ReadOnly {
				volumes[i].Source = copied(v.Source)
			}
		}
		return volumes
	}
	changed := *project
	changed.Services, changed.Jobs = maps.Clone(project.Services), maps.Clone(project.Jobs)
	changed.Configs, changed.Secrets = maps.Clone(project.Configs), maps.Clone(project.Secrets)
	for name, service := range changed.Services {
		service.Volumes = mounts(service.Volumes)
		changed.Services[name] = service
	}
	for name, job := range changed.Jobs {
		job.Name = "" // compose-go writes it, and refuses to read it
		job.Volumes = mounts(job.Volumes)
		changed.Jobs[name] = job
	}
	for name, config := range changed.Configs {
		config.File = copied(config.File)
		if config.Content != "" { // that of the variable, too, as it is now
			config.Environment = ""
		}
		changed.Configs[name] = config
	}
	for name, secret := range changed.Secrets {
		if secret.Environment != "" {
			secret.Content = ""
		}
		changed.Secrets[name] = secret
	}
	return &changed
}

// eachText tells each text of a document, and where it stands.
func eachText(node *yaml.Node, place string, tell func(node *yaml.Node, place string)) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			eachText(node.Content[i+1], place+"."+node.Content[i].Value, tell)
		}
	case yaml.ScalarNode:
		if node.Tag == "!!str" {
			tell(node, place)
		}
	default:
		for i, child := range node.Content {
			eachText(child, place+"."+strconv.Itoa(i), tell)
		}
	}
}

// keyOf is the variable that stands for a text with a secret which is from none: the same text with another secret has the same.
func keyOf(place, hidden string) string {
	sum := sha256.Sum256([]byte(place + "\n" + hidden))
	return "SLIPWAY_" + strings.ToUpper(hex.EncodeToString(sum[:8]))
}

// marks stand for the values of secret variables while the files are resolved.
type marks struct {
	keys   map[string]string // by mark
	values types.Mapping
}

// newMarks makes a mark for each variable that holds a secret: a word that YAML, Compose and a URL take as it is.
func newMarks(values types.Mapping, hide Hide) marks {
	m := marks{keys: map[string]string{}, values: values}
	for key, value := range values {
		if value != "" && hide(key, value) != value {
			sum := sha256.Sum256([]byte(key))
			m.keys["mark"+hex.EncodeToString(sum[:12])] = key
		}
	}
	return m
}

// environment sets each variable to its mark.
func (m marks) environment() []string {
	var pairs []string
	for mark, key := range m.keys {
		pairs = append(pairs, key+"="+mark)
	}
	return pairs
}

func (m marks) replaced(text string, by func(key string) string) string {
	for mark, key := range m.keys {
		text = strings.ReplaceAll(text, mark, by(key))
	}
	return text
}

// without is the text with nothing in the place of the marks.
func (m marks) without(text string) string {
	return m.replaced(text, func(string) string { return "" })
}

// resolved is the text with the values in the place of the marks.
func (m marks) resolved(text string) string {
	return m.replaced(text, func(key string) string { return m.values[key] })
}

// asVariables is the text as a compose file has it, with the variables in the place of the marks; what they are is put to the values.
func (m marks) asVariables(text string, values map[string]string) string {
	for mark, key := range m.keys {
		if strings.Contains(text, mark) {
			values[key] = m.values[key]
		}
	}
	return m.replaced(strings.ReplaceAll(text, "$", "$$"), func(key string) string { return "${" + key + "}" })
}
