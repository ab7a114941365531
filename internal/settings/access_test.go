package settings

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCaseG1ASecretHasTheLeastAccessThatServesItsReaders(t *testing.T) {
	for _, c := range []struct {
		readers   []int
		owner, us int
		closed    bool
		want      string
	}{
		{nil, 0, 0, true, "uid 0, 0600, true"},
		{[]int{0}, 0, 0, false, "uid 0, 0600, true"},
		{[]int{1000}, 0, 0, true, "uid 1000, 0600, true"},
		{[]int{0, 1000, 1000}, 0, 0, false, "uid 1000, 0600, true"},
		{[]int{1000, 70}, 0, 0, true, "uid 0, 0644, true"},
		{[]int{1000, 70}, 0, 0, false, "uid 0, 0600, false"},
		{[]int{1000}, 1000, 1000, false, "uid 1000, 0600, true"},
		{[]int{0, 1000}, 1000, 0, false, "uid 1000, 0600, true"},
		{[]int{70}, 1000, 1000, true, "uid 1000, 0644, true"},
		{[]int{70}, 1000, 1000, false, "uid 1000, 0600, false"},
		{[]int{Somebody}, 0, 0, true, "uid 0, 0644, true"},
		{[]int{Somebody}, 0, 0, false, "uid 0, 0600, false"},
		{[]int{Somebody, 0}, 1000, 1000, true, "uid 1000, 0644, true"},
		{[]int{70}, 1000, 0, true, "uid 1000, 0644, true"}, // the operator's own file is not taken from them
	} {
		got, served := wanted(c.readers, c.owner, c.us, c.closed)
		if text := fmt.Sprintf("uid %d, %04o, %v", got.uid, got.mode, served); text != c.want {
			t.Errorf("readers %v, owner %d, we are %d, closed %v: %s, want %s", c.readers, c.owner, c.us, c.closed, text, c.want)
		}
	}
}

// readableAs tells whether a process of that uid can read a file that somebody else has opened the way to, as the engine
// does for a bind mount: the folders above it do not count.
func readableAs(t *testing.T, path string, uid int) bool {
	t.Helper()
	const oPath = 0x200000
	fd, err := syscall.Open(path, oPath, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	cmd := exec.Command("cat", "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{file}
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	cmd.Dir = "/"
	return cmd.Run() == nil
}

// strange is another uid than ours where we can become one.
func strange(n int) int {
	if os.Geteuid() == 0 {
		return n
	}
	return os.Geteuid()
}

func TestCaseG1AGeneratedSecretIsReadByItsReaders(t *testing.T) {
	for _, readers := range [][]int{nil, {0}, {strange(1000)}, {0, strange(1000)}, {strange(1000), strange(70)}} {
		dir := t.TempDir()
		plan, _, err := Collect(dir, []Setting{{Key: "X", Generate: 32, File: "secrets/x", Readers: readers}}, open(t, filepath.Join(dir, ".env")), nothing)
		if err != nil {
			t.Fatal(err)
		}
		applied, err := plan.Apply(now)
		if err != nil || len(applied.Warnings) > 0 {
			t.Fatalf("%v: %v, %v", readers, applied.Warnings, err)
		}
		path := filepath.Join(dir, "secrets/x")
		for _, uid := range readers {
			if uid != 0 && !readableAs(t, path, uid) {
				t.Errorf("%v: uid %d cannot read it", readers, uid)
			}
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v: the folder: %v, %v", readers, info.Mode(), err)
		}
		if len(strangers(readers, os.Geteuid())) < 2 {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v: %v, %v", readers, info.Mode(), err)
			}
		}
	}
}

func TestASecretIsOpenedToANewReaderAndNobodyLosesIt(t *testing.T) {
	one, two := strange(1000), strange(70)
	for _, c := range []struct {
		folder, mode os.FileMode
		readers      []int
		want         os.FileMode
	}{
		{0o700, 0o600, []int{one, two}, 0o644},
		{0o700, 0o600, []int{0}, 0o600},
		{0o700, 0o644, []int{one}, 0o644},
		{0o700, 0o640, []int{one}, 0o640}, // its group may be the reader's
		{0o755, 0o600, []int{one}, 0o600}, // everybody on the machine would read it
	} {
		path := filepath.Join(t.TempDir(), "secrets", "x")
		write(t, path, canary, c.mode)
		if err := os.Chmod(filepath.Dir(path), c.folder); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() != 0 {
			c.want = c.mode // then the strange readers are ourselves
		}
		widened, err := Widen(path, c.readers)
		info, errStat := os.Stat(path)
		if err != nil || errStat != nil || widened != (c.want != c.mode) || info.Mode().Perm() != c.want {
			t.Errorf("%04o in %04o for %v: widened %v to %v, want %04o; %v", c.mode, c.folder, c.readers, widened, info.Mode(), c.want, err)
		}
	}
}

// TestCaseG1NoRemedyTakesASecretFromItsReader follows what is said of every mode, in both kinds of folder.
func TestCaseG1NoRemedyTakesASecretFromItsReader(t *testing.T) {
	one, two := strange(1000), strange(70)
	for _, readers := range [][]int{nil, {0}, {one}, {0, one}, {one, two}} {
		for _, folder := range []os.FileMode{0o700, 0o755} {
			for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o444} {
				for _, name := range []string{"secrets/x", "x"} {
					dir := t.TempDir()
					path := filepath.Join(dir, name)
					write(t, path, canary, mode)
					if err := os.Chmod(filepath.Dir(path), folder); err != nil {
						t.Fatal(err)
					}
					follow(t, dir, Setting{Key: "X", File: name, Readers: readers}, fmt.Sprintf("%s %04o in %04o for %v", name, mode, folder, readers))
				}
			}
		}
	}
}

