package scripts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The users of these tests, who need not exist. The tests are root's.
const (
	anna = 64001
	ben  = 64002
)

// checkTrust asks the script, as a user, whether a state directory may be trusted.
func checkTrust(t *testing.T, uid uint32, dir string) (code int, said string) {
	t.Helper()
	var text bytes.Buffer
	for _, name := range []string{"lib/output.sh", "lib/state.sh"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	text.WriteString("set -euo pipefail\ncheck_trust \"$1\"\n")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", text.String(), "deploy.sh", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestByHandAStateDirectoryThatSomebodyElseCouldChangeIsRefused has the worlds of the test of the same name in checkpoints.
func TestByHandAStateDirectoryThatSomebodyElseCouldChangeIsRefused(t *testing.T) {
	t.Parallel()
	chown := func(path string, uid int) func(*testing.T, string) error {
		return func(_ *testing.T, home string) error { return os.Lchown(filepath.Join(home, path), uid, uid) }
	}
	chmod := func(path string, mode os.FileMode) func(*testing.T, string) error {
		return func(_ *testing.T, home string) error { return os.Chmod(filepath.Join(home, path), mode) }
	}
	link := func(path string, uid int) func(*testing.T, string) error {
		return func(t *testing.T, home string) error {
			t.Helper()
			path := filepath.Join(home, path)
			if err := os.Rename(path, path+".moved"); err != nil {
				return err
			}
			if err := os.Symlink(path+".moved", path); err != nil {
				return err
			}
			return os.Lchown(path, uid, uid)
		}
	}
	for name, world := range map[string]struct {
		of    int
		by    uint32
		wrong func(t *testing.T, home string) error
		path  string // that is named; none when nothing is wrong
		words string // of the remedy
	}{
		"root's own":                            {of: 0, by: 0},
		"a user's own":                          {of: anna, by: anna},
		"root in a user's":                      {anna, 0, nil, "home", "sudo chown -h root "},
		"a user in another one's":               {ben, anna, nil, "home", "sudo chown -h 64001 "},
		"the directory is another user's":       {0, 0, chown("state", ben), "home/state", "sudo chown -hR root "},
		"what is in it is another user's":       {0, 0, chown("state/lock", ben), "home/state/lock", "sudo chown -hR root "},
		"the directory is open to all":          {0, 0, chmod("state", 0o777), "home/state", "chmod go-w "},
		"the directory is open to its group":    {0, 0, chmod("state", 0o770), "home/state", "chmod go-w "},
		"a directory like /tmp":                 {0, 0, chmod("state", 0o777|os.ModeSticky), "home/state", "chmod go-w "},
		"what is in it is open to all":          {anna, anna, chmod("state/lock", 0o666), "home/state/lock", "chmod go-w "},
		"the folder above is open to all":       {anna, anna, chmod(".", 0o777), "home", "chmod go-w "},
		"the folder above is a foreign group's": {anna, anna, chmod(".", 0o775), "home", "chmod go-w "},
		"a folder above like /tmp":              {0, 0, chmod(".", 0o777|os.ModeSticky), "", ""},
		"a folder above of root's own group":    {0, 0, chmod(".", 0o775), "", ""},
		"another user's link leads there":       {0, 0, link("state", ben), "home/state", "sudo chown -hR root "},
		"the user's own link leads there":       {anna, anna, link("state", anna), "", ""},
		"another user's link in it":             {0, 0, link("state/lock", ben), "home/state/lock", "sudo chown -hR root "},
		"the user's own link in it":             {anna, anna, link("state/lock", anna), "", ""},
		"a pipe in it": {0, 0, func(_ *testing.T, home string) error {
			return syscall.Mkfifo(filepath.Join(home, "state/pipe"), 0o600)
		}, "home/state/pipe", "rm "},
		"a link out of it to what another user may change": {0, 0, func(t *testing.T, home string) error {
			t.Helper()
			theirs := filepath.Join(home, "theirs")
			if err := os.Mkdir(theirs, 0o700); err != nil {
				return err
			}
			if err := os.Chown(theirs, ben, ben); err != nil {
				return err
			}
			return os.Symlink(theirs, filepath.Join(home, "state/backups"))
		}, "home/theirs", "sudo chown -h root "},
		"it leads to itself": {0, 0, func(_ *testing.T, home string) error {
			state := filepath.Join(home, "state")
			if err := os.RemoveAll(state); err != nil {
				return err
			}
			return os.Symlink(state, state)
		}, "home/state", "too many symbolic links"},
		"there is none yet": {anna, anna, func(_ *testing.T, home string) error { return os.RemoveAll(filepath.Join(home, "state")) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, d := range []string{filepath.Dir(dir), dir} {
				if err := os.Chmod(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			home := filepath.Join(dir, "home")
			if err := os.MkdirAll(filepath.Join(home, "state"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(home, "state/lock"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"", "state", "state/lock"} {
				if err := os.Chown(filepath.Join(home, path), world.of, world.of); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(home, 0o755); err != nil {
				t.Fatal(err)
			}
			if world.wrong != nil {
				if err := world.wrong(t, home); err != nil {
					t.Fatal(err)
				}
			}
			code, said := checkTrust(t, world.by, filepath.Join(home, "state"))
			if world.path == "" {
				if code != 0 {
					t.Errorf("it is refused: exit %d, %s", code, said)
				}
				return
			}
			if code != 3 || !strings.Contains(said, ": "+filepath.Join(dir, world.path)+" ") || !strings.Contains(said, world.words) {
				t.Errorf("exit %d, want 3, %s and %q named:\n%s", code, world.path, world.words, said)
			}
		})
	}
}
