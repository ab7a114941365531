package targets

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/settings"
)

// What is declared in Go is checked when a target starts, before anything is made: a mistake in the last address must not
// come to light when everything is deployed. This file has what the declaration alone tells; checkout.go has what the
// files and the settings of a destination tell, and checkModel what the compose files do.

// check says what is wrong with the declaration, in one sentence.
func (s stack) check() error {
	if s.Name != "" {
		if err := checkProject(s.Name); err != nil {
			return fmt.Errorf("stack name: %w", err)
		}
	}
	names := map[string]bool{}
	for _, d := range s.Destinations {
		if names[d.Name] {
			return fmt.Errorf("%s has two destinations %q", s.called(), d.Name)
		}
		names[d.Name] = true
		if err := of(d).check(); err != nil {
			return fmt.Errorf("%s: destination %q: %w", s.called(), d.Name, err)
		}
	}
	return s.checkSteps()
}

// checkProject refuses what Compose would not take for the name of a project. Paths are made of it, too.
func checkProject(name string) error {
	if name == "" || loader.NormalizeProjectName(name) != name {
		return fmt.Errorf("%q names no Compose project: lower-case letters, digits, - and _ do, beginning with a letter or a digit", name)
	}
	return nil
}

// checkSteps looks at the operator's own steps.
func (s stack) checkSteps() error {
	names := map[string]bool{}
	for _, extra := range s.Steps {
		if err := checkStep(extra.Step); err != nil {
			return err
		}
		if names[extra.Step.Name] {
			return fmt.Errorf("%s has two steps %q", s.called(), extra.Step.Name)
		}
		names[extra.Step.Name] = true
		if extra.Before != "" && !slices.Contains(order, extra.Before) {
			return fmt.Errorf("step %s: there is no step %q to come before; the steps are %s", extra.Step.Name, extra.Before, strings.Join(order, ", "))
		}
	}
	return nil
}

// checkStep refuses a step that cannot run or whose record would be another's.
func checkStep(step checkpoints.Step) error {
	if err := step.Check(); err != nil {
		return err
	}
	family, _, _ := strings.Cut(step.Name, ".")
	if slices.Contains(order, family) || family == "prerequisites" || family == "upgrade" {
		return fmt.Errorf("step %s: the name belongs to the built-in step %s", step.Name, family)
	}
	return nil
}

// destinationWord is what can be typed as a target, be the end of a project's name and of a file's.
var destinationWord = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// check says what is wrong with the declaration of a destination.
func (d destination) check() error {
	if d.Name != "" && !destinationWord.MatchString(d.Name) {
		return errors.New("a name is made of lower-case letters, digits, - and _, and begins with a letter or a digit")
	}
	if slices.Contains(d.Files, "") {
		return errors.New("its Files have to name its compose files")
	}
	if d.MonitorPeriod < 0 {
		return fmt.Errorf("its MonitorPeriod is %s", d.MonitorPeriod)
	}
	if d.Parallel < 0 {
		return fmt.Errorf("its Parallel is %d", d.Parallel)
	}
	if err := checkSettings(d.Settings); err != nil {
		return err
	}
	for _, e := range d.Endpoints {
		if err := checkEndpoint(e); err != nil {
			return fmt.Errorf("endpoint %q: %w", e.Name, err)
		}
	}
	for _, l := range d.Links {
		if err := checkURL("URL", l.URL, followable); err != nil {
			return fmt.Errorf("link %q: %w", l.Name, err)
		}
	}
	if err := d.Database.checkAlone(); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

func checkSettings(declared []settings.Setting) error {
	keys := map[string]bool{}
	for _, setting := range declared {
		if setting.Key == "" {
			return errors.New("a setting has no Key")
		}
		if keys[setting.Key] {
			return fmt.Errorf("two settings have the key %s", setting.Key)
		}
		keys[setting.Key] = true
	}
	return nil
}

// databaseKinds are what can be backed up; deploy.sh knows the same.
var databaseKinds = []string{"postgres", "mariadb", "redis", "sqlite", "volume"}

// checkAlone says what is wrong whatever the compose files tell.
func (d database) checkAlone() error {
	if d.Kind != "" && !slices.Contains(databaseKinds, d.Kind) {
		return fmt.Errorf("kind %q: what can be backed up is one of %s", d.Kind, strings.Join(databaseKinds, ", "))
	}
	return checkCopy(d.Copy)
}

// check says what a migration or a backup would lack, when the compose files have told what they can.
func (d database) check() error {
	switch err := d.checkAlone(); {
	case err != nil: // it may stand in a compose file
		return err
	case d.Kind == "" && len(d.Copy) > 0:
		return errors.New("its Copy has nothing to copy: without a Kind no backup is made")
	case d.Kind == "":
		return nil
	case d.Volume == "":
		return fmt.Errorf("a %s needs its Volume: without it nobody knows whether there is data", d.Kind)
	case d.Kind == "sqlite" && len(d.Writers) == 0:
		return fmt.Errorf("a sqlite needs its Writers, the first of which copies it")
	case d.Kind == "volume" && len(d.Writers) == 0:
		return fmt.Errorf("a volume needs its Writers, which are stopped while it is copied")
	case d.Kind != "sqlite" && d.Kind != "volume" && d.Service == "":
		return fmt.Errorf("a %s needs its Service, where it is dumped", d.Kind)
	}
	return nil
}

// checkModel says what the declaration names that the compose files lack.
func (d database) checkModel(model *compose.Model) error {
	known := slices.Sorted(maps.Keys(model.Known()))
	lacks := func(field, name, kind string, there []string) error {
		if name == "" || slices.Contains(there, name) {
			return nil
		}
		if len(there) == 0 {
			return fmt.Errorf("database: %s names %q, and the compose files have no %s", field, name, kind)
		}
		return fmt.Errorf("database: %s names %q, which is no %s of the compose files; there are %s", field, name, kind, strings.Join(there, ", "))
	}
	var jobs []string
	for name, service := range model.Services {
		if service.Job {
			jobs = append(jobs, name)
		}
	}
	slices.Sort(jobs)
	problems := []error{lacks("Job", d.Job, "job", jobs), lacks("Service", d.Service, "service", known)}
	for _, writer := range d.Writers {
		problems = append(problems, lacks("Writers", writer, "service", known))
	}
	if d.Volume != "" {
		where, err := d.in(model)
		problems = append(problems, err, d.checkWriters(model, where))
	}
	return errors.Join(problems...)
}
