package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// Inputs are the things one service's containers depend on: each key of its resolved definition, the networks and volumes
// that it names, each file its containers read of the checkout, and the content of its image, so that a change can be
// named: "backend environment changed", "backend file caddy/Caddyfile changed". Values enter as digests only. Paths are
// relative to the stack, so another checkout of the same content has the same inputs.
func Inputs(model *compose.Model, service string, image compose.Image) ([]checkpoints.Input, error) {
	s, found := model.Services[service]
	if !found {
		return nil, fmt.Errorf("there is no service %q in project %q", service, model.Name)
	}
	definition, err := model.Definition(s)
	if err != nil {
		return nil, err
	}
	var inputs []checkpoints.Input
	for _, key := range slices.Sorted(maps.Keys(definition)) {
		inputs = append(inputs, KeyInput(s.Name, key, definition[key]))
	}
	shared, err := sharedDefinitions(model, s)
	if err != nil {
		return nil, err
	}
	read, err := files(model, s)
	if err != nil {
		return nil, err
	}
	inputs = append(append(inputs, shared...), read...)
	inputs = append(inputs, given(model, s)...)
	return append(inputs,
		checkpoints.Value(service+" image content", image.Content),
		checkpoints.Value(scaleInput(service), fmt.Sprint(s.Replicas()))), nil
}

// KeyInput is the input that is one key of a service's definition.
func KeyInput(service, key string, value json.RawMessage) checkpoints.Input {
	return checkpoints.Value(service+" "+key, string(value))
}

// scaleInput is the one input that does not make a container another one.
func scaleInput(service string) string { return service + " scale" }

// sharedDefinitions gives one input for each network and volume that a service names: the engine has to make another one
// when it changes.
func sharedDefinitions(model *compose.Model, s compose.Service) ([]checkpoints.Input, error) {
	var inputs []checkpoints.Input
	add := func(kind, key string, definition any) error {
		encoded, err := json.Marshal(definition)
		if err != nil {
			return fmt.Errorf("encode %s %q: %w", kind, key, err)
		}
		inputs = append(inputs, checkpoints.Value(s.Name+" "+kind+" "+key, string(encoded)))
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(s.Networks)) {
		if network, has := model.Networks[key]; has {
			if err := add("network", key, network); err != nil {
				return nil, err
			}
		}
	}
	seen := map[string]bool{}
	for _, v := range s.Volumes {
		volume, has := model.Volumes[v.Source]
		if v.Type != types.VolumeTypeVolume || !has || seen[v.Source] {
			continue
		}
		seen[v.Source] = true
		if err := add("volume", v.Source, volume); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

// files gives one input for each file the containers read of the checkout; Compose's own hash leaves
// their contents out.
//
// What the containers can write to is their data unless git tracks it, and its content no input. A file of that kind still
// counts as the file that it is: one that was put in its place is not in the container before that is made anew.
func files(model *compose.Model, s compose.Service) ([]checkpoints.Input, error) {
	var inputs []checkpoints.Input
	for _, read := range model.Reads(s) {
		name := s.Name + " file " + read.Name
		var err error
		var found []checkpoints.Input
		switch {
		case read.Folder && read.Writable:
			found, err = trackedIn(model, name, read.Path)
		case read.Folder:
			found, err = checkpoints.Tree(name, read.Path, nil)
		case read.Writable && !model.Tracked(read.Path):
			found = []checkpoints.Input{checkpoints.Value(name, compose.FileIdentity(read.Path))}
		default:
			found = make([]checkpoints.Input, 1)
			found[0], err = checkpoints.File(name, read.Path)
		}
		if err != nil {
			return nil, fmt.Errorf("service %q reads %s: %w", s.Name, read.Name, reason(err))
		}
		inputs = append(inputs, found...)
	}
	return inputs, nil
}

// trackedIn gives one input for each file that git tracks in a folder. The folder is not entered: it may be large, or the
// server's alone.
func trackedIn(model *compose.Model, prefix, folder string) ([]checkpoints.Input, error) {
	var inputs []checkpoints.Input
	for _, rel := range model.TrackedIn(folder) {
		path := filepath.Join(folder, rel)
		if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // removed, and git not told yet; or a repository of its own
		}
		input, err := checkpoints.File(prefix+"/"+filepath.ToSlash(rel), path)
		if err != nil {
			return nil, err
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
func given(model *compose.Model, s compose.Service) []checkpoints.Input {
	var inputs []checkpoints.Input
	add := func(kind, name string, source types.FileObjectConfig) {
		if source.File != "" {
			return
		}
		value := source.Content
		if source.Environment != "" {
			value = model.Environment[source.Environment]
		}
		inputs = append(inputs, checkpoints.Value(s.Name+" "+kind+" "+name, value))
	}
	for _, name := range sources(s.Configs) {
		add("config", name, types.FileObjectConfig(model.Configs[name]))
	}
	for _, name := range sources(s.Secrets) {
		add("secret", name, types.FileObjectConfig(model.Secrets[name]))
	}
	return inputs
}

// sources are the configs or secrets that a service uses, each once.
func sources[T types.ServiceConfigObjConfig | types.ServiceSecretConfig](references []T) []string {
	var names []string
	for _, reference := range references {
		names = append(names, types.FileReferenceConfig(reference).Source)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
