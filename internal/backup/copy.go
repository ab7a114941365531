package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// CopyTo puts a copy of a backup that was made here into a folder, such as one of another machine, and returns its path. The
// copy is read and compared with what was written before it gets its name; nothing else in the folder is touched.
func (b Backup) CopyTo(dir string) (string, error) {
	target := filepath.Join(dir, b.Name())
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is there already", target)
	}
	half := target + ".partial"
	if err := os.RemoveAll(half); err != nil { // of a copy that was killed
		return "", err
	}
	if err := os.Mkdir(half, 0o700); err != nil {
		return "", err
	}
	for _, name := range append(slices.Sorted(maps.Keys(b.Manifest.Files)), manifestName) {
		if err := copyFile(filepath.Join(b.Path, name), filepath.Join(half, name)); err != nil {
			return "", errors.Join(err, os.RemoveAll(half))
		}
	}
	if err := b.Manifest.unchanged(half); err != nil {
		return "", errors.Join(err, os.RemoveAll(half))
	}
	if err := os.Rename(half, target); err != nil {
		return "", errors.Join(err, os.RemoveAll(half))
	}
	return target, syncFolder(dir)
}

// copyFile makes a new file of the same content, and durable.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, source)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncFolder makes a rename in a folder durable, where its file system can.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
