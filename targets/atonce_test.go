//go:build engine

package targets_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// crowd is one project that many deploy, each in their own way.
type crowd struct {
	*demo
	log  string // each act of each of them: RUN begin, RUN end
	gate string // a pipe that an act which brings a service up reads first, where there is one
}

// dockerActs is docker in front of docker: it writes down which run acts, and waits at the gate.
const dockerActs = `#!/bin/sh
case "$1 $2" in
"compose build" | "compose up")
    echo "$RUN begin" >>"$ACTS"
    [ "$2" != up ] || [ ! -p "$ACTS.gate" ] || [ -n "$LEAVES" ] || read -r _ <"$ACTS.gate"
    /usr/bin/env PATH="${PATH#*:}" docker "$@"
    code=$?
    [ -z "$LEAVES" ] || { read -r _ <"$ACTS.gate" & }
    echo "$RUN end" >>"$ACTS"
    exit "$code"
    ;;
esac
exec /usr/bin/env PATH="${PATH#*:}" docker "$@"
`

// nobody is a user who has nothing but the engine's socket.
const nobody = 65534

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	d := newDemo(t, map[string]string{"compose.yaml": "services:\n  web: {build: ./app, command: [serve], healthcheck: {test: [CMD, /program, check], interval: 1s}}\n"})
	c := &crowd{demo: d, log: filepath.Join(d.dir, "acts/log")}
	c.gate = c.log + ".gate"
	t.Cleanup(func() {
		for _, id := range c.locks() {
			_ = exec.Command("docker", "network", "rm", id).Run()
		}
	})
	d.write("acts/log", "")
	d.write("acts/bin/docker", dockerActs)
	for path, mode := range map[string]os.FileMode{"..": 0o755, "acts/log": 0o666, "acts/bin/docker": 0o755} { // for every user
		if err := os.Chmod(filepath.Join(d.dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	binaries, err := demoBinaries()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(binaries, "mage"))
	if err == nil {
		err = os.WriteFile(filepath.Join(d.dir, "acts/bin/mage"), data, 0o755)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(d.dir, "acts/scripts"), os.DirFS("../scripts"))
	}
	if err != nil {
		t.Fatal(err)
	}
	d.declare()
	return c
}

// locks are the locks of the project that the engine has.
func (c *crowd) locks() []string {
	c.t.Helper()
	return strings.Fields(c.docker("network", "ls", "--quiet", "--no-trunc", "--filter", "label=slipway.lock="+c.project))
}

// checkout is a copy of the stack, for one of them.
func (c *crowd) checkout(name string) string {
	c.t.Helper()
	dir := filepath.Join(c.dir, "checkouts", name)
	for _, path := range []string{"app", "compose.yaml", "stack.json"} {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			c.t.Fatal(err)
		}
		output(c.t, c.dir, "cp", "-r", path, to)
	}
	return dir
}

// deployment prepares one: by mage or by hand, as a user, from a checkout and with a state directory of its own.
func (c *crowd) deployment(name string, uid uint32, argv ...string) *exec.Cmd {
	c.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = c.checkout(name)
	home := filepath.Join(c.dir, "homes", name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Chown(home, int(uid), int(uid)); err != nil {
		c.t.Fatal(err)
	}
	cmd.Env = c.environ(name, cmd.Dir, "HOME="+home)
	if uid == 0 {
		cmd.Env = append(cmd.Env, "STATE_DIR="+filepath.Join(home, "state"))
		return cmd
	}
	socket, err := os.Stat("/var/run/docker.sock")
	if err != nil {
		c.t.Fatal(err)
	}
	group := socket.Sys().(*syscall.Stat_t).Gid
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{group}}}
	return cmd
}

