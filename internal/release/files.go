package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// largest is what a folder may hold for it to be copied: code and configuration do not reach it, media and data do.
const largest = 256 << 20

// Why a file or folder of the checkout is mounted from where it lies.
const (
	written      = "a container writes to it"
	large        = "it holds more than 256 MB"
	special      = "it holds something that is neither file nor folder, or a link that leads out of it"
	private      = "not everybody may read it, and it belongs to another user than who deploys"
	ourState     = "it holds the state directory"
	holdsSecrets = "it holds secrets, which no release has"
)

// captured are the copies of what the containers of a model read, by the path it is mounted from.
type captured struct {
	files map[string]File
	stay  map[string]string // why
}

// capture copies what the containers of a model read of the checkout, each under a name that its content gives it: the same
// content has the same path in every release, so that a container which reads it is not made anew. Secrets stay where they
// are, and so does what containers write to.
func (s Store) capture(model *compose.Model, private []string) (captured, error) {
	got := captured{files: map[string]File{}, stay: map[string]string{}}
	secrets := append(model.SecretFiles(), private...)
	writable := writtenTo(model)
	for _, service := range model.Services {
		for _, read := range model.Reads(service) {
			if _, done := got.files[read.Path]; done || read.Writable || slices.Contains(secrets, read.Path) {
				continue
			}
			real := leads(read.Path)
			within := func(path string) bool { return compose.Within(real, leads(path)) }
			switch {
			case slices.ContainsFunc(writable, func(path string) bool { return compose.Within(path, real) || compose.Within(real, path) }):
				got.stay[read.Path] = written
			case within(s.Dir):
				got.stay[read.Path] = ourState
			case slices.ContainsFunc(secrets, within):
				got.stay[read.Path] = holdsSecrets
			}
			if got.stay[read.Path] != "" {
				continue
			}
			file, why, err := s.copyIn(read.Name, read.Path)
			if err != nil {
				return got, fmt.Errorf("copy %s, which service %q reads: %w", read.Name, service.Name, err)
			}
			if why != "" {
				got.stay[read.Path] = why
				continue
			}
			got.files[read.Path] = file
		}
	}
	return got, nil
}

// writtenTo are the folders and files of the host that containers of a model write to, those behind volumes too.
func writtenTo(model *compose.Model) []string {
	var paths []string
	for _, service := range model.Services {
		for _, mount := range service.Writes() {
			path := mount.Source
			if volume, is := model.Volumes[mount.Source]; is {
				path = volume.DriverOpts["device"]
			}
			if filepath.IsAbs(path) {
				paths = append(paths, leads(path))
			}
		}
	}
	return paths
}

// leads is where a path leads to through links; itself where that cannot be told.
func leads(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// copyIn takes a copy of a file or a folder, unless there is one of the same name and content.
func (s Store) copyIn(name, path string) (File, string, error) {
	sum, found, why, err := sumOf(name, path)
	if err != nil || why != "" {
		return File{}, why, err
	}
	file := File{Name: name, Path: filepath.Join(sum[:32], filepath.Base(path)), Digest: sum}
	folder := filepath.Join(s.files(), sum[:32])
	if _, err := os.Stat(folder); err == nil {
		if whole, err := s.holds(file); err != nil || whole {
			return file, "", err
		}
		if err := os.RemoveAll(folder); err != nil { // somebody has changed it
			return file, "", err
		}
	}
	if err := os.MkdirAll(s.files(), 0o700); err != nil {
		return file, "", err
	}
	part, err := os.MkdirTemp(s.files(), unfinished)
	if err != nil {
		return file, "", err
	}
	for _, e := range found {
		if err := e.copyTo(filepath.Join(part, filepath.Base(path), e.rel)); err != nil {
			return file, "", errors.Join(err, os.RemoveAll(part))
		}
	}
	err = os.Rename(part, folder)
	return file, "", errors.Join(err, checkpoints.SyncDir(s.files()))
}

// sumOf is the digest of a name and of all that is under a path, and what that is.
func sumOf(name, path string) (sum string, found []entry, why string, err error) {
	root, err := filepath.EvalSymlinks(path) // what is mounted is what a link leads to
	if err != nil {
		return "", nil, "", err
	}
	if found, why, err = look(root); err != nil || why != "" {
		return "", nil, why, err
	}
	digest := sha256.New()
	_, _ = fmt.Fprintf(digest, "%q\n", name) // a hash takes every write
	for _, e := range found {
		content, err := e.digest()
		if err != nil {
			return "", nil, "", err
		}
		_, _ = fmt.Fprintf(digest, "%q %v %d %s\n", e.rel, e.copied(), e.group, content)
	}
	return hex.EncodeToString(digest.Sum(nil)), found, "", nil
}

// unfinished is how the name of a copy begins that is not whole.
const unfinished = ".unfinished-"

// entry is one file, folder or link of what is copied.
type entry struct {
	path, rel string
	mode      fs.FileMode
	link      string
	group     int // that the copy has to have; -1 for any
}

// look lists what is to be copied, sorted, folders before what is in them; or why it is not to be copied.
func look(root string) (entries []entry, why string, err error) {
	total := int64(0)
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		e := entry{path: path, mode: info.Mode(), group: groupOf(info)}
		if path != root {
			e.rel, err = filepath.Rel(root, path)
		}
		total += info.Size()
		switch {
		case err != nil:
			return err
		case e.mode&fs.ModeSymlink != 0:
			if e.link, err = os.Readlink(path); err != nil {
				return err
			}
			if filepath.IsAbs(e.link) || !compose.Within(root, filepath.Join(filepath.Dir(path), e.link)) {
				why = cmp.Or(why, special)
			}
		case !e.mode.IsDir() && !e.mode.IsRegular():
			why = cmp.Or(why, special)
		case !readable(info):
			why = cmp.Or(why, private)
		case e.mode.IsRegular() && total > largest:
			why = cmp.Or(why, large)
		}
		if why != "" {
			return filepath.SkipAll
		}
		entries = append(entries, e)
		return nil
	})
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.rel, b.rel) })
	return entries, why, err
}

func (e entry) digest() (string, error) {
	if !e.mode.IsRegular() {
		return e.link, nil
	}
	file, err := os.Open(e.path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// copied is the mode of the copy.
func (e entry) copied() fs.FileMode {
	switch {
	case e.link != "":
		return 0
	case e.mode.IsDir():
		return e.mode.Perm()&^0o022 | 0o700
	}
	return e.mode.Perm() &^ 0o022
}

// copyTo makes the same at a new place, with its mode, but that nobody beside its owner may write to it.
func (e entry) copyTo(path string) error {
	mode := e.copied()
	switch {
	case e.link != "":
		return os.Symlink(e.link, path)
	case e.mode.IsDir():
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		return errors.Join(os.Chown(path, -1, e.group), os.Chmod(path, mode))
	}
	from, err := os.Open(e.path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Chown(-1, e.group), to.Chmod(mode), to.Sync(), to.Close())
}
