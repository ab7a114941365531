// Package targets holds the commands of Slipway: one exported verb a file, each a Mage target. A target reads as
// prose and calls the rooms below it; what it prints goes through package console.
//
// A magefile imports the package with `// mage:import` and says once which stack it deploys:
//
//	func init() { targets.Use(freshtrack) }
package targets

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/settings"
)

// Stack is what a repository deploys: declared once, in magefile.go.
type Stack struct {
	Name         string        // the Compose project's name, of lower-case letters, digits, - and _
	Dir          string        // the folder of the compose files, relative to the magefile
	Destinations []Destination // where it goes; the first is the default
	Steps        []Extra       // the operator's own steps of a deployment
}

// Destination is one place that the stack goes to.
type Destination struct {
	Name      string             // "local", "production": the word that selects it
	Project   string             // the Compose project; empty means what the files name, else Stack.Name, at other destinations than the first with Name after it
	Files     []string           // compose files, in the order Compose gets them, relative to Stack.Dir
	EnvFile   string             // the env file, relative to Stack.Dir
	Profiles  []string           // profiles that are on
	Settings  []settings.Setting // what the env file and secrets/ must hold
	Domain    string             // the setting that holds the public name; empty where there is none
	Authority string             // the setting that is "internal" where the domain is private: no public DNS, no public certificate
	Firewall  bool               // prerequisites set up UFW and fail2ban too
	Database  Database           // what a migration changes
	Addresses []Address          // what verify asks from outside
	Links     []Link             // addresses that the summary shows
	// MonitorPeriod is how long a new container must stay up before it counts as well, where `deploy.update_config.monitor`
	// of its service does not say so. If empty, 5 s.
	MonitorPeriod time.Duration
}

// Database says what a migration depends on beside its image, and how the data is backed up before it.
//
// Where Kind is set, Volume has to be, and Migrations where there is a Job: a backup is made when they say that there is
// something to migrate. A postgres is dumped and restored in the container of Service. A sqlite is copied by one-off containers
// of the first of Writers, whose program answers `backup -`, `inspect -` and `restore -`: stack/app shows how.
type Database struct {
	Job        string   // the service in profile "jobs" that applies migrations; empty where there are none
	Service    string   // the service started and awaited before it; empty for an embedded database
	Volume     string   // the volume that holds the data, as the compose files name it
	Migrations string   // glob of the migration files, relative to Stack.Dir
	Kind       string   // "postgres" or "sqlite": how a backup is taken; empty for none
	Writers    []string // services that write to it, stopped during a restore
}

// Address is asked from outside by verify. In URL, ${KEY} and ${KEY:-default} stand for settings.
type Address struct {
	Name  string // what the report calls it
	URL   string
	Ready string // text that the body must hold; empty for any body under a 2xx status
	Via   string // host:port to dial instead of the URL's host, so that the stack is asked and not its DNS; may hold ${KEY} too
}

// Link is an address for people, shown in the summary. In URL, ${KEY} stands for a setting.
type Link struct{ Name, URL string }

// Extra is a step that the operator adds to a deployment, before the built-in step of that name.
type Extra struct {
	Before string
	Step   checkpoints.Step
}

var declared Stack

// Use declares the stack that the targets act on. Called from the magefile's init; a declaration that cannot work
// is refused by the first target that needs it.
func Use(stack Stack) { declared = stack }

// keeper is the service that backs the database up.
func (d Database) keeper() string {
	if d.Kind == "sqlite" {
		return d.Writers[0]
	}
	return d.Service
}

// destination finds the destination of that name; the first one where name is empty.
func (s Stack) destination(name string) (Destination, error) {
	if name == "" {
		return s.Destinations[0], nil
	}
	names := make([]string, 0, len(s.Destinations))
	for _, d := range s.Destinations {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return Destination{}, fmt.Errorf("stack %s has no destination %q; it has %s", s.Name, name, strings.Join(names, ", "))
}

// path is a file of the stack, absolute.
func (s Stack) path(elem ...string) (string, error) {
	return filepath.Abs(filepath.Join(append([]string{s.Dir}, elem...)...))
}
