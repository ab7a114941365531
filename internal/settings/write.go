package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slipway/checkpoints"
)

// createFile puts a secret at path, durably, where nothing may be yet: of two runs that make a secret at once, one fails
// instead of taking the other's away. Its readers can read it from its first moment on, as far as we may see to that.
func createFile(path, secret string, readers []int) error {
	temp := path + ".new"
	if err := checkpoints.WriteFile(temp, []byte(secret), 0o600); err != nil {
		return err
	}
	err := Serve(temp, readers)
	if err == nil {
		err = os.Link(temp, path)
	}
	if err := errors.Join(err, os.Remove(temp)); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// Serve lets the readers of a secret that we made read it, as far as we may see to that.
func Serve(path string, readers []int) error {
	us := os.Geteuid()
	want, _ := wanted(readers, us, us, isClosed(filepath.Dir(path)))
	err := os.Chmod(path, want.mode)
	if want.uid != us {
		err = errors.Join(err, os.Chown(path, want.uid, -1))
	}
	return err
}

// Widen lets readers read a secret that is there and that they cannot, where it is ours and its folder is closed: everybody may then,
// and nobody loses what they had. It tells whether it did.
func Widen(path string, readers []int) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, nil //nolint:nilerr // whoever reads it says so
	}
	owner, us, mode := ownerOf(info), os.Geteuid(), info.Mode().Perm()
	blocked := len(strangers(readers, owner)) > 0 && mode&0o044 == 0
	if !blocked || us != 0 && us != owner || !isClosed(filepath.Dir(path)) {
		return false, nil
	}
	return true, os.Chmod(path, mode|0o444)
}

// createDir makes the directory of secret files, which nobody else may enter.
func createDir(dir string) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create %s: %w", dir, bare(err))
	}
	return nil
}

func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", dir, bare(err))
	case !info.IsDir():
		return refuse(Problem{Path: dir, Why: "is no directory; one is needed in its place"})
	}
	return nil
}

func syncDir(dir string) error {
	opened, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, bare(err))
	}
	if err := errors.Join(opened.Sync(), opened.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
