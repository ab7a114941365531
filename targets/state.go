package targets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway/internal/compose"
)

// systemState is where the state of every project is that root deploys. Anybody may look which projects have theirs there;
// what is in a project's folder is its owner's.
const systemState = "/var/lib/slipway"

// stateDir is the folder of the project's state: the same for whoever deploys the project from here, since a second one
// would be a second memory. scripts/lib/state.sh decides in the same way.
func stateDir(p compose.Project) (string, error) {
	return places().of(p)
}

func places() statePlaces {
	return statePlaces{system: systemState, root: os.Geteuid() == 0, env: os.Getenv}
}

// statePlaces is what decides where the state of a project is.
type statePlaces struct {
	system string
	root   bool
	env    func(string) string
}

// of is STATE_DIR; else the project's folder under /var/lib, where it is there or we are root; else .deploy beside the compose
// files, where an older version made one; else the user's own state directory; else, without a home, .deploy.
func (at statePlaces) of(p compose.Project) (string, error) {
	if dir := at.env("STATE_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	system := filepath.Join(at.system, p.Name)
	if at.root {
		return system, nil
	}
	there, err := at.exists(system)
	if err != nil || there {
		return system, err
	}
	beside := filepath.Join(p.Dir, ".deploy", p.Name)
	there, err = at.exists(beside)
	if err != nil || there {
		return beside, err
	}
	if own := at.own(); own != "" {
		return filepath.Join(own, "slipway", p.Name), nil
	}
	return beside, nil
}

// exists looks for a folder that is there already. One that cannot be used is an error and no reason for another one.
func (at statePlaces) exists(dir string) (bool, error) {
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, fs.ErrPermission) && filepath.Dir(dir) == at.system:
		return false, fmt.Errorf("state directory: %s is closed to you, so that nobody can tell whether %s is deployed from there; "+
			"let root deploy from it once more, or: sudo chmod 0755 %[1]s", at.system, filepath.Base(dir))
	case err != nil:
		return false, fmt.Errorf("state directory: %w; run as the user who deployed last, or name another with STATE_DIR", err)
	}
	if unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) != nil {
		return false, fmt.Errorf("state directory: %s is another user's; run as %s, or name another with STATE_DIR", dir, ownerOf(dir))
	}
	return true, nil
}

// own is where the user's programs keep their state; empty without a home that can be written to.
func (at statePlaces) own() string {
	if base := at.env("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return base
	}
	home := at.env("HOME")
	if !filepath.IsAbs(home) || unix.Access(home, unix.W_OK|unix.X_OK) != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}

// share opens the folder of all projects to those who have to see which projects are there, where the state is under it. Earlier
// versions made it for root alone.
func (at statePlaces) share(dir string) error {
	if filepath.Dir(dir) != at.system || !at.root {
		return nil
	}
	const open = 0o755
	if err := os.MkdirAll(at.system, open); err != nil { //nolint:gosec // names of projects; what is in their folders is closed
		return fmt.Errorf("state directory: %w", err)
	}
	if info, err := os.Stat(at.system); err != nil || info.Mode().Perm() == open {
		return err
	}
	if err := os.Chmod(at.system, open); err != nil { //nolint:gosec // likewise
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

// ownerOf is who owns a folder, as a command to become that user would name them.
func ownerOf(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return "its owner"
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner"
	}
	return userName(owner.Uid)
}
