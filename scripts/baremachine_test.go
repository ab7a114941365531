package scripts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// bareMachine is a Debian 12 with nothing installed, as far as a script can see:
// PATH leads to the few commands of a minimal system and to fakes that write
// down how they were called. Below root are the system's files.
type bareMachine struct {
	t     *testing.T
	root  string // SYSTEM_ROOT
	bin   string // all of PATH
	state string // what the fakes remember
	uid   string
	env   []string
	extra []*os.File // inherited from fd 3 on
}

func newBareMachine(t *testing.T) *bareMachine {
	t.Helper()
	m := &bareMachine{t: t, root: t.TempDir(), bin: t.TempDir(), state: t.TempDir(), uid: "0"}
	for _, name := range []string{
		"bash", "sh", "awk", "env", "cat", "cp", "chmod", "dirname", "find", "grep", "install", "ls", "mkdir", "mktemp", "mv", "paste",
		"rm", "sed", "setsid", "sleep", "sort", "stat", "tail", "timeout", "touch",
	} {
		found, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(found, filepath.Join(m.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")
	m.write("var/log/.keep", "")

	m.quiet("id", `printf '%s\n' "$FAKE_UID"`)
	m.quiet("apt-cache", `cat "$CANDIDATES/${!#}"`)
	m.quiet("sshd", `printf 'port 2222\n'`)
	m.command("apt-get", `for package in "$@"; do
    [[ ! -d $MACHINE/packages/$package ]] || cp "$MACHINE/packages/$package/"* "${0%/*}/"
done`)
	m.command("systemctl", `case $* in
    *enable*docker*) touch "$MACHINE/engine" ;;
    is-active*) exit 3 ;;
esac`)
	m.command("go", `case $1 in
    list) case ${!#} in *compose*) echo v5.6.0 ;; *buildx*) echo v0.38.1 ;; esac ;;
    build)
        while [[ $1 != -o ]]; do [[ $1 != -s* ]] || version=${1##*=}; shift; done
        printf '%s\n' "$version" >"$2"
        ;;
esac`)

	const docker = `[[ $1 == info ]] || exit 1
plugins=$SYSTEM_ROOT/usr/local/lib/docker/cli-plugins
[[ ! -e $MACHINE/engine ]] || printf 'engine=20.10.24+dfsg1'
for name in compose buildx; do
    if [[ -e $plugins/docker-$name ]]; then
        printf ' %s=%s' "$name" "$(<"$plugins/docker-$name")"
    elif [[ -e ${0%/*}/packaged-$name ]]; then
        printf ' %s=2.40.3' "$name"
    fi
done`
	for _, engine := range []string{"docker.io", "docker-ce"} {
		m.packageFile(engine, "docker", fake(false, docker))
		m.packages(engine, "dockerd", `touch "$MACHINE/engine"`)
	}
	m.packages("docker-compose-plugin", "packaged-compose", "")
	m.packages("docker-compose-v2", "packaged-compose", "")
	m.packages("jq", "jq", "")
	m.packages("curl", "curl", "exit 7") // nothing answers
	m.packages("ufw", "ufw", `rules=$SYSTEM_ROOT/etc/ufw
mkdir -p "$rules"
case $* in
    allow*)
        printf '### tuple ### allow tcp %s 0.0.0.0/0 any 0.0.0.0/0 in\n' "${2%/tcp}" >>"$rules/user.rules"
        printf -- '-A ufw-user-input -p tcp --dport %s -j ACCEPT\n\n' "${2%/tcp}" >>"$rules/user.rules"
        ;;
    prepend*)
        touch "$rules/user.rules"
        { printf '### tuple ### allow tcp %s 0.0.0.0/0 any %s in\n-A ufw-user-input -p tcp -s %s --dport %s -j ACCEPT\n\n' "${10}" "$6" "$6" "${10}"
          cat "$rules/user.rules"; } >"$rules/new"
        mv "$rules/new" "$rules/user.rules"
        ;;
    *enable) printf 'ENABLED=yes\n' >"$rules/ufw.conf" ;;
    *disable) printf 'ENABLED=no\n' >"$rules/ufw.conf" ;;
esac`)
	m.quiet("iptables", "")
	m.write("run/.keep", "")
	m.sockets("LISTEN 2222")
	m.packages("fail2ban", "fail2ban-client", `mkdir -p "$SYSTEM_ROOT/var/run/fail2ban"
printf '%s\n' "$TEST_PID" >"$SYSTEM_ROOT/var/run/fail2ban/fail2ban.pid"`)
	m.candidate("cgroupfs-mount", "1.4")
	return m
}

// fake is the text of a fake command; one that acts is recorded.
func fake(recorded bool, body string) string {
	head := "#!/usr/bin/env bash\n"
	if recorded {
		head += `printf '%s %s\n' "${0##*/}" "$*" >>"$MACHINE/calls"` + "\n"
	}
	return head + body + "\n"
}

func (m *bareMachine) command(name, body string) {
	m.place(filepath.Join(m.bin, name), fake(true, body))
}

func (m *bareMachine) quiet(name, body string) {
	m.place(filepath.Join(m.bin, name), fake(false, body))
}

// packages puts a recorded command into a package, to appear when it is installed.
func (m *bareMachine) packages(name, command, body string) {
	m.packageFile(name, command, fake(true, body))
}

func (m *bareMachine) packageFile(name, command, text string) {
	m.place(filepath.Join(m.state, "packages", name, command), text)
}

func (m *bareMachine) candidate(name, version string) {
	m.place(filepath.Join(m.state, "candidates", name), fmt.Sprintf("Package: %s\nVersion: %s\n", name, version))
}

func (m *bareMachine) write(path, text string) { m.place(filepath.Join(m.root, path), text) }

func (m *bareMachine) place(path, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *bareMachine) remove(command string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.bin, command)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *bareMachine) read(path string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

func (m *bareMachine) exists(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(m.root, path)); err != nil {
		t.Error(err)
	}
}

// sockets are those of the machine, as "LISTEN PORT" or "PORT ADDRESS:PORT" of a connection. They are sshd's.
func (m *bareMachine) sockets(sockets ...string) {
	m.t.Helper()
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	m.write("proc/100/comm", "sshd-session\n")
	for i, text := range sockets {
		var here uint16
		there := netip.MustParseAddrPort("0.0.0.0:0")
		state := 0x0A
		if _, err := fmt.Sscanf(text, "LISTEN %d", &here); err != nil {
			var remote string
			if _, err := fmt.Sscanf(text, "%d %s", &here, &remote); err != nil {
				m.t.Fatal(err)
			}
			there, state = netip.MustParseAddrPort(remote), 1
		}
		a := there.Addr().As4()
		table += fmt.Sprintf("   %d: 00000000:%04X %02X%02X%02X%02X:%04X %02X 00000000:00000000 00:00000000 00000000     0        0 %d 1 0 100 0 0 10 0\n",
			i, here, a[3], a[2], a[1], a[0], there.Port(), state, 500+i)
		link := filepath.Join(m.root, "proc/100/fd", fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.Symlink(fmt.Sprintf("socket:[%d]", 500+i), link); err != nil && !errors.Is(err, fs.ErrExist) {
			m.t.Fatal(err)
		}
	}
	m.write("proc/net/tcp.new", table)
	if err := os.Rename(filepath.Join(m.root, "proc/net/tcp.new"), filepath.Join(m.root, "proc/net/tcp")); err != nil {
		m.t.Fatal(err)
	}
}

// calls are the recorded commands, one a line.
func (m *bareMachine) calls() string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.state, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	return string(text)
}

func (m *bareMachine) forget() {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.state, "calls")); err != nil {
		m.t.Fatal(err)
	}
}

