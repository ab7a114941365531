package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Surplus are the releases that are no longer needed, when the newest verified ones are kept in that number, and with them
// whatever was made after the oldest of them, up to as many: never the applied one, nor the one that a rollback would go to, nor the one to spare.
func (s Store) Surplus(keep int, spare string) ([]Release, error) {
	all, err := s.All()
	if err != nil {
		return nil, err
	}
	current, _, err := s.Current()
	if err != nil && !errors.Is(err, ErrNone) {
		return nil, err
	}
	good, _, err := s.Good(current)
	if err != nil {
		return nil, err
	}
	verified, others := 0, 0
	surplus, err := s.unfinished()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		o, err := s.Outcome(r.ID)
		if err != nil {
			return nil, err
		}
		var wanted bool
		if o.State == Verified {
			verified++
			wanted = verified <= keep
		} else {
			others++
			wanted = others <= keep && verified < keep
		}
		if !wanted && r.ID != current.ID && r.ID != good.ID && r.ID != spare {
			surplus = append(surplus, r)
		}
	}
	return surplus, nil
}

// unfinished are the releases that were begun and never kept, for what was tagged for them.
func (s Store) unfinished() ([]Release, error) {
	entries, err := os.ReadDir(s.releases())
	var begun []Release
	for _, entry := range entries {
		id, is := strings.CutSuffix(entry.Name(), unfinishedEnd)
		if !is || !entry.IsDir() {
			continue
		}
		r, damaged := s.read(entry.Name())
		if damaged != nil { // killed while it was written, and nothing was tagged yet
			r = Release{}
		}
		r.ID = id
		begun = append(begun, r)
	}
	return begun, err
}

// Remove takes releases away, and then every copy of a file that no release has and none of the mounted paths is in.
func (s Store) Remove(releases []Release, mounted []string) error {
	for _, r := range releases {
		if err := errors.Join(os.RemoveAll(s.folder(r.ID)), os.RemoveAll(s.folder(r.ID)+unfinishedEnd)); err != nil {
			return fmt.Errorf("remove release %s: %w", r.ID, err)
		}
	}
	all, err := s.All()
	if err != nil {
		return err // one that cannot be read may need any of them
	}
	needed := map[string]bool{}
	for _, r := range all {
		for _, file := range r.Files {
			needed[strings.Split(filepath.ToSlash(file.Path), "/")[0]] = true
		}
	}
	for _, path := range mounted {
		if rel, err := filepath.Rel(s.files(), path); err == nil {
			needed[strings.Split(filepath.ToSlash(rel), "/")[0]] = true
		}
	}
	entries, err := os.ReadDir(s.files())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove copies of files: %w", err)
	}
	for _, entry := range entries {
		if !needed[entry.Name()] {
			if err := os.RemoveAll(filepath.Join(s.files(), entry.Name())); err != nil {
				return fmt.Errorf("remove copies of files: %w", err)
			}
		}
	}
	return nil
}

// Missing are the files of a release that are not there as they were copied.
func (s Store) Missing(r Release) ([]string, error) {
	var missing []string
	for _, file := range r.Files {
		same, err := s.holds(file)
		if err != nil {
			return nil, err
		}
		if !same {
			missing = append(missing, file.Name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

func (s Store) holds(file File) (bool, error) {
	digest, _, _, err := sumOf(file.Name, s.pathOf(file))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return digest == file.Digest, err
}
