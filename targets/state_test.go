package targets

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"slipway/internal/compose"
)

// asOther does something as a user who is not root: on a thread of its own, which ends with that.
func asOther(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread()
		const nobody = 65534
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody)
		if errno == 0 {
			do()
		}
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Fatalf("become another user: %v", errno)
	}
}

// machine is a place for everything that decides where the state is, each open to everybody.
type machine struct{ system, checkout, home string }

func newMachine(t *testing.T) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{filepath.Join(dir, "system"), filepath.Join(dir, "checkout"), filepath.Join(dir, "home")}
	for _, d := range []string{filepath.Dir(dir), dir, m.checkout, m.home} {
		openFolder(t, d, 0o777)
	}
	return m
}

func openFolder(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

// of is where the state of shop is, for root or for another user.
func (m machine) of(t *testing.T, root bool, env map[string]string) (string, error) {
	t.Helper()
	if env == nil {
		env = map[string]string{"HOME": m.home}
	}
	at := statePlaces{system: m.system, root: root, env: func(key string) string { return env[key] }}
	project := compose.Project{Name: "shop", Dir: m.checkout}
	if root {
		return at.of(project)
	}
	var dir string
	var err error
	asOther(t, func() { dir, err = at.of(project) })
	return dir, err
}

func (m machine) want(t *testing.T, root bool, env map[string]string, want string) {
	t.Helper()
	if got, err := m.of(t, root, env); err != nil || got != want {
		t.Errorf("the state is in %q (%v), want %q", got, err, want)
	}
}

func TestCaseG5WhoIsNotRootHasTheirOwnStateDirectory(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.want(t, true, nil, filepath.Join(m.system, "shop"))
	m.want(t, false, nil, filepath.Join(m.home, ".local/state/slipway/shop"))
	m.want(t, false, map[string]string{"HOME": m.home, "XDG_STATE_HOME": "/xdg"}, "/xdg/slipway/shop")
	m.want(t, false, map[string]string{"HOME": m.home, "XDG_STATE_HOME": "relative"}, filepath.Join(m.home, ".local/state/slipway/shop"))
	m.want(t, false, map[string]string{"HOME": m.home, "STATE_DIR": "/named"}, "/named")
}

func TestCaseG5WithoutAHomeTheStateIsBesideTheComposeFiles(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	beside := filepath.Join(m.checkout, ".deploy/shop")
	openFolder(t, filepath.Join(m.home, "closed"), 0o500)
	for _, home := range []string{"", "/nonexistent", "relative", filepath.Join(m.home, "closed")} {
		m.want(t, false, map[string]string{"HOME": home}, beside)
	}
}

func TestCaseG5AnOlderStateBesideTheComposeFilesIsKept(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	openFolder(t, filepath.Join(m.checkout, ".deploy"), 0o777)
	openFolder(t, filepath.Join(m.checkout, ".deploy/shop"), 0o777)
	m.want(t, false, nil, filepath.Join(m.checkout, ".deploy/shop"))
	openFolder(t, m.system, 0o755)
	openFolder(t, filepath.Join(m.system, "shop"), 0o777)
	m.want(t, false, nil, filepath.Join(m.system, "shop"))
}

func TestCaseG5AnotherProjectOfRootIsNoHindrance(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	at := statePlaces{system: m.system, root: true}
	if err := at.share(filepath.Join(m.system, "other")); err != nil {
		t.Fatal(err)
	}
	openFolder(t, filepath.Join(m.system, "other"), 0o700)
	m.want(t, false, nil, filepath.Join(m.home, ".local/state/slipway/shop"))
}

func TestCaseG5AStateThatIsAnotherUsersIsAnErrorAndNoReasonForASecondOne(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	openFolder(t, m.system, 0o755)
	openFolder(t, filepath.Join(m.system, "shop"), 0o500)
	_, err := m.of(t, false, nil)
	if err == nil || !strings.Contains(err.Error(), "shop is another user's; run as "+userName(uint32(os.Getuid()))) {
		t.Errorf("the error is %v", err)
	}
}

func TestCaseG5AClosedFolderOfAllProjectsSaysWhoHasToOpenIt(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	mode := os.FileMode(0o700)
	if os.Geteuid() != 0 {
		mode = 0
	}
	openFolder(t, m.system, mode)
	t.Cleanup(func() { _ = os.Chmod(m.system, 0o700) })
	_, err := m.of(t, false, nil)
	if err == nil || !strings.Contains(err.Error(), "sudo chmod 0755 "+m.system) {
		t.Errorf("the error is %v", err)
	}
	if os.Geteuid() != 0 {
		_ = os.Chmod(m.system, 0o700)
	}
	at := statePlaces{system: m.system, root: true}
	if err := at.share(filepath.Join(m.system, "any")); err != nil {
		t.Fatal(err)
	}
	m.want(t, false, nil, filepath.Join(m.home, ".local/state/slipway/shop"))
}

func TestOnlyTheFolderOfAllProjectsIsOpened(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	openFolder(t, m.system, 0o700)
	for _, at := range []statePlaces{{system: m.system, root: false}, {system: m.home, root: true}} {
		if err := at.share(filepath.Join(m.system, "shop")); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(m.system); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is now %v, %v", info.Mode(), err)
	}
}
