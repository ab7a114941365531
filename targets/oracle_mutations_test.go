//go:build engine

package targets_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// mutation changes a scene; it says what it did, or that it cannot.
type mutation struct {
	name   string
	weight int
	do     func(m *mutator, s scene) (scene, string)
}

// mutator makes mutations, the same from the same seed.
type mutator struct {
	random *rand.Rand
	values values
}

var mutations = []mutation{
	{"key", 40, setKey},
	{"key removed", 12, removeKey},
	{"network", 5, func(m *mutator, s scene) (scene, string) { return m.resource(s, "networks", m.values.Network) }},
	{"volume", 4, func(m *mutator, s scene) (scene, string) { return m.resource(s, "volumes", m.values.Volume) }},
	{"file", 10, changeFile},
	{"content", 3, changeContent},
	{"image", 6, changeImage},
	{"retagged", 4, retag},
	{"rename", 5, rename},
	{"swap", 5, swap},
	{"added", 4, addService},
	{"removed", 4, removeService},
	{"profiles", 3, switchProfiles},
	{"drift", 4, drift},
	{"nothing", 2, func(_ *mutator, s scene) (scene, string) { return s, "nothing" }},
}

// planned are the mutations that are never deployed.
var planned = mutation{"planned key", 0, func(m *mutator, s scene) (scene, string) { return m.key(s, m.values.Planned) }}

// next is a scene made from another by one mutation, now and then by two.
func (m *mutator) next(s scene, deployed bool) (scene, string) {
	var said []string
	count := 1
	if m.random.IntN(4) == 0 {
		count = 2
	}
	for len(said) < count {
		pick := m.pick()
		switch {
		case !deployed && m.random.IntN(8) == 0:
			pick = planned
		case !deployed && pick.name == "drift": // cannot be taken back
			continue
		}
		changed, what := pick.do(m, s.clone())
		if what == "" {
			continue
		}
		s = changed
		said = append(said, pick.name+": "+what)
	}
	return s.finished(), strings.Join(said, "; ")
}

func (m *mutator) pick() mutation {
	total := 0
	for _, each := range mutations {
		total += each.weight
	}
	at := m.random.IntN(total)
	for _, each := range mutations {
		if at -= each.weight; at < 0 {
			return each
		}
	}
	return mutations[0]
}

func one[T any](m *mutator, list []T) T { return list[m.random.IntN(len(list))] }

func setKey(m *mutator, s scene) (scene, string) { return m.key(s, m.values.Service) }

// key sets a key of a service to one of its values.
func (m *mutator) key(s scene, from map[string][]any) (scene, string) {
	name := one(m, s.names())
	key := one(m, slices.Sorted(maps.Keys(from)))
	value := one(m, from[key])
	if !s.set(m.random, name, key, copyOf(value)) {
		return s, ""
	}
	return s, fmt.Sprintf("%s %s: %v", name, key, s.service(name)[key])
}

func removeKey(m *mutator, s scene) (scene, string) {
	name := one(m, s.names())
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(s.service(name))), func(key string) bool {
		return slices.Contains([]string{"image", "build", "healthcheck", "environment", "command", "extends"}, key)
	})
	if len(keys) == 0 {
		return s, ""
	}
	key := one(m, keys)
	delete(s.service(name), key)
	return s, name + " " + key
}

// resource sets a key of a network or volume of the project's own, or removes it.
func (m *mutator) resource(s scene, kind string, from map[string][]any) (scene, string) {
	all := part(s.Tree, kind)
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		resource, _ := all[name].(tree)
		return resource["external"] != nil || name == "ranged"
	})
	if kind == "networks" && !slices.Contains(names, "default") {
		names = append(names, "default")
	}
	if len(names) == 0 {
		return s, ""
	}
	name, key := one(m, names), one(m, slices.Sorted(maps.Keys(from)))
	resource := part(all, name)
	value := one(m, from[key])
	if same(resource[key], value) {
		delete(resource, key)
		return s, kind + " " + name + " without " + key
	}
	for other, definition := range all { // a name is one's own
		if definition, is := definition.(tree); is && other != name && key == "name" && same(definition["name"], value) {
			return s, ""
		}
	}
	resource[key] = copyOf(value)
	return s, fmt.Sprintf("%s %s %s: %v", kind, name, key, value)
}

// changeFile writes one of the files beside the compose file anew.
func changeFile(m *mutator, s scene) (scene, string) {
	name := one(m, slices.Sorted(maps.Keys(s.Files)))
	text := fmt.Sprint(m.random.IntN(1_000_000))
	switch name {
	case "app/Dockerfile":
		s.Files[name] = "FROM scratch AS final\nCOPY program /program\nENTRYPOINT [\"/program\"]\nLABEL number=" + text + "\n"
	case "app/.dockerignore":
		s.Files[name] = "notes\n" + text + "\n"
	case "conf/a.txt", "conf/config.txt":
		s.Files[name] = text
	case "conf/secret.txt": // a short one is refused
		s.Files[name] = "secret-" + text
	case "conf/base.yaml", "conf/included.yaml", ".env":
		s.Files[name] = strings.Replace(sceneFiles()[name], "one", "n"+text, 1)
	default:
		key, _, _ := strings.Cut(s.Files[name], "=")
		s.Files[name] = key + "=" + text + "\n"
	}
	return s, name
}

// changeContent changes a secret or config that is no file.
func changeContent(m *mutator, s scene) (scene, string) {
	text := fmt.Sprint(m.random.IntN(1_000_000))
	switch m.random.IntN(3) {
	case 0:
		part(part(s.Tree, "configs"), "text_config")["content"] = text
		return s, "text_config"
	case 1:
		s.Files[".env"] = "FROM_FILE=one\nENV_SECRET=secret-" + text + "\nENV_CONFIG=one\n"
		return s, "env_secret"
	}
	s.Files[".env"] = "FROM_FILE=one\nENV_SECRET=secret-one\nENV_CONFIG=" + text + "\n"
	return s, "env_config"
}

func changeImage(m *mutator, s scene) (scene, string) {
	name := one(m, s.names())
	image := one(m, []string{"<IMAGE>/demo:1", "<IMAGE>/demo:2", "<IMAGE>/demo:same", "<PROJECT>/own:1"})
	if s.service(name)["extends"] != nil || s.service(name)["build"] != nil || same(s.service(name)["image"], image) {
		return s, ""
	}
	s.service(name)["image"] = image
	return s, name + " " + image
}

// retag gives the project's own image another content under the same name.
func retag(_ *mutator, s scene) (scene, string) {
	s.Own = map[string]string{"v1": "v2", "v2": "v1"}[s.Own]
	return s, s.Own
}
