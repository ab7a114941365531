// Package scripts carries the shell scripts that act on the machine and on the
// engine, and the module that pins Docker's plugins, so that one binary is enough to deploy. Each script is usable by hand
// from a checkout, too; its header says how.
package scripts

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed *.sh lib/*.sh plugins.mod plugins.sum
var files embed.FS

// Unpack writes the scripts below dir, readable and executable by their owner
// alone. A file that is already right is left as it is; any other is replaced in
// one rename, so that a script which is running keeps the text it began with.
func Unpack(dir string) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read the embedded scripts: %w", err)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return fmt.Errorf("unpack the scripts: %w", err)
			}
			return nil
		}
		want, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read the embedded script %s: %w", name, err)
		}
		if same(path, want) {
			return nil
		}
		if err := replace(path, want); err != nil {
			return fmt.Errorf("unpack the script %s: %w", name, err)
		}
		return nil
	})
}

func same(path string, want []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o700 {
		return false
	}
	have, err := os.ReadFile(path)
	return err == nil && bytes.Equal(have, want)
}

// replace needs no fsync: what a power cut leaves behind differs, and is written
// again by the next Unpack.
func replace(path string, data []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".unpack-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(data)
	if err == nil {
		err = temp.Chmod(0o700)
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
