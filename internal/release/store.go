package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// Store is where the releases of a project are: in its state directory.
type Store struct{ Dir string }

// The files of a release.
const (
	recordFile     = "release.json"
	definitionFile = "compose.yaml"
	outcomeFile    = "outcome.json"
	unfinishedEnd  = ".unfinished"
	currentLink    = "current"
	releasesFolder = "releases"
)

func (s Store) releases() string        { return filepath.Join(s.Dir, releasesFolder) }
func (s Store) folder(id string) string { return filepath.Join(s.releases(), id) }
func (s Store) files() string           { return filepath.Join(s.Dir, "files") }

// pathOf is where the copy of a file is.
func (s Store) pathOf(file File) string { return filepath.Join(s.files(), file.Path) }

// Definition is the compose file of a release.
func (s Store) Definition(id string) string { return filepath.Join(s.folder(id), definitionFile) }

// Project is a project as a release has it: the same name and profiles, and what the release holds instead of the checkout.
func (s Store) Project(of compose.Project, r Release) compose.Project {
	of.Files, of.Kept, of.Profiles = []string{s.Definition(r.ID)}, s.Values(), r.Profiles
	of.Named = map[string]string{}
	for _, file := range r.Files {
		of.Named[s.pathOf(file)] = file.Name
	}
	return of
}

// All are the releases, the newest first. What is damaged is named by the error, and left out.
func (s Store) All() ([]Release, error) {
	entries, err := os.ReadDir(s.releases())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []Release
	for _, entry := range slices.Backward(entries) {
		if !entry.IsDir() || strings.HasSuffix(entry.Name(), unfinishedEnd) {
			continue
		}
		r, damaged := s.Find(entry.Name())
		if damaged != nil {
			err = errors.Join(err, damaged)
			continue
		}
		all = append(all, r)
	}
	return all, err
}

// ErrNone says that there is no such release.
var ErrNone = errors.New("there is no such release")

// Find reads one release.
func (s Store) Find(id string) (Release, error) {
	if id == "" || id != filepath.Base(id) || strings.HasPrefix(id, ".") {
		return Release{}, fmt.Errorf("release %q: %w", id, ErrNone)
	}
	return s.read(id)
}

func (s Store) read(id string) (Release, error) {
	data, err := os.ReadFile(filepath.Join(s.folder(id), recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Release{}, fmt.Errorf("release %s: %w", id, ErrNone)
	}
	var r Release
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("release %s is damaged: %w", id, err)
	case r.Version > version:
		return r, fmt.Errorf("release %s was made by a newer Slipway", id)
	}
	return r, nil
}

// NewID names a release of a run: as the run, unless that has made one already, as with two targets on one command line.
func (s Store) NewID(run string) string {
	id := run
	for n := 2; ; n++ {
		if _, err := os.Lstat(s.folder(id)); err != nil {
			return id
		}
		id = fmt.Sprintf("%s-%d", run, n)
	}
}

// Sources are the compose files that a definition was made from, wherever its state directory is; nil for a file that is no
// definition of a release.
func Sources(definition string) []string {
	folder, name := filepath.Split(definition)
	releases := filepath.Dir(filepath.Clean(folder))
	if name != definitionFile || filepath.Base(releases) != releasesFolder {
		return nil
	}
	r, err := Store{Dir: filepath.Dir(releases)}.Find(filepath.Base(folder))
	if err != nil {
		return nil
	}
	return r.Compose
}

// Current is the release that was applied last; false where there is none.
func (s Store) Current() (Release, bool, error) {
	id, err := os.Readlink(filepath.Join(s.releases(), currentLink))
	if errors.Is(err, fs.ErrNotExist) {
		return Release{}, false, nil
	}
	if err != nil {
		return Release{}, false, fmt.Errorf("read which release is applied: %w", err)
	}
	r, err := s.Find(id)
	return r, err == nil, err
}

// SetCurrent notes that a release is applied.
func (s Store) SetCurrent(id string) error {
	link := filepath.Join(s.releases(), currentLink)
	part := link + unfinishedEnd
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note that release %s is applied: %w", id, err)
	}
	err := os.Symlink(id, part)
	if err == nil {
		err = os.Rename(part, link)
	}
	if err == nil {
		err = checkpoints.SyncDir(s.releases())
	}
	if err != nil {
		return fmt.Errorf("note that release %s is applied: %w", id, err)
	}
	return nil
}

// NoneCurrent notes that what runs is no release.
func (s Store) NoneCurrent() error {
	if err := os.Remove(filepath.Join(s.releases(), currentLink)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note that what runs is no release: %w", err)
	}
	return nil
}

// Migrating notes which migrations the data is going to have, before it is touched; none where the digest is empty.
func (s Store) Migrating(digest string) error {
	if known, err := s.Migrations(); digest == "" || err == nil && known == digest {
		return nil
	}
	err := os.MkdirAll(s.releases(), 0o700)
	if err == nil {
		err = checkpoints.WriteFile(s.migrations(), []byte(digest+"\n"), 0o600)
	}
	return err
}

// Migrations are those that the data has, or was going to have; empty where that is not known.
func (s Store) Migrations() (string, error) {
	data, err := os.ReadFile(s.migrations())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

func (s Store) migrations() string { return filepath.Join(s.releases(), "migrations") }

// Outcome is what became of a release so far.
func (s Store) Outcome(id string) (Outcome, error) {
	data, err := os.ReadFile(filepath.Join(s.folder(id), outcomeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Outcome{State: Running}, nil // it was kept, and nothing came of it yet
	}
	var o Outcome
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		return o, fmt.Errorf("read what became of release %s: %w", id, err)
	}
	return o, nil
}

// Tell writes what became of a release.
func (s Store) Tell(id string, o Outcome) error {
	data, err := json.MarshalIndent(o, "", "  ")
	if err == nil {
		err = checkpoints.WriteFile(filepath.Join(s.folder(id), outcomeFile), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write what became of release %s: %w", id, err)
	}
	return nil
}

// Good is the newest release that was verified, is not the given one and is not alike; false where there is none.
func (s Store) Good(but Release) (Release, bool, error) {
	all, err := s.All()
	for _, r := range all {
		if r.ID >= but.ID && but.ID != "" || r.Content == but.Content {
			continue
		}
		if o, told := s.Outcome(r.ID); told == nil && o.State == Verified {
			return r, true, nil
		}
	}
	return Release{}, false, err
}
