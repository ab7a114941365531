package scripts_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMissingPartsAreInstalledOnceAndThenLeftAlone(t *testing.T) {
	m := newBareMachine(t)
	m.candidate("docker-compose", "1.29.2-3") // too old: the plugins are built

	first := m.prerequisites("tools", "engine", "compose", "buildx")
	first.exits(t, 0)
	m.called(t, "apt-get", "--no-install-recommends install jq curl ca-certificates")
	m.called(t, "apt-get", "--no-install-recommends install docker.io ca-certificates cgroupfs-mount")
	m.called(t, "dockerd", "")
	m.called(t, "go", "-X github.com/docker/compose/v5/internal.Version=v5.6.0")
	m.called(t, "go", "-X github.com/docker/buildx/version.Version=v0.38.1")
	first.says(t, "compose: installed (5.6.0)")
	m.exists(t, "usr/local/lib/docker/cli-plugins/docker-buildx")

	m.forget()
	second := m.prerequisites("tools", "engine", "compose", "buildx")
	second.exits(t, 0)
	for _, part := range []string{"tools", "engine", "compose", "buildx"} {
		second.says(t, part+": nothing to do (")
	}
	if calls := m.calls(); calls != "" {
		t.Errorf("the second run acted:\n%s", calls)
	}
}

// Debian 13 has no such package any more.
func TestCaseJ1AnEngineIsInstalledWhereCgroupfsMountIsGone(t *testing.T) {
	m := newBareMachine(t)
	if err := os.Remove(filepath.Join(m.state, "candidates", "cgroupfs-mount")); err != nil {
		t.Fatal(err)
	}
	m.prerequisites("engine").exits(t, 0)
	m.called(t, "apt-get", "install docker.io ca-certificates")
	if strings.Contains(m.calls(), "cgroupfs-mount") {
		t.Errorf("asked for cgroupfs-mount:\n%s", m.calls())
	}
}

func TestEngineIsStartedBySystemd(t *testing.T) {
	m := newBareMachine(t)
	m.write("run/systemd/system/.keep", "")
	m.prerequisites("engine").exits(t, 0)
	m.called(t, "systemctl", "enable --now docker")
	m.notCalled(t, "dockerd")
}

func TestDockersOwnRepositoryIsPreferred(t *testing.T) {
	m := newBareMachine(t)
	m.dockersRepository("key\n")
	// A fake that takes any key for Docker's.
	m.packages("gnupg", "gpg", `printf 'pub:::::::::\nfpr:::::::::9DC858229FC7DD38854AE2D88D81803C0EBFCD88:\n'`)
	m.prerequisites("engine", "compose").exits(t, 0)
	m.called(t, "apt-get", "install docker-ce docker-ce-cli containerd.io")
	m.called(t, "apt-get", "install docker-compose-plugin")
	m.notCalled(t, "go")
	if sources := m.read("etc/apt/sources.list.d/docker.sources"); !strings.Contains(sources, "Suites: bookworm\n") {
		t.Errorf("sources:\n%s", sources)
	}
}

func TestWithoutRootTheCommandsArePrinted(t *testing.T) {
	m := newBareMachine(t)
	m.uid = "1000"
	r := m.prerequisites("tools", "engine", "compose", "firewall", "fail2ban")
	r.exits(t, 3)
	for _, line := range []string{
		"sudo apt-get -q -o DPkg::Lock::Timeout=120 update\n",
		"install jq curl ca-certificates\n",
		"install docker.io ca-certificates cgroupfs-mount\n",
		"sudo sh -c setsid",
		"CGO_ENABLED=0 GOWORK=off go build -C ",
		"/docker-compose\n",
		"sudo ufw allow 2222/tcp\n",
		"sudo ufw --force enable\n",
		"sudo tee ",
		"[sshd]\nenabled = true\n",
	} {
		if !strings.Contains(r.stdout, line) {
			t.Errorf("not printed: %q", line)
		}
	}
	r.says(t, "not root; run the commands above")
	m.notCalled(t, "apt-get")
	m.notCalled(t, "ufw")
	if t.Failed() {
		t.Log(r.stdout)
	}
}