func (c *crowd) environ(name, checkout string, more ...string) []string {
	return append([]string{
		"PATH=" + filepath.Join(c.dir, "acts/bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"RUN=" + name, "ACTS=" + c.log, "COMPOSE_PROJECT_NAME=" + c.project, "COMPOSE_FILE=" + filepath.Join(checkout, "compose.yaml"),
	}, more...)
}

func (c *crowd) byMage(name string, uid uint32, flags ...string) *exec.Cmd {
	argv := append([]string{filepath.Join(c.dir, "acts/bin/mage"), "deploy", "-skip=prerequisites,verify", "-passes=1"}, flags...)
	cmd := c.deployment(name, uid, argv...)
	cmd.Env = append(cmd.Env, "COMPOSE_FILE=") // the declaration's
	return cmd
}

func (c *crowd) byHand(name string, uid uint32) *exec.Cmd {
	return c.deployment(name, uid, "bash", filepath.Join(c.dir, "acts/scripts/deploy.sh"), "up", "web")
}

// inAContainer deploys by hand in a container that has the engine's socket, and the programs of this machine.
func (c *crowd) inAContainer(name string) *exec.Cmd {
	checkout := c.checkout(name)
	argv := []string{"run", "--rm", "--name", c.project + "-" + name, "--entrypoint", "/usr/bin/bash"}
	for from, to := range map[string]string{
		"/usr": "/usr", "/usr/bin": "/bin", "/usr/lib": "/lib", "/usr/lib64": "/lib64", "/etc/passwd": "/etc/passwd",
		"/var/run/docker.sock": "/var/run/docker.sock", c.dir: c.dir,
	} {
		argv = append(argv, "--volume", from+":"+to)
	}
	for _, pair := range c.environ(name, checkout, "HOME=/root") {
		argv = append(argv, "--env", pair)
	}
	return exec.Command("docker", append(argv, c.project+"/demo:1", filepath.Join(c.dir, "acts/scripts/deploy.sh"), "up", "web")...)
}

// ranToEnd runs a deployment to its end.
func ranToEnd(cmd *exec.Cmd) (code int, said string) {
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestDeploymentsBegunAtOnceNeverActTwoAtATime is the short form of the one in soak_test.go.
func TestDeploymentsBegunAtOnceNeverActTwoAtATime(t *testing.T) { atOnce(t, 10) }

// atOnce begins deployments of one project in five ways at once. Each comes to its end: by mage it waits, by hand it is begun
// again for as long as it is refused.
func atOnce(t *testing.T, count int) {
	c := newCrowd(t)
	c.image("demo:1")
	ways := []func(name string) *exec.Cmd{
		func(name string) *exec.Cmd { return c.byMage(name, 0, "-wait=1h") },
		func(name string) *exec.Cmd { return c.byHand(name, 0) },
		func(name string) *exec.Cmd { return c.byMage(name, nobody, "-wait=1h") },
		func(name string) *exec.Cmd { return c.byHand(name, nobody) },
		c.inAContainer,
	}
	if code, said := ranToEnd(c.byMage("first", 0)); code != 0 {
		t.Fatalf("the first deployment: exit %d\n%s", code, said)
	}
	var all sync.WaitGroup
	var again sync.Mutex // of those that were refused, one at a time tries again: a hundred leave nothing for the one that acts
	begin := make(chan struct{})
	for n := range count {
		name := fmt.Sprintf("run-%d", n)
		cmd := ways[n%len(ways)](name)
		all.Go(func() {
			<-begin
			code, said := ranToEnd(cmd)
			if code == 11 {
				again.Lock()
				defer again.Unlock()
			}
			for code == 11 && strings.Contains(said, "another deployment holds the lock on the engine: ") {
				next := exec.Command(cmd.Args[0], cmd.Args[1:]...)
				next.Dir, next.Env, next.SysProcAttr = cmd.Dir, cmd.Env, cmd.SysProcAttr
				code, said = ranToEnd(next)
			}
			if code != 0 {
				t.Errorf("%s: exit %d\n%s", name, code, said)
			}
		})
	}
	close(begin)
	all.Wait()
	c.oneAfterTheOther(count + 1)
	if left := c.locks(); len(left) > 0 {
		t.Errorf("locks are left: %v", left)
	}
	c.settled()
}

// oneAfterTheOther fails the test when a run acts while another one does, or between two acts of another one.
func (c *crowd) oneAfterTheOther(runs int) {
	c.t.Helper()
	file, err := os.Open(c.log)
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	seen := map[string]bool{}
	last, acting := "", false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		run, what, _ := strings.Cut(lines.Text(), " ")
		if run != last && (acting || seen[run]) {
			c.t.Errorf("%s acts at the same time as %s", run, last)
		}
		seen[run], last, acting = true, run, what == "begin"
	}
	if len(seen) != runs {
		c.t.Errorf("%d runs acted, want %d: %v", len(seen), runs, seen)
	}
}

// TestAKilledRunsScriptHoldsTheProjectForEverybodyAndNothingIsLeftToUnlock kills mage while its script acts, and looks from
// another state directory.
func TestAKilledRunsScriptHoldsTheProjectForEverybodyAndNothingIsLeftToUnlock(t *testing.T) {
	c := newCrowd(t)
	if err := unix.Mkfifo(c.gate, 0o600); err != nil {
		t.Fatal(err)
	}
	killed := c.byMage("killed", 0)
	killed.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	gate, err := os.OpenFile(c.gate, os.O_WRONLY, 0) // opens when the script has come to the gate
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()

	for name, other := range map[string]*exec.Cmd{"by mage": c.byMage("other", 0), "by hand": c.byHand("hand", 0), "as another user": c.byMage("user", nobody)} {
		code, said := ranToEnd(other)
		if code != 11 || !strings.Contains(said, "another deployment holds the lock on the engine: pid ") || strings.Contains(said, "docker network rm") {
			t.Errorf("%s: exit %d, want 11, the holder, and no way around it that is not needed\n%s", name, code, said)
		}
	}
	status := c.deployment("other-status", 0, filepath.Join(c.dir, "acts/bin/mage"), "status")
	status.Env = append(status.Env, "COMPOSE_FILE=")
	if code, said := ranToEnd(status); code != 0 || !strings.Contains(said, "\nheld by ") || !strings.Contains(said, "next: wait: deploy is running") {
		t.Errorf("status: exit %d\n%s", code, said)
	}
	c.settledBeside()

	if err := gate.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(c.gate); err != nil {
		t.Fatal(err)
	}
	if code, said := ranToEnd(c.byMage("next", nobody, "-wait=10m")); code != 0 {
		t.Errorf("the next deployment: exit %d\n%s", code, said)
	}
	if left := c.locks(); len(left) > 0 {
		t.Errorf("locks are left: %v", left)
	}
}

// TestByHandAChildThatGoesOnKeepsTheProject lets the script end before what it started.
func TestByHandAChildThatGoesOnKeepsTheProject(t *testing.T) {
	c := newCrowd(t)
	if code, said := ranToEnd(c.byMage("first", 0)); code != 0 {
		t.Fatalf("the first deployment: exit %d\n%s", code, said)
	}
	if err := unix.Mkfifo(c.gate, 0o600); err != nil {
		t.Fatal(err)
	}
	script := c.byHand("script", 0)
	script.Env = append(script.Env, "LEAVES=a child")
	script.Stdout, script.Stderr = nil, nil
	if err := script.Run(); err != nil {
		t.Fatal(err)
	}
	if code, said := ranToEnd(c.byHand("other", nobody)); code != 11 || strings.Contains(said, "docker network rm") {
		t.Errorf("while the child ran: exit %d, want 11\n%s", code, said)
	}
	gate, err := os.OpenFile(c.gate, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(gate.Close(), os.Remove(c.gate)); err != nil {
		t.Fatal(err)
	}
	if code, said := ranToEnd(c.byMage("next", nobody, "-wait=10m")); code != 0 {
		t.Errorf("the next deployment: exit %d\n%s", code, said)
	}
	if left := c.locks(); len(left) > 0 {
		t.Errorf("locks are left: %v", left)
	}
}

// TestTheLockOfAContainerThatWasKilledIsNobodys kills a deployment with the container that it is in, as a CI job is cancelled.
func TestTheLockOfAContainerThatWasKilledIsNobodys(t *testing.T) {
	c := newCrowd(t)
	c.image("demo:1")
	if code, said := ranToEnd(c.byMage("first", 0)); code != 0 {
		t.Fatalf("the first deployment: exit %d\n%s", code, said)
	}
	for name, next := range map[string]*exec.Cmd{"container": c.inAContainer("next"), "host": c.byHand("host", nobody)} {
		if err := unix.Mkfifo(c.gate, 0o600); err != nil {
			t.Fatal(err)
		}
		killed := c.inAContainer("killed-" + name)
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		gate, err := os.OpenFile(c.gate, os.O_WRONLY, 0) // opens when the script has come to the gate
		if err != nil {
			t.Fatal(err)
		}
		if code, said := ranToEnd(c.inAContainer("refused-" + name)); code != 11 || !strings.Contains(said, "docker network rm "+strings.Join(c.locks(), "")) {
			t.Errorf("%s: while it ran: exit %d, want 11 and the command that ends its lock\n%s", name, code, said)
		}
		c.docker("kill", c.project+"-killed-"+name)
		_ = killed.Wait()
		if err := errors.Join(gate.Close(), os.Remove(c.gate)); err != nil {
			t.Fatal(err)
		}
		if code, said := ranToEnd(next); code != 0 {
			t.Errorf("%s: the next deployment: exit %d\n%s", name, code, said)
		}
	}
	if left := c.locks(); len(left) > 0 {
		t.Errorf("locks are left: %v", left)
	}
}

// settledBeside fails the test when Compose sees the lock that is held: as an orphan, or as something to remove.
func (c *crowd) settledBeside() {
	c.t.Helper()
	if len(c.locks()) != 1 {
		c.t.Errorf("the locks are %v, want one", c.locks())
	}
	for _, argv := range [][]string{{"compose", "--dry-run", "up", "-d", "--remove-orphans"}, {"compose", "--dry-run", "down"}, {"compose", "ps", "--all"}} {
		cmd := exec.Command("docker", argv...)
		cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "COMPOSE_PROJECT_NAME="+c.project)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "slipway.lock") {
			c.t.Errorf("docker %s: %v\n%s", strings.Join(argv, " "), err, out)
		}
	}
}
