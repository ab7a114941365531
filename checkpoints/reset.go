package checkpoints

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Reset moves the record of a step aside, with those of its sub-steps
// ("rollout.backend" goes with "rollout") and of every step that follows from
// them through After, as the given steps or the records themselves tell. The
// empty name means all. Records end up in checkpoints/cleared, readable or
// not; none is deleted. It returns the names of the steps it cleared, sorted.
func (s *Store) Reset(lock *Lock, step string, steps []Step) ([]string, error) {
	if err := s.held(lock); err != nil {
		return nil, fmt.Errorf("reset: %w", err)
	}
	names, err := s.recorded()
	if err != nil {
		return nil, fmt.Errorf("reset: %w", err)
	}
	if step != "" {
		if err := checkName(step); err != nil {
			return nil, fmt.Errorf("reset: %w", err)
		}
		follows := s.following(step, names, steps)
		names = slices.DeleteFunc(names, func(name string) bool { return !follows[name] })
	}
	slices.Sort(names)
	for i, name := range names {
		if err := s.putAside(name); err != nil {
			return names[:i], fmt.Errorf("reset %s: %w", name, err)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	for _, dir := range []string{s.cleared(), s.records()} {
		if err := SyncDir(dir); err != nil {
			return names, fmt.Errorf("reset: %w", err)
		}
	}
	return names, nil
}

// following is the step, its sub-steps, and all that follows from them.
func (s *Store) following(step string, recorded []string, steps []Step) map[string]bool {
	after := map[string][]string{}
	for _, known := range steps {
		after[known.Name] = known.After
	}
	for _, name := range recorded {
		// A corrupt record does not tell what it follows; the steps do.
		before := slices.Clone(after[name])
		if record, _, err := s.Record(name); err == nil {
			before = slices.AppendSeq(before, maps.Keys(record.After))
		}
		after[name] = before
	}
	follows := map[string]bool{step: true}
	goes := func(name string) bool {
		for i, letter := range name {
			if letter == '.' && follows[name[:i]] {
				return true
			}
		}
		return slices.ContainsFunc(after[name], func(before string) bool { return follows[before] })
	}
	for grown := true; grown; {
		grown = false
		for name := range after {
			if !follows[name] && goes(name) {
				follows[name], grown = true, true
			}
		}
	}
	return follows
}

func (s *Store) putAside(name string) error {
	if err := makeDir(s.cleared()); err != nil {
		return err
	}
	stamp := s.time().Format("20060102T150405Z")
	for {
		target := filepath.Join(s.cleared(), stamp+"-"+name+".json")
		switch _, err := os.Lstat(target); {
		case errors.Is(err, fs.ErrNotExist):
			return os.Rename(s.recordPath(name), target)
		case err != nil:
			return err
		}
		// A second reset within the same second must not replace the first.
		stamp += "-" + draw(2)
	}
}
