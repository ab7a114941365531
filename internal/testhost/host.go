// Package testhost starts hosts with other engines than this machine's, for tests of what must hold elsewhere: a container of
// a Debian system, in which that system's own engine, Compose and buildx run.
package testhost

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// System is a distribution as it is, with the engine that it brings.
type System struct {
	Name    string
	suite   string
	daemon  string // what its engine is configured to
	prepare string // a command of bash, before the engine starts
}

// The systems.
var (
	Debian13          = System{Name: "Debian 13", suite: "trixie", daemon: `{}`}
	Testing           = System{Name: "Debian testing", suite: "forky", daemon: `{}`}
	TestingContainerd = System{Name: "Debian testing, containerd store", suite: "forky", daemon: `{"features": {"containerd-snapshotter": true}}`}
)

// With is the system with another configuration of its engine, and a command of bash that is run before the engine starts.
func (s System) With(daemon, prepare string) System {
	s.daemon, s.prepare = daemon, prepare
	return s
}

// Host is a machine of its own, as far as a deployment can see, but for the kernel and the clock.
type Host struct {
	name string
	log  *log
}

//go:embed start.sh
var start string

// startLimit is generous: an engine answers after a second, on a busy machine after several.
const startLimit = 2 * time.Minute

// Start starts a host and waits until its engine answers. The host ends with the test, and with everything in it. It has the
// shared folders of this machine under the same path; the Go toolchain and the modules too, to be read, but not on its PATH.
func Start(t testing.TB, system System, shared ...string) *Host {
	t.Helper()
	from, err := image(t.Context(), system.suite)
	if err != nil {
		t.Fatalf("make the system of the host: %v", err)
	}
	h := &Host{name: "slipway-testhost-" + strings.ToLower(rand.Text()), log: &log{}}
	argv := []string{
		"run", "--rm", "--interactive", "--name", h.name, "--hostname", "testhost", "--cgroupns", "private",
		"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--device-cgroup-rule", "a *:* rwm",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined",
		"--volume", "/var/lib/docker", "--volume", "/var/lib/containerd", "--tmpfs", "/run:exec", "--tmpfs", "/tmp:exec",
		"--env", "DAEMON_JSON=" + system.daemon, "--env", "PREPARE=" + system.prepare, "--env", "GOPROXY=off", "--env", "GOFLAGS=-mod=mod", "--env", "GOTOOLCHAIN=local",
	}
	for _, name := range []string{"GOROOT", "GOMODCACHE"} {
		folder := goEnv(t, name)
		argv = append(argv, "--env", name+"="+folder, "--volume", folder+":"+folder+":ro")
	}
	for _, folder := range shared {
		argv = append(argv, "--volume", folder+":"+folder)
	}
	cmd := exec.Command("docker", append(argv, from, "bash", "-c", start)...)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	input, err := cmd.StdinPipe() // what holds the host: it ends when this is closed, be it by the death of this process
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start the host: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = input.Close()
		<-ended
	})
	h.awaitEngine(t, ended)
	return h
}

// awaitEngine asks the engine until it answers.
func (h *Host) awaitEngine(t testing.TB, ended <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for {
		said, err := h.Exec(ctx, "docker", "version", "--format", "{{.Server.Version}}")
		if err == nil {
			return
		}
		select {
		case <-ended:
			t.Fatalf("the host ended: %s", h.log)
		case <-ctx.Done():
			t.Fatalf("the engine of the host does not answer: %s\n%s", said, h.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Command is a command in the host that is not started yet: in a folder, with more in its environment. A signal to it does not
// reach what runs in the host; its exit code there is the command's.
func (h *Host) Command(ctx context.Context, dir string, env []string, argv ...string) *exec.Cmd {
	args := []string{"exec", "--workdir", dir}
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		args = append(args, "--env", name) // its value is not an argument
	}
	cmd := exec.CommandContext(ctx, "docker", append(append(args, h.name), argv...)...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// Exec runs a command in the host to its end and returns what it printed.
func (h *Host) Exec(ctx context.Context, argv ...string) (string, error) {
	out, err := h.Command(ctx, "/", nil, argv...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s in the host: %w: %s", argv[0], err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// Copy makes the content of a folder of this machine that of a folder in the host.
func (h *Host) Copy(ctx context.Context, from, to string) error {
	if _, err := h.Exec(ctx, "mkdir", "-p", to); err != nil {
		return err
	}
	return run(ctx, "docker", "cp", from+"/.", h.name+":"+to)
}

func goEnv(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// log is what the engine of a host says.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
