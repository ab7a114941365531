//go:build engine

package targets_test

import (
	"fmt"
	"strings"
)

// rename gives a service another name, wherever it is named.
func rename(m *mutator, s scene) (scene, string) {
	old, name := one(m, s.names()), m.unused(s)
	if name == "" {
		return s, ""
	}
	s.services()[name] = s.service(old)
	delete(s.services(), old)
	for _, other := range s.names() {
		service := s.service(other)
		for _, key := range references {
			for _, refer := range refers(service, key) {
				if refer == old {
					reword(service, key, old, name)
				}
			}
		}
		if extended, is := service["extends"].(tree); is && extended["file"] == nil && extended["service"] == old {
			extended["service"] = name
		}
	}
	return s, old + " is " + name
}

// reword makes a service name another one under its new name.
func reword(service tree, key, old, name string) {
	switch value := service[key].(type) {
	case tree:
		value[name] = value[old]
		delete(value, old)
	case []any:
		for i, entry := range value {
			first, rest, more := strings.Cut(fmt.Sprint(entry), ":")
			if first != old {
				continue
			}
			value[i] = name
			if more {
				value[i] = name + ":" + rest
			}
		}
	default:
		service[key] = "service:" + name
	}
}

// unused is a name that no service has.
func (m *mutator) unused(s scene) string {
	var free []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		if s.service(name) == nil {
			free = append(free, name)
		}
	}
	if len(free) == 0 {
		return ""
	}
	return one(m, free)
}

// swap gives two services what the other has under a key.
func swap(m *mutator, s scene) (scene, string) {
	if len(s.names()) < 2 {
		return s, ""
	}
	first, second := one(m, s.names()), one(m, s.names())
	key := one(m, []string{"ports", "volumes", "networks", "container_name", "image", "labels", "hostname"})
	a, b := s.service(first), s.service(second)
	if first == second || same(a[key], b[key]) {
		return s, ""
	}
	if a["build"] != nil || b["build"] != nil || a["extends"] != nil || b["extends"] != nil {
		return s, ""
	}
	a[key], b[key] = b[key], a[key]
	for _, service := range []tree{a, b} {
		if service[key] == nil {
			delete(service, key)
		}
	}
	return s, first + " and " + second + " " + key
}

func addService(m *mutator, s scene) (scene, string) {
	name := m.unused(s)
	if name == "" || len(s.names()) >= 5 {
		return s, ""
	}
	s.services()[name] = tree{"labels": tree{"added": "1"}}
	return s, name
}

func removeService(m *mutator, s scene) (scene, string) {
	name := one(m, s.names())
	for _, other := range s.names() {
		if extended, is := s.service(other)["extends"].(tree); is && extended["service"] == name {
			return s, ""
		}
	}
	if len(s.active()) < 2 {
		return s, ""
	}
	delete(s.services(), name)
	return s, name
}

func switchProfiles(m *mutator, s scene) (scene, string) {
	s.On = one(m, [][]string{{}, {"on"}, {"off"}, {"on", "off"}})
	if len(s.active()) == 0 {
		return s, ""
	}
	return s, strings.Join(s.On, ",")
}

// drift has somebody change a container by hand.
func drift(m *mutator, s scene) (scene, string) {
	s.Drift = one(m, []string{"stop ", "rm ", "disconnect "}) + one(m, s.active())
	return s, s.Drift
}
