package checkpoints

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// temporary marks a file that is not finished. A crash leaves it behind; Begin
// sweeps those of the records away.
const temporary = ".tmp-"

// writeHook, set by tests only, is called at each instant of a durable write.
var writeHook func(instant, path string)

func at(instant, path string) {
	if writeHook != nil {
		writeHook(instant, path)
	}
}

// WriteFile replaces a file atomically and durably: after a crash at any
// instant the path holds the old content or the new one, whole, and once
// WriteFile has returned, the new one. The mode is perm, whatever the umask.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	temp, err := writeTemp(path, data, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temp)))
	}
	at("renamed", path)
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	at("durable", path)
	return nil
}

// createFile is WriteFile for a path that must not exist yet; of two processes
// that create it at once, one gets fs.ErrExist.
func createFile(path string, data []byte, perm fs.FileMode) error {
	temp, err := writeTemp(path, data, perm)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	err = os.Link(temp, path)
	at("linked", path)
	if err := errors.Join(err, os.Remove(temp)); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// writeTemp leaves the content, synced, in a new file beside path.
func writeTemp(path string, data []byte, perm fs.FileMode) (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+temporary)
	if err != nil {
		return "", err
	}
	at("created", path)
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := fill(file, data, perm); err != nil {
		return "", errors.Join(err, file.Close())
	}
	at("synced", path)
	return file.Name(), file.Close()
}

func fill(file *os.File, data []byte, perm fs.FileMode) error {
	if err := file.Chmod(perm); err != nil {
		return err
	}
	// In two parts, so that a test can stop between them.
	if _, err := file.Write(data[:len(data)/2]); err != nil {
		return err
	}
	at("half", file.Name())
	if _, err := file.Write(data[len(data)/2:]); err != nil {
		return err
	}
	at("written", file.Name())
	return file.Sync()
}

// SyncDir makes a rename, a link or a removal in dir survive a power cut.
func SyncDir(dir string) error {
	file, err := os.Open(dir) //nolint:gosec // a directory that was just written to
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// sweep removes what a crash left of unfinished writes to the named files, or
// to any file if none is named.
func sweep(dir string, names ...string) error {
	patterns := make([]string, 0, len(names)+1)
	for _, name := range names {
		patterns = append(patterns, "."+name+temporary+"*")
	}
	if len(names) == 0 {
		patterns = append(patterns, ".*"+temporary+"*")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		for _, pattern := range patterns {
			if ok, err := filepath.Match(pattern, entry.Name()); err != nil || !ok {
				continue
			}
			err := os.Remove(filepath.Join(dir, entry.Name()))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