// follow collects a secret that is there, follows the remedies and checks that who could read it still can.
func follow(t *testing.T, dir string, s Setting, name string) {
	t.Helper()
	path := s.path(dir)
	before := map[int]bool{}
	for _, uid := range []int{strange(1000), strange(70)} {
		before[uid] = readableAs(t, path, uid)
	}
	collect := func() []Problem {
		plan, _, err := Collect(dir, []Setting{s}, open(t, filepath.Join(dir, ".env")), nothing)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return plan.Warnings
	}
	remedied := true
	for _, w := range collect() {
		if strings.Contains(w.String(), canary) {
			t.Errorf("%s: the value is shown", name)
		}
		remedied = remedied && w.Remedy != ""
		if out, err := exec.Command("sh", "-c", w.Remedy).CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %v %s", name, w.Remedy, err, out)
		}
	}
	for uid, could := range before {
		reads := s.Readers == nil // then anybody may
		for _, reader := range s.Readers {
			reads = reads || reader == uid
		}
		if can := readableAs(t, path, uid); reads && could && !can {
			t.Errorf("%s: uid %d cannot read it any more", name, uid)
		} else if reads && s.Readers != nil && remedied && !can && !couldByGroup(t, path) {
			t.Errorf("%s: uid %d still cannot read it", name, uid)
		}
	}
	if again := collect(); remedied && len(again) > 0 {
		t.Errorf("%s: after the remedy: %v", name, again)
	}
}

func couldByGroup(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()&0o040 != 0
}

// TestAnOperatorsEnvFileKeepsItsOwnerAtEveryInstant so that a run that is killed takes it from nobody.
func TestAnOperatorsEnvFileKeepsItsOwnerAtEveryInstant(t *testing.T) {
	operator := strange(1234)
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, "A=1\n", 0o640)
	if err := os.Chown(path, operator, -1); err != nil {
		t.Fatal(err)
	}
	done, seen := make(chan struct{}), make(chan string)
	go func() {
		other := ""
		for {
			if info, err := os.Stat(path); err != nil || ownerOf(info) != operator || info.Mode().Perm() != 0o640 {
				other = fmt.Sprint(info, err)
			}
			select {
			case <-done:
				seen <- other
				return
			default:
			}
		}
	}()
	for n := range 50 {
		file := open(t, path)
		if err := file.Set("A", fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(now); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	if other := <-seen; other != "" {
		t.Errorf("for a moment it was %s", other)
	}
}

func TestAnEnvFileOfSomebodyElseIsNotTakenFromThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, "A=1\n", 0o660)
	file := open(t, path)
	owner := os.Geteuid()
	if err := file.keepsOwner(owner + 1); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("belongs to uid %d", owner)) {
		t.Errorf("%v", err)
	}
	for _, us := range []int{0, owner} {
		if err := file.keepsOwner(us); err != nil {
			t.Errorf("uid %d: %v", us, err)
		}
	}
}
