package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ComposeFiles checks that the compose files are there, as files, and in the
// order the destination demands: a later file overrides an earlier one, so
// another order is another stack. Paths are relative to dir. order may be nil
// where the operator chooses.
func ComposeFiles(dir string, files, order []string) Check {
	return Check{Name: "compose files", Look: func(context.Context) Finding {
		if order != nil && !slices.Equal(files, order) {
			return Fail(fmt.Sprintf("%s instead of %s", strings.Join(files, ", "), strings.Join(order, ", ")),
				"unset COMPOSE_FILE, or name them in that order")
		}
		for _, file := range files {
			path := file
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, file)
			}
			info, err := os.Stat(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return Fail(file+" is missing", "restore it: git checkout -- "+path)
			case err != nil:
				return Fail(err.Error(), "look with: ls -l "+path)
			case !info.Mode().IsRegular():
				return Fail(file+" is not a file", "look with: ls -ld "+path)
			}
			if err := unix.Access(path, unix.R_OK); err != nil {
				return Fail(fmt.Sprintf("%s cannot be read: %v", file, err), "look with: ls -l "+path)
			}
		}
		return OK(strings.Join(files, ", "))
	}}
}

// StateDirectory checks that the checkpoints can be written. A directory that
// is not there yet is judged by the parent it will be made in; nothing is made.
func StateDirectory(dir string) Check {
	return Check{Name: "state", Look: func(context.Context) Finding {
		existing, err := nearest(dir)
		if err != nil {
			return Fail(err.Error(), "look with: ls -ld "+dir)
		}
		info, err := os.Stat(existing)
		if err != nil {
			return Fail(err.Error(), "look with: ls -ld "+dir)
		}
		if !info.IsDir() {
			return Fail(existing+" is not a directory", "move it away, or set STATE_DIR")
		}
		if err := unix.Access(existing, unix.W_OK|unix.X_OK); err != nil {
			return Fail(fmt.Sprintf("%s cannot be written: %v", existing, err), "set STATE_DIR, or: sudo chown $USER "+existing)
		}
		return OK(dir)
	}}
}

// Scaling warns about services that cannot run twice at the same time, because
// of a container_name or a fixed host port: they are replaced with a gap.
func Scaling(services []string) Check {
	return Check{Name: "scaling", Look: func(context.Context) Finding {
		if len(services) == 0 {
			return OK("every service can run more than once")
		}
		return Warn(strings.Join(services, ", ")+": a container_name or a fixed host port allows one container only, so it is replaced with a short gap",
			"none, if that is meant; otherwise remove container_name and the host's side of the port")
	}}
}