func (m *bareMachine) called(t *testing.T, command, args string) {
	t.Helper()
	for line := range strings.Lines(m.calls()) {
		if strings.HasPrefix(line, command+" ") && strings.Contains(line, args) {
			return
		}
	}
	t.Errorf("%s was not called with %q:\n%s", command, args, m.calls())
}

func (m *bareMachine) notCalled(t *testing.T, command string) {
	t.Helper()
	for line := range strings.Lines(m.calls()) {
		if strings.HasPrefix(line, command+" ") {
			t.Errorf("called: %s", line)
		}
	}
}

// bash runs a script on the machine and waits for it.
func (m *bareMachine) bash(ctx context.Context, stderr *watched, args ...string) result {
	var stdout bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(m.bin, "bash"), args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &stdout, stderr, m.extra
	cmd.Env = append([]string{
		"PATH=" + m.bin, "HOME=" + m.root, "SYSTEM_ROOT=" + m.root, "MACHINE=" + m.state,
		"CANDIDATES=" + filepath.Join(m.state, "candidates"), "FAKE_UID=" + m.uid, fmt.Sprintf("TEST_PID=%d", os.Getpid()),
	}, m.env...)
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.stderr += err.Error()
	}
	return r
}

// result is how a script ended.
type result struct {
	stdout, stderr string
	code           int
}

func (r result) exits(t *testing.T, code int) {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
}

func (r result) says(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(r.stderr, text) {
		t.Errorf("stderr lacks %q:\n%s", text, r.stderr)
	}
}

// watched is a buffer that can be looked into while it is written.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (w *watched) contains(text string) bool { return strings.Contains(w.String(), text) }
