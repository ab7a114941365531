//go:build soak

package scripts_test

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/internal/testhost"
)

// enter runs a command in a plain system: its own mounts, processes and, with a
// second argument of "alone", network, so that neither the engine nor the firewall
// inside can be met by the machine outside.
//
//go:embed testdata/enter.sh
var enter string

// TestPlainDebianGetsEverythingOnce installs every part on a Debian 12 that has
// nothing, without a network: the packages come from apt's cache and the plugins
// from Go's module cache, both filled before.
func TestPlainDebianGetsEverythingOnce(t *testing.T) {
	tools, err := filepath.Abs("../tools")
	if err != nil {
		t.Fatal(err)
	}
	// Their modules, and no others, have to be in the cache.
	outside(t, "go", "list", "-C", tools, "-deps", "github.com/docker/compose/v5/cmd", "github.com/docker/buildx/cmd/buildx")
	d := newPlainDebian(t)
	d.run(t, "shared", "apt-get -q update && apt-get -q -y --download-only --no-install-recommends install "+
		"docker.io ca-certificates cgroupfs-mount jq curl ufw fail2ban python3-systemd")

	// Both runs are in one namespace, because the engine ends with it.
	out := d.run(t, "alone", `echo 'Port 2222' >>/etc/ssh/sshd_config
/usr/sbin/sshd # the firewall is refused without a listener
parts='tools engine compose buildx firewall fail2ban'
bash /slipway/scripts/prerequisites.sh $parts 2>&1
find /etc /usr/local -newer /etc/ssh/sshd_config -type f | sort | xargs stat -c '%n %y' >/before
echo '--- again'
bash /slipway/scripts/prerequisites.sh $parts 2>&1
find /etc /usr/local -newer /etc/ssh/sshd_config -type f | sort | xargs stat -c '%n %y' >/after
cmp /before /after
bash /slipway/scripts/prerequisites.sh check $parts
docker version --format 'engine={{.Server.Version}}'
docker compose version --short
docker buildx version
grep tuple /etc/ufw/user.rules
fail2ban-client status sshd`)

	first, second, found := strings.Cut(out, "--- again")
	if !found {
		t.Fatalf("no second run:\n%s", out)
	}
	for _, part := range []string{"tools", "engine", "compose", "buildx", "firewall", "fail2ban"} {
		if !strings.Contains(first, "prerequisites.sh: "+part+": installed (") {
			t.Errorf("%s was not installed", part)
		}
		if !strings.Contains(second, "prerequisites.sh: "+part+": nothing to do (") {
			t.Errorf("%s was not left alone by the second run", part)
		}
	}
	for _, want := range []string{"engine=20.10", "### tuple ### allow tcp 2222 ", "### tuple ### allow tcp 443 ", "Status for the jail: sshd"} {
		if !strings.Contains(second, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestCaseJ3ABareDebianGetsAllFromItsPackages takes everything away that a test host has beside the minimum of its system, and
// asks for it again: Debian's own packages are new enough, and nothing is compiled.
func TestCaseJ3ABareDebianGetsAllFromItsPackages(t *testing.T) {
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range []testhost.System{testhost.Debian13, testhost.Testing} {
		t.Run(system.Name, func(t *testing.T) {
			h := testhost.Start(t, system, repository)
			out, err := h.Command(t.Context(), repository, nil, "bash", "-euc", `kill "$(pidof dockerd)"
apt-get -q -y purge docker.io docker-cli docker-compose docker-buildx containerd runc jq curl
! command -v docker || exit 1
bash scripts/prerequisites.sh tools engine compose buildx
echo '--- again'
bash scripts/prerequisites.sh tools engine compose buildx
bash scripts/prerequisites.sh check tools engine compose buildx
docker compose version
! ls /usr/local/lib/docker || exit 1`).CombinedOutput()
			_, second, _ := strings.Cut(string(out), "--- again")
			if err != nil || strings.Count(second, ": nothing to do (") != 4 || strings.Contains(string(out), "building docker-") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

type plainDebian struct{ root, enter string }

func newPlainDebian(t *testing.T) plainDebian {
	t.Helper()
	dir := t.TempDir()
	d := plainDebian{root: filepath.Join(dir, "root"), enter: filepath.Join(dir, "enter.sh")}
	outside(t, "mmdebstrap", "--quiet", "--variant=minbase", "--include=openssh-server,iproute2,netbase", "bookworm", d.root)
	if err := os.WriteFile(d.enter, []byte(enter), 0o600); err != nil {
		t.Fatal(err)
	}
	resolver, err := os.ReadFile("/etc/resolv.conf")
	if err == nil {
		err = os.WriteFile(filepath.Join(d.root, "etc/resolv.conf"), resolver, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs a script in the plain system and returns what it printed.
func (d plainDebian) run(t *testing.T, network, script string) string {
	t.Helper()
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--mount", "--pid", "--cgroup", "--fork", "--kill-child"}
	if network == "alone" {
		args = append(args, "--net")
	}
	return outside(t, "unshare", append(args, "bash", d.enter, d.root, network, repository, "bash", "-euc", "cd /\n"+script)...)
}

// outside runs a command of this machine.
func outside(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr, cmd.WaitDelay = &stderr, 10*time.Second
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is needed: apt-get install mmdebstrap util-linux", name)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", name, err, out, stderr.String())
	}
	return string(out)
}

// TestPlainDebianIsDeployedTo is the main job on a machine with Go and apt alone: a clone, one command, a stack that
// answers; a second checkout in another folder, which recreates nothing; and an engine that is killed while a deployment
// replaces a service, after which the next one ends well.
func TestPlainDebianIsDeployedTo(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"", "stack/app"} {
		outside(t, "go", "mod", "download", "-C", filepath.Join(root, module))
	}
	outside(t, "go", "mod", "download", "-C", root, "-modfile=scripts/plugins.mod")
	d := newPlainDebian(t)
	d.run(t, "shared", "apt-get -q update && apt-get -q -y install --no-install-recommends git && "+
		"apt-get -q -y --download-only --no-install-recommends install docker.io ca-certificates cgroupfs-mount jq curl")
	out := d.run(t, "alone", `for folder in first second; do
    git -c safe.directory='*' clone -q /slipway /srv/$folder
done
! command -v docker || exit 1
cd /srv/first
go tool mage deploy 2>&1
curl -fsS 127.0.0.1:3000/health/ready
curl -fsS -d '{"sensor":"bare","celsius":-18.5}' 127.0.0.1:3000/readings
curl -fsS '127.0.0.1:3000/readings?sensor=bare'
docker inspect --format '{{.Id}} {{.State.StartedAt}}' $(docker ps -q) | sort >/before
echo '--- the second checkout'
cd /srv/second
go tool mage deploy 2>&1
docker inspect --format '{{.Id}} {{.State.StartedAt}}' $(docker ps -q) | sort >/after
cmp /before /after
echo '--- the engine is killed'
printf '\nvar _ = "changed"\n' >>stack/app/main.go
(code=0; go tool mage deploy || code=$?; echo "killed deploy: exit $code") >/killed 2>&1 &
until grep -q '^run   rollout.backend' /killed; do sleep 0.05; done
kill -KILL "$(pidof dockerd)"
sleep 1
bash scripts/prerequisites.sh engine 2>&1
wait $!
cat /killed
echo '--- the next one'
go tool mage deploy 2>&1
curl -fsS '127.0.0.1:3000/readings?sensor=bare'
go tool mage down 2>&1`)
	first, rest, _ := strings.Cut(out, "--- the second checkout")
	second, rest, _ := strings.Cut(rest, "--- the engine is killed")
	killed, next, _ := strings.Cut(rest, "--- the next one")
	const well = "healthy      3\n"
	for _, c := range []struct {
		name, said string
		wants      []string
	}{
		{"first", first, []string{"installed engine, compose, buildx, tools", well, `"database":"connected"`, `"sensor":"bare"`}},
		{"second checkout", second, []string{"0 changed, 3 untouched", well}},
		{"with the engine killed", killed, []string{"Cannot connect to the Docker daemon", "(resumes at rollout)", "killed deploy: exit 4"}},
		{"the next one", next, []string{"skip  migrate ", "rollout.backend    failed before", well, `"sensor":"bare"`}},
	} {
		for _, want := range c.wants {
			if !strings.Contains(c.said, want) {
				t.Errorf("%s: lacks %q", c.name, want)
			}
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