func TestAnotherSystemGetsItsOwnCommands(t *testing.T) {
	m := newBareMachine(t)
	m.write("etc/os-release", "ID=fedora\nVERSION_ID=43\n")
	m.remove("apt-get")
	m.command("dnf", "exit 1")
	r := m.prerequisites("engine", "tools")
	r.exits(t, 3)
	if want := "sudo dnf install -y moby-engine\nsudo systemctl enable --now docker\nsudo dnf install -y jq curl\n"; r.stdout != want {
		t.Errorf("printed:\n%s\nwant:\n%s", r.stdout, want)
	}
	r.says(t, "fedora is neither Debian nor Ubuntu")
	m.notCalled(t, "dnf")
}

func TestAptLockNamesItsHolder(t *testing.T) {
	m := newBareMachine(t)
	m.env = append(m.env, "APT_LOCK_WAIT=1")
	m.lock(t, "var/lib/dpkg/lock-frontend")
	r := m.prerequisites("tools")
	r.exits(t, 75)
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	r.says(t, "apt is still in use by "+strings.TrimSpace(string(comm))+" (pid ")
	m.notCalled(t, "apt-get")
}

func TestAptLockIsWaitedFor(t *testing.T) {
	m := newBareMachine(t)
	release := m.lock(t, "var/lib/apt/lists/lock")
	done := make(chan result, 1)
	stderr := &watched{}
	go func() { done <- m.run(stderr, "tools") }()
	for deadline := time.Now().Add(30 * time.Second); !stderr.contains("waiting for apt, in use by"); {
		if time.Now().After(deadline) {
			t.Fatal("the wait was not announced")
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.notCalled(t, "apt-get")
	release()
	r := <-done
	r.exits(t, 0)
	m.called(t, "apt-get", "install jq")
}

func TestFail2banWatchesTheSSHPort(t *testing.T) {
	m := newBareMachine(t)
	m.prerequisites("fail2ban").exits(t, 0)
	m.called(t, "apt-get", "install fail2ban python3-systemd")
	if jail := m.read("etc/fail2ban/jail.d/slipway.local"); !strings.Contains(jail, "[sshd]\nenabled = true\nport = 2222\n") {
		t.Errorf("jail:\n%s", jail)
	}
	m.forget()
	second := m.prerequisites("fail2ban")
	second.exits(t, 0)
	second.says(t, "fail2ban: nothing to do")
	if calls := m.calls(); calls != "" {
		t.Errorf("the second run acted:\n%s", calls)
	}
}

func TestCheckNamesWhatIsMissingAndTouchesNothing(t *testing.T) {
	m := newBareMachine(t)
	r := m.prerequisites("check", "engine", "compose", "tools", "firewall")
	r.exits(t, 10)
	want := "engine missing: there is no docker command\n" +
		"compose missing: there is no docker command to plug it in\n" +
		"tools missing: there is no curl\n" +
		"firewall missing: ufw is not installed\n"
	if r.stdout != want {
		t.Errorf("printed:\n%s\nwant:\n%s", r.stdout, want)
	}
	if calls := m.calls(); calls != "" {
		t.Errorf("check acted:\n%s", calls)
	}
	m.prerequisites("engine", "compose", "tools").exits(t, 0)
	m.prerequisites("check", "engine", "compose", "tools").exits(t, 0)
}

func TestPluginThatIsTooOldIsReplaced(t *testing.T) {
	m := newBareMachine(t)
	m.prerequisites("engine").exits(t, 0)
	m.write("usr/local/lib/docker/cli-plugins/docker-compose", "v2.19.1\n")
	m.candidate("docker-compose-v2", "2.40.3") // would be hidden by the old one
	r := m.prerequisites("compose")
	r.exits(t, 0)
	r.says(t, "compose: version 2.19.1 is older than 2.26")
	m.called(t, "go", "build")
}

// Debian 13 has a buildx that is too old for a newer Compose, and its own Compose builds without one.
func TestCaseJ3ThePairOfComposeAndBuildxDecidesWhatIsBuiltAnew(t *testing.T) {
	for _, c := range []struct {
		name, compose, buildx string
		built                 bool
	}{
		{"Debian 13", "2.26.1-4", "0.13.1+ds1", false},
		{"Debian 13 without buildx", "2.26.1-4", "", false},
		{"the last Compose that builds by itself", "v2.36.2", "v0.12.0", false},
		{"the first that does not", "v2.37.0", "v0.16.2", true},
		{"Debian testing", "2.40.3", "0.29.1+ds1", false},
		{"a Compose of one's own beside Debian 13's buildx", "v5.6.0", "0.13.1+ds1", true},
		{"Compose 5 without buildx", "v5.6.0", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newBareMachine(t)
			m.prerequisites("engine").exits(t, 0)
			for name, version := range map[string]string{"docker-compose": c.compose, "docker-buildx": c.buildx} {
				if version != "" {
					m.write("usr/local/lib/docker/cli-plugins/"+name, version+"\n")
				}
			}
			m.forget()
			m.prerequisites("engine", "compose", "buildx").exits(t, 0)
			if built := strings.Contains(m.calls(), "go build"); built != c.built {
				t.Errorf("built is %t, want %t:\n%s", built, c.built, m.calls())
			}
		})
	}
}

func TestMissingGoIsSaid(t *testing.T) {
	m := newBareMachine(t)
	m.prerequisites("engine").exits(t, 0)
	m.remove("go")
	r := m.prerequisites("compose", "buildx")
	r.exits(t, 3)
	r.says(t, "docker-compose: no package is new enough, and there is no go on PATH to build it")
}

func TestEngineThatDoesNotStartIsAFailure(t *testing.T) {
	m := newBareMachine(t)
	m.packages("docker.io", "dockerd", "echo failed to mount cgroups")
	r := m.prerequisites("engine")
	r.exits(t, 1)
	r.says(t, "failed to mount cgroups")
	r.says(t, "the engine ended right after its start")
}

func TestEngineThatNeverAnswersIsAFailure(t *testing.T) {
	m := newBareMachine(t)
	m.packages("docker.io", "dockerd", "exec sleep 10")
	m.env = append(m.env, "ENGINE_WAIT=1")
	r := m.prerequisites("engine")
	r.exits(t, 1)
	r.says(t, "the engine does not answer after 1s")
}

func TestDaemonDoesNotInheritTheLock(t *testing.T) {
	m := newBareMachine(t)
	held, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	m.extra = []*os.File{held}
	m.packages("docker.io", "dockerd", `[[ ! -e /proc/$$/fd/3 ]] && touch "$MACHINE/engine"`)
	m.env = append(m.env, "LOCK_FD=3", "ENGINE_WAIT=5")
	m.prerequisites("engine").exits(t, 0)
}

func TestUnknownPartIsTheCallersMistake(t *testing.T) {
	m := newBareMachine(t)
	m.prerequisites("engine", "kubernetes").exits(t, 2)
	m.prerequisites().exits(t, 2)
	if calls := m.calls(); calls != "" {
		t.Errorf("acted before it read its arguments:\n%s", calls)
	}
}

// lock takes a lock as apt does and returns what releases it.
func (m *bareMachine) lock(t *testing.T, path string) (release func()) {
	t.Helper()
	m.write(path, "")
	file, err := os.OpenFile(filepath.Join(m.root, path), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

func (m *bareMachine) prerequisites(args ...string) result {
	return m.run(&watched{}, args...)
}

func (m *bareMachine) run(stderr *watched, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return m.bash(ctx, stderr, append([]string{"prerequisites.sh"}, args...)...)
}
