//go:build engine

package targets_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"
)

// step is a deployed scene and the one that comes after it.
type step struct{ before, after scene }

const (
	keptDir      = oracleDir + "/kept"
	shrinkTries  = 40 // each is two deployments
	shrinkSeries = 3  // failures of a series that are made smaller; the others are reported as they are
)

// replay deploys the one scene on a project of its own, and takes it to the other.
func (r *series) replay(c step) error {
	s, err := r.fresh(c.before)
	if err != nil {
		return fmt.Errorf("deploy what was there before: %s", err) //nolint:errorlint // another failure than the one that is looked for
	}
	defer func() { s.remove(r.t) }()
	if err := s.write(c.after); err != nil {
		return err
	}
	f, err := s.compare()
	if err != nil {
		return err
	}
	return s.apply(f, false)
}

// fails tells whether a step ends in a disagreement of a kind.
func (r *series) fails(c step, kind string) bool {
	var found *disagreement
	return errors.As(r.replay(c), &found) && found.kind == kind
}

// shrink makes a failing step smaller for as long as it fails in the same way. One that does not fail on a project of its own is
// left as it is.
func (r *series) shrink(c step, kind string) (step, bool) {
	if !r.fails(c, kind) {
		return c, false
	}
	for tries := 0; ; {
		smaller := false
		for _, less := range c.smaller() {
			if tries++; tries > shrinkTries {
				return c, true
			}
			if r.fails(less, kind) {
				c, smaller = less, true
				break
			}
		}
		if !smaller {
			return c, true
		}
	}
}

// smaller are steps with one thing less: a service, a difference, a key.
func (c step) smaller() []step {
	var all []step
	add := func(change func(before, after scene)) {
		less := step{c.before.clone(), c.after.clone()}
		change(less.before, less.after)
		less.before, less.after = less.before.finished(), less.after.finished()
		if len(less.before.active()) > 0 && len(less.after.active()) > 0 && less.size() < c.size() {
			all = append(all, less)
		}
	}
	for _, name := range c.before.names() {
		add(func(before, after scene) { delete(before.services(), name); delete(after.services(), name) })
	}
	for name := range c.after.Files {
		add(func(before, after scene) { after.Files[name] = before.Files[name] })
	}
	for _, kind := range []string{"services", "networks", "volumes"} {
		was, _ := c.before.Tree[kind].(tree)
		is, _ := c.after.Tree[kind].(tree)
		for _, name := range slices.Sorted(maps.Keys(was)) {
			one, _ := was[name].(tree)
			other, _ := is[name].(tree)
			for _, key := range slices.Sorted(maps.Keys(one)) {
				add(func(before, after scene) {
					delete(part(part(before.Tree, kind), name), key)
					if other != nil {
						delete(part(part(after.Tree, kind), name), key)
					}
				})
			}
			for _, key := range slices.Sorted(maps.Keys(other)) {
				if !same(one[key], other[key]) {
					add(func(_, after scene) { delete(part(part(after.Tree, kind), name), key) })
				}
			}
		}
	}
	return all
}

// size is what shrinking makes less: the text of both compose files, and what differs beside them.
func (c step) size() int {
	before, _ := c.before.yaml()
	after, _ := c.after.yaml()
	size := len(before) + len(after)
	for name, content := range c.after.Files {
		if content != c.before.Files[name] {
			size++
		}
	}
	return size
}

// archive is a step as a file that can be kept: two compose files, and what lies beside them where it is not as usual.
func (c step) archive(comment string) ([]byte, error) {
	a := &txtar.Archive{Comment: []byte(comment + "\n")}
	for _, side := range []struct {
		name string
		scene
	}{{"before", c.before}, {"after", c.after}} {
		text, err := side.yaml()
		if err != nil {
			return nil, err
		}
		a.Files = append(a.Files, txtar.File{Name: side.name + "/compose.yaml", Data: []byte(text)},
			txtar.File{Name: side.name + "/profiles", Data: []byte(strings.Join(side.On, "\n") + "\n")},
			txtar.File{Name: side.name + "/own", Data: []byte(side.Own + "\n")})
		if side.Drift != "" {
			a.Files = append(a.Files, txtar.File{Name: side.name + "/drift", Data: []byte(side.Drift + "\n")})
		}
		for _, name := range slices.Sorted(maps.Keys(side.Files)) {
			if side.Files[name] != sceneFiles()[name] {
				a.Files = append(a.Files, txtar.File{Name: side.name + "/beside/" + name, Data: []byte(strings.TrimSuffix(side.Files[name], "\n") + "\n")})
			}
		}
	}
	return txtar.Format(a), nil
}

// keptStep reads a step that was kept.
func keptStep(path string) (step, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return step{}, err
	}
	sides := map[string]*scene{"before": {Files: sceneFiles(), Own: "v1"}, "after": {Files: sceneFiles(), Own: "v1"}}
	for _, file := range a.Files {
		side, name, _ := strings.Cut(file.Name, "/")
		s := sides[side]
		beside, is := strings.CutPrefix(name, "beside/")
		switch {
		case s == nil:
			return step{}, fmt.Errorf("%s: %s is neither before nor after", path, file.Name)
		case is:
			s.Files[beside] = string(file.Data)
		case name == "compose.yaml":
			err = yaml.Unmarshal(file.Data, &s.Tree)
		case name == "profiles":
			s.On = strings.Fields(string(file.Data))
		case name == "own":
			s.Own = strings.TrimSpace(string(file.Data))
		case name == "drift":
			s.Drift = strings.TrimSpace(string(file.Data))
		default:
			return step{}, fmt.Errorf("%s: nobody reads %s", path, file.Name)
		}
		if err != nil {
			return step{}, fmt.Errorf("%s: %s: %w", path, file.Name, err)
		}
	}
	return step{sides["before"].finished(), sides["after"].finished()}, nil
}

// keep writes a failing step to where TestKeptStepsAgreeWithCompose finds it.
func (r *series) keep(name string, c step, comment string) (string, error) {
	data, err := c.archive(comment)
	if err != nil {
		return "", err
	}
	path := filepath.Join(keptDir, name+".txtar")
	if err := os.MkdirAll(keptDir, 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o644) //nolint:gosec // a test case, for the repository
}

// fail reports a disagreement with its step, made smaller, as a file to keep.
func (r *series) fail(name string, c step, what string, err error) {
	comment := fmt.Sprintf("%s, seed %d: %s: %v", name, r.seed, what, err)
	var found *disagreement
	r.mu.Lock()
	r.failures++
	shrink := r.failures <= shrinkSeries && errors.As(err, &found) && c.before.Tree != nil
	number := r.failures
	r.mu.Unlock()
	if shrink {
		var again bool
		if c, again = r.shrink(c, found.kind); !again {
			comment += "\nNot seen again on a project of its own."
		}
	}
	path, errKeep := "", error(nil)
	if c.before.Tree != nil {
		path, errKeep = r.keep(fmt.Sprintf("%s-%d-%d", name, r.seed, number), c, comment)
	}
	r.t.Errorf("%s\nkept as %s %v", comment, path, errKeep)
}

// TestKeptStepsAgreeWithCompose replays the steps that are kept: those that once disagreed, and some that are hard.
func TestKeptStepsAgreeWithCompose(t *testing.T) {
	paths, err := filepath.Glob(keptDir + "/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no steps are kept: %v", err)
	}
	r := &series{t: t, image: oracleImages(t), counts: map[string]int{}}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			c, err := keptStep(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.replay(c); err != nil {
				t.Error(err)
			}
		})
	}
}
