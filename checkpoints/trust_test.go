package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// The users of these tests, who need not exist. The tests are root's.
const (
	anna = 64001
	ben  = 64002
)

// as does something as another user, on a thread of its own, which ends with that.
func as(t *testing.T, uid int, do func()) {
	t.Helper()
	if uid == 0 {
		do()
		return
	}
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread()
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)) //nolint:gosec // a uid
		if errno == 0 {
			do()
		}
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Fatalf("become user %d: %v", uid, errno)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house is a folder that everybody may look into, with a state directory of a
// user's two folders below it: house/home/state.
func house(t *testing.T, uid int) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		must(t, os.Chmod(d, 0o755)) //nolint:gosec // to be looked into
	}
	home := filepath.Join(dir, "home")
	must(t, os.Mkdir(home, 0o755)) //nolint:gosec // likewise
	must(t, os.Chown(home, uid, uid))
	as(t, uid, func() {
		store, err := Open(filepath.Join(home, "state"), "freshtrack")
		if err != nil {
			t.Error(err)
			return
		}
		if err := os.MkdirAll(filepath.Join(store.Dir(), "scripts/lib"), 0o700); err != nil {
			t.Error(err)
		}
		for _, script := range []string{"scripts/deploy.sh", "scripts/lib/lock.sh"} {
			if err := os.WriteFile(filepath.Join(store.Dir(), script), nil, 0o700); err != nil { //nolint:gosec // a script
				t.Error(err)
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return home
}

// opened is what a user is told who opens the state directory, to write and to
// read: the same.
func opened(t *testing.T, uid int, dir string) error {
	t.Helper()
	var errs [2]error
	as(t, uid, func() {
		_, errs[0] = Open(dir, "freshtrack")
		_, errs[1] = Look(dir, "freshtrack")
	})
	if (errs[0] == nil) != (errs[1] == nil) {
		t.Errorf("Open = %v, Look = %v", errs[0], errs[1])
	}
	return errs[0]
}

func TestAStateDirectoryThatSomebodyElseCouldChangeIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("only root can play several users")
	}
	chown := func(path string, uid int) func(*testing.T, string) {
		return func(t *testing.T, home string) { t.Helper(); must(t, os.Lchown(filepath.Join(home, path), uid, uid)) }
	}
	chmod := func(path string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, home string) { t.Helper(); must(t, os.Chmod(filepath.Join(home, path), mode)) }
	}
	link := func(path string, uid int) func(*testing.T, string) {
		return func(t *testing.T, home string) {
			t.Helper()
			path := filepath.Join(home, path)
			must(t, os.Rename(path, path+".moved"))
			must(t, os.Symlink(path+".moved", path))
			must(t, os.Lchown(path, uid, uid))
		}
	}
	for name, world := range map[string]struct {
		of, by int
		wrong  func(t *testing.T, home string)
		path   string // that is named; none when nothing is wrong
		words  string // of the remedy
	}{
		"root's own":                            {of: 0, by: 0},
		"a user's own":                          {of: anna, by: anna},
		"root in a user's":                      {anna, 0, nil, "home", "sudo chown -h root "},
		"a user in another one's":               {ben, anna, nil, "home", "sudo chown -h 64001 "},
		"the directory is another user's":       {0, 0, chown("state", ben), "home/state", "sudo chown -hR root "},
		"a script is another user's":            {0, 0, chown("state/scripts/deploy.sh", ben), "home/state/scripts/deploy.sh", "sudo chown -hR root "},
		"a sourced file is another user's":      {anna, anna, chown("state/scripts/lib/lock.sh", ben), "home/state/scripts/lib/lock.sh", "sudo chown -hR 64001 "},
		"the folder of scripts, too":            {0, 0, chown("state/scripts", ben), "home/state/scripts", "sudo chown -hR root "},
		"the directory is open to all":          {0, 0, chmod("state", 0o777), "home/state", "chmod go-w "},
		"the directory is open to its group":    {0, 0, chmod("state", 0o770), "home/state", "chmod go-w "},
		"a directory like /tmp":                 {0, 0, chmod("state", 0o777|os.ModeSticky), "home/state", "chmod go-w "},
		"a script is open to all":               {anna, anna, chmod("state/scripts/deploy.sh", 0o777), "home/state/scripts/deploy.sh", "chmod go-w "},
		"the folder above is open to all":       {anna, anna, chmod(".", 0o777), "home", "chmod go-w "},
		"the folder above is a foreign group's": {anna, anna, chmod(".", 0o775), "home", "chmod go-w "},
		"a folder above like /tmp":              {0, 0, chmod(".", 0o777|os.ModeSticky), "", ""},
		"a folder above of root's own group":    {0, 0, chmod(".", 0o775), "", ""},
		"another user's link leads there":       {0, 0, link("state", ben), "home/state", "sudo chown -hR root "},
		"the user's own link leads there":       {anna, anna, link("state", anna), "", ""},
		"another user's link in it":             {0, 0, link("state/scripts", ben), "home/state/scripts", "sudo chown -hR root "},
		"the user's own link in it":             {anna, anna, link("state/scripts", anna), "", ""},
		"a pipe in it": {0, 0, func(t *testing.T, home string) {
			t.Helper()
			must(t, syscall.Mkfifo(filepath.Join(home, "state/pipe"), 0o600))
		}, "home/state/pipe", "rm "},
		"a link out of it to what another user may change": {0, 0, func(t *testing.T, home string) {
			t.Helper()
			theirs := filepath.Join(home, "theirs")
			must(t, os.Mkdir(theirs, 0o700))
			must(t, os.Chown(theirs, ben, ben))
			must(t, os.Symlink(theirs, filepath.Join(home, "state/backups")))
		}, "home/theirs", "sudo chown -h root "},
	} {
		t.Run(name, func(t *testing.T) {
			home := house(t, world.of)
			if world.wrong != nil {
				world.wrong(t, home)
			}
			err := opened(t, world.by, filepath.Join(home, "state"))
			if world.path == "" {
				if err != nil {
					t.Errorf("it is refused: %v", err)
				}
				return
			}
			var found *TrustError
			if !errors.As(err, &found) {
				t.Fatalf("Open = %v, want a TrustError", err)
			}
			path := filepath.Join(filepath.Dir(home), world.path)
			if found.Path != path || !strings.Contains(err.Error(), path+" ") {
				t.Errorf("it names %s, want %s: %v", found.Path, path, err)
			}
			if hints := strings.Join(found.Hints(), "\n"); !strings.Contains(hints, world.words) {
				t.Errorf("the hints are %q, want one with %q", hints, world.words)
			}
		})
	}
}

func TestWhatARefusalSaysMendsIt(t *testing.T) {
	home := house(t, 0)
	dir := filepath.Join(home, "state")
	must(t, os.Chmod(dir, 0o777)) //nolint:gosec // that is the point
	must(t, os.Chmod(dir, 0o755)) //nolint:gosec // chmod go-w
	if err := opened(t, 0, dir); err != nil {
		t.Errorf("after chmod go-w: %v", err)
	}
}

func TestNothingIsMadeOnAWayThatIsNotTrusted(t *testing.T) {
	home := house(t, ben)
	dir := filepath.Join(home, "new/state")
	var untrusted *TrustError
	if err := opened(t, 0, dir); !errors.As(err, &untrusted) {
		t.Errorf("Open = %v, want a TrustError", err)
	}
	if _, err := os.Lstat(filepath.Dir(dir)); err == nil {
		t.Error("the folder was made")
	}
}

func TestALinkThatLeadsToItselfIsNoStateDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loop")
	must(t, os.Symlink(path, path))
	if err := opened(t, 0, path); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("Open = %v, want ELOOP", err)
	}
}
