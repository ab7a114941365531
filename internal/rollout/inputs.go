package rollout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joho/godotenv"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// immaterial are the keys of a service that change nothing about its containers.
var immaterial = []string{"build", "depends_on", "develop", "profiles", "pull_policy", "pull_refresh_after", "scale"}

// Inputs are the things one service's containers depend on, one for each key of its resolved
// definition, each file its containers read of the checkout, and the image id, so that a change can be
// named: "backend environment changed", "backend file caddy/Caddyfile changed". Values enter as digests
// only. Paths are relative to the stack, so another checkout of the same content has the same inputs.
func Inputs(project compose.Project, model *compose.Model, service, imageID string) ([]checkpoints.Input, error) {
	s, found := model.Services[service]
	if !found {
		return nil, fmt.Errorf("there is no service %q in project %q", service, model.Name)
	}
	inputs, definition, err := keys(s)
	if err != nil {
		return nil, err
	}
	read, err := files(project.Dir, s)
	if err != nil {
		return nil, err
	}
	inputs = append(inputs, read...)
	values, err := given(project, model, s, definition)
	if err != nil {
		return nil, err
	}
	inputs = append(inputs, values...)
	return append(inputs,
		checkpoints.Value(service+" image id", imageID),
		checkpoints.Value(scaleInput(service), fmt.Sprint(s.Replicas))), nil
}

// scaleInput is the one input that does not make a container another one.
func scaleInput(service string) string { return service + " scale" }

// keys gives one input for each key of the definition that matters, and the decoded definition.
func keys(s compose.Service) ([]checkpoints.Input, map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(s.Raw))
	decoder.UseNumber()
	var definition map[string]any
	if err := decoder.Decode(&definition); err != nil {
		return nil, nil, fmt.Errorf("read the definition of service %q: %w", s.Name, err)
	}
	if deploy, is := definition["deploy"].(map[string]any); is {
		delete(deploy, "replicas")
	}
	var inputs []checkpoints.Input
	for _, key := range slices.Sorted(maps.Keys(definition)) {
		value := definition[key]
		if value == nil || slices.Contains(immaterial, key) {
			continue
		}
		encoded, err := json.Marshal(value) // sorts the keys of every object
		if err != nil {
			return nil, nil, fmt.Errorf("encode %s of service %q: %w", key, s.Name, err)
		}
		if string(encoded) == "{}" || string(encoded) == "[]" {
			continue
		}
		inputs = append(inputs, checkpoints.Value(s.Name+" "+key, string(encoded)))
	}
	return inputs, definition, nil
}

// files gives one input for each file the containers read of the checkout; Compose's own hash leaves
// their contents out.
func files(dir string, s compose.Service) ([]checkpoints.Input, error) {
	var inputs []checkpoints.Input
	for _, rel := range s.Files {
		name, path := s.Name+" file "+filepath.ToSlash(rel), filepath.Join(dir, rel)
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("service %q reads %s: %w", s.Name, rel, reason(err))
		}
		if info.IsDir() {
			tree, err := checkpoints.Tree(name, path, nil)
			if err != nil {
				return nil, fmt.Errorf("service %q reads %s: %w", s.Name, rel, reason(err))
			}
			inputs = append(inputs, tree...)
			continue
		}
		input, err := checkpoints.File(name, path)
		if err != nil {
			return nil, fmt.Errorf("service %q reads %s: %w", s.Name, rel, reason(err))
		}
		inputs = append(inputs, input)
	}
	return inputs, nil
}

// reason strips an absolute path off an error: the sentence around it names the relative one.
func reason(err error) error {
	if path, is := err.(*fs.PathError); is { //nolint:errorlint // only an error that is nothing but a path error is stripped
		return path.Err
	}
	return err
}

// given gives one input for each secret and config that is no file: inline content, and values of the
// environment. The definition of the service holds their names only.
func given(project compose.Project, model *compose.Model, s compose.Service, definition map[string]any) ([]checkpoints.Input, error) {
	var inputs []checkpoints.Input
	var environment map[string]string
	for _, kind := range []struct {
		name, key string
		sources   map[string]compose.Source
	}{{"config", "configs", model.Configs}, {"secret", "secrets", model.Secrets}} {
		for _, name := range references(definition[kind.key]) {
			source, found := kind.sources[name]
			if !found || source.File != "" {
				continue
			}
			value := source.Content
			if source.Environment != "" {
				if environment == nil {
					var err error
					if environment, err = lookup(project); err != nil {
						return nil, err
					}
				}
				value = environment[source.Environment]
			}
			inputs = append(inputs, checkpoints.Value(s.Name+" "+kind.name+" "+name, value))
		}
	}
	return inputs, nil
}

// references are the sources that a service's configs or secrets name.
func references(list any) []string {
	var names []string
	entries, _ := list.([]any)
	for _, entry := range entries {
		object, _ := entry.(map[string]any)
		if name, is := object["source"].(string); is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lookup is the environment Compose resolves the project with: the env file, under the process's own,
// under the project's.
func lookup(project compose.Project) (map[string]string, error) {
	values := map[string]string{}
	if project.EnvFile != "" {
		read, err := godotenv.Read(filepath.Join(project.Dir, project.EnvFile))
		if err != nil {
			// The parser quotes what it could not read, so its words may hold a secret.
			return nil, fmt.Errorf("env file %s cannot be read", project.EnvFile)
		}
		values = read
	}
	for _, pair := range append(os.Environ(), project.Env...) {
		if key, value, is := strings.Cut(pair, "="); is {
			values[key] = value
		}
	}
	return values, nil
}
