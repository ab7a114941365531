package composekeys

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/host"
)

// World is what is there to deploy with. What is not known is empty, and nothing is refused for it.
type World struct {
	Compose  string   // its version
	API      string   // the newest that the engine speaks
	Runtimes []string // the engine's OCI runtimes
	NoSwarm  bool     // the engine is in no Swarm
	NoModels bool     // docker has no plugin "model"
}

// Finding is a key that cannot be deployed as it stands.
type Finding struct {
	Key     string // services.web.provider
	Why     string
	Instead string
}

// Check finds the keys of a project with which a deployment must not begin, sorted: those that the table refuses, those
// that the Compose or the engine here does not know, and values that Compose or the engine would refuse half-way.
//
// The project is the one that is deployed: profiles applied, resources that nobody uses left out, env and label files
// still listed.
func Check(project *types.Project, world World) ([]Finding, error) {
	tree, err := watched()
	if err != nil {
		return nil, err
	}
	s := &search{world: world}
	s.walk(reflect.ValueOf(project), tree, "")
	s.values(project)
	slices.SortFunc(s.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(s.found), nil
}

// node is a part of a key; row is set where the key ends and its presence alone says something.
type node struct {
	row      *Row
	children map[string]*node
}

// watched is the tree of the keys that are refused, or newer than the floor.
var watched = sync.OnceValues(func() (*node, error) {
	rows, err := Table()
	if err != nil {
		return nil, err
	}
	root := &node{}
	for _, row := range rows {
		if row.Verdict != Refused && row.Compose == "" && row.API == "" {
			continue
		}
		at := root
		for _, part := range strings.Split(row.Key, ".") {
			if at.children == nil {
				at.children = map[string]*node{}
			}
			if at.children[part] == nil {
				at.children[part] = &node{}
			}
			at = at.children[part]
		}
		at.row = &row
	}
	return root, nil
})

type search struct {
	world World
	found []Finding
}

func (s *search) add(key, why, instead string) {
	s.found = append(s.found, Finding{key, why, instead})
}

// walk goes down into a value as far as there are keys to watch. What is zero is not there.
func (s *search) walk(value reflect.Value, at *node, key string) {
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if !value.IsValid() || at.row != nil && s.judge(key, *at.row) || len(at.children) == 0 {
		return
	}
	switch value.Kind() {
	case reflect.Slice:
		for i := range value.Len() {
			s.walk(value.Index(i), &node{children: at.children}, key)
		}
	case reflect.Map:
		if any := at.children["*"]; any != nil {
			for entries := value.MapRange(); entries.Next(); {
				s.walk(entries.Value(), any, join(key, entries.Key().String()))
			}
		}
	case reflect.Struct:
		s.fields(value, at, key)
	}
}

func (s *search) fields(value reflect.Value, at *node, key string) {
	names := fieldsOf(value.Type())
	for name, child := range at.children {
		index, there := names[name]
		if !there {
			continue
		}
		if field := value.FieldByIndex(index); !empty(field) {
			s.walk(field, child, join(key, name))
		}
	}
}

// judge adds what stands against a key that is there, and tells whether anything does.
func (s *search) judge(key string, row Row) bool {
	switch {
	case row.Verdict == Refused:
		why, instead, _ := strings.Cut(row.Meaning, ": ")
		s.add(key, why, strings.TrimSuffix(instead, "."))
	case s.lacks(s.world.Compose, row.Compose):
		s.needsCompose(key, row.Compose)
	case s.lacks(s.world.API, row.API):
		s.needsAPI(key, row.API)
	default:
		return false
	}
	return true
}

func (s *search) lacks(here, wanted string) bool {
	return here != "" && wanted != "" && host.Older(here, wanted)
}

func (s *search) needsCompose(key, version string) {
	s.add(key, fmt.Sprintf("needs Compose %s or newer, and this one is %s, which rejects the key or drops it in silence", version, s.world.Compose),
		"upgrade Compose, or take the key out")
}

func (s *search) needsAPI(key, version string) {
	s.add(key, fmt.Sprintf("needs an engine with API %s or newer, and this one has %s", version, s.world.API),
		"upgrade the engine, or take the key out")
}

func join(key, part string) string { return strings.TrimPrefix(key+"."+part, ".") }

var fieldNames sync.Map // reflect.Type -> map[string][]int

// fieldsOf maps the keys of a type of the library to its fields; those of an inlined type are its own.
func fieldsOf(of reflect.Type) map[string][]int {
	if known, ok := fieldNames.Load(of); ok {
		return known.(map[string][]int)
	}
	names := map[string][]int{}
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case field.Anonymous && strings.Contains(options, "inline"):
			for inner, index := range fieldsOf(field.Type) {
				names[inner] = append(slices.Clone(field.Index), index...)
			}
		case field.IsExported() && name != "" && name != "-":
			names[name] = field.Index
		}
	}
	fieldNames.Store(of, names)
	return names
}

// empty tells what looks the same as a key that is not there.
func empty(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Map, reflect.Slice:
		return value.Len() == 0
	default:
		return value.IsZero()
	}
}
