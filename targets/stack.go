// Package targets holds the commands of Slipway: one exported verb a file, each a Mage target. A target reads as
// prose and calls the rooms below it; what it prints goes through package console.
//
// A magefile takes them over with `// mage:import`; package slipway is where it says what is deployed.
package targets

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"slipway"
	"slipway/internal/behind"
	"slipway/internal/host"
	"slipway/internal/settings"
)

func init() { behind.Run, behind.To, host.Command = run, selectDestination, command }

// stack is what is declared, with what the names of the files tell.
type stack struct{ slipway.Stack }

// destination is one of the stack's, with what its compose files tell.
type destination struct {
	slipway.Destination
	Settings []settings.Setting
	Database database
}

// database is the destination's.
type database struct{ slipway.Database }

// declared finds out what the magefile and the names of the files declare, each time anew: it is asked for once a run, and by tests
// more often.
func declared() (stack, error) {
	said := stack{slipway.Declared()}
	if err := said.check(); err != nil {
		return said, err
	}
	located, err := said.Located()
	if err != nil {
		return said, err
	}
	return stack{located}, stack{located}.check()
}

// of is a destination as it was declared.
func of(d slipway.Destination) destination {
	made := destination{Destination: d, Database: database{d.Database}}
	for _, s := range d.Settings {
		made.Settings = append(made.Settings, settings.Setting{
			Key: s.Key, Question: s.Question, Default: s.Default, Secret: s.Secret, Generate: s.Generate, File: s.File,
			Validate: s.Validate, Normalize: s.Normalize, Optional: s.Optional,
		})
	}
	return made
}

// keeper is the service that backs the database up; of a plain volume, the volume itself.
func (d database) keeper() string {
	switch d.Kind {
	case "sqlite":
		return d.Writers[0]
	case "volume":
		return d.Volume
	}
	return d.Service
}

// called is the stack in a sentence.
func (s stack) called() string { return strings.TrimSpace("stack " + s.Name) }

// destination finds the destination of that name; the first one where name is empty.
func (s stack) destination(name string) (slipway.Destination, error) {
	name = cmp.Or(name, s.Destinations[0].Name)
	names := make([]string, 0, len(s.Destinations))
	for _, d := range s.Destinations {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return slipway.Destination{}, fmt.Errorf("%s has no destination %q; it has %s", s.called(), name, strings.Join(names, ", "))
}

// path is a file of the stack, absolute.
func (s stack) path(elem ...string) (string, error) {
	return filepath.Abs(filepath.Join(append([]string{s.Dir}, elem...)...))
}
