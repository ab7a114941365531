//go:build engine

package targets_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/internal/testhost"
)

// Engines that are configured otherwise than the packages have it.

const otherRoot = `{"data-root": "/srv/docker"}`

// Case A4: the room is looked for where this engine keeps its data, and nowhere else.
func TestCaseA4TheRoomIsThatOfTheEnginesOwnDataRoot(t *testing.T) {
	for name, c := range map[string]struct{ prepare, full, room string }{
		"too little there, plenty at the usual place": {"mkdir /srv/docker && mount -t tmpfs -o size=100m tmpfs /srv/docker", "/srv/docker", "/var/lib/docker"},
		"plenty there, too little at the usual place": {"mount -t tmpfs -o size=100m tmpfs /var/lib/docker", "", "/var/lib/docker"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemoOn(t, testhost.Debian13.With(otherRoot, c.prepare), map[string]string{"compose.yaml": "services: {web: {image: @P/demo:1}}\n"})
			if root := strings.TrimSpace(d.docker("info", "--format", "{{.DockerRootDir}}")); root != "/srv/docker" {
				t.Fatalf("the engine keeps its data in %s", root)
			}
			got := d.mage("preflight")
			if said := strings.Contains(got.stderr, "disk: 0.1 GB free in /srv/docker"); said != (c.full != "") {
				t.Errorf("%s", got)
			}
			if strings.Contains(got.stderr, c.room) {
				t.Errorf("it looks at %s, too: %s", c.room, got)
			}
			if c.full != "" && got.code != 3 {
				t.Errorf("not refused: %s", got)
			}
		})
	}
}

// registry starts Debian's docker-registry on port 5000 of the host, with the demo image under a name.
func (d *demo) registry(names ...string) {
	d.t.Helper()
	d.write("registry.yml", "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: /var/lib/docker/registry}}\nhttp: {addr: ':5000'}\n")
	if err := d.command(nil, "docker-registry", "serve", "registry.yml").Start(); err != nil {
		d.t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: d.host.Dial}}
	for d.t.Context().Err() == nil {
		response, err := client.Get("http://127.0.0.1:5000/v2/") //nolint:noctx // of this test
		if err == nil {
			_ = response.Body.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.image("demo:1")
	for _, name := range names {
		pushed := "127.0.0.1:5000/" + name
		d.docker("tag", d.project+"/demo:1", pushed)
		d.docker("push", "-q", pushed)
		d.docker("image", "rm", pushed)
	}
	d.docker("image", "rm", d.project+"/demo:1")
}

// answers is what a port of the host answers.
func (d *demo) answers(port int) string {
	d.t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: d.host.Dial}}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port)) //nolint:noctx // of this test
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(body)
}

// Case A5: Docker Hub cannot be reached from the host, and the engine has a mirror that serves.
func TestCaseA5TheEnginesMirrorsCount(t *testing.T) {
	const stack = "services: {web: {image: 'sw-mirrored:1', ports: ['127.0.0.1:8080:8080']}}\n"
	const nobody = "echo 192.0.2.1 registry-1.docker.io auth.docker.io >> /etc/hosts"
	t.Run("one that serves", func(t *testing.T) {
		system := testhost.Testing.With(`{"registry-mirrors": ["http://127.0.0.1:1", "http://127.0.0.1:5000"]}`, nobody)
		d := newDemoOn(t, system, map[string]string{"compose.yaml": stack})
		d.registry("library/sw-mirrored:1")
		d.deploy(0)
		if got := d.answers(8080); !strings.HasPrefix(got, "v1") {
			t.Errorf("it answers %q", got)
		}
	})
	t.Run("none", func(t *testing.T) {
		d := newDemoOn(t, testhost.Testing.With("{}", nobody), map[string]string{"compose.yaml": stack})
		d.refused("registry: docker.io")
	})
	t.Run("one that is of no other registry", func(t *testing.T) {
		system := testhost.Testing.With(`{"registry-mirrors": ["http://127.0.0.1:5000"]}`, "echo 127.0.0.1 registry.test >> /etc/hosts")
		d := newDemoOn(t, system, map[string]string{"compose.yaml": "services: {web: {image: 'registry.test:5001/sw-mirrored:1'}}\n"})
		d.registry("sw-mirrored:1")
		d.refused("registry: registry.test:5001 cannot be reached")
	})
}

// A registry without TLS, which the engine trusts, is told from one that cannot be reached.
func TestCaseA5ARegistryThatTheEngineTrustsWithoutTLSIsAskedByTheEngine(t *testing.T) {
	system := testhost.Debian13.With(`{"insecure-registries": ["registry.test:5000"]}`, "echo 127.0.0.1 registry.test >> /etc/hosts")
	d := newDemoOn(t, system, map[string]string{"compose.yaml": "services: {web: {image: 'registry.test:5000/shop/demo:1', ports: ['127.0.0.1:8080:8080']}}\n"})
	d.registry("shop/demo:1")
	d.deploy(0)
	if got := d.answers(8080); !strings.HasPrefix(got, "v1") {
		t.Errorf("it answers %q", got)
	}
}

// Case J6: each Compose has a hash of its own for the same definition, of a bind mount in the short form here, which a release has
// in the long form.
func TestCaseJ6AnUpgradeOfComposeReplacesNothing(t *testing.T) {
	for _, system := range []testhost.System{testhost.Debian13, testhost.Testing} {
		t.Run(system.Name, func(t *testing.T) {
			d := newDemoOn(t, system, map[string]string{"conf/a": "x"})
			d.image("demo:1")
			stack := func(say string) {
				d.write("compose.yaml", `
services:
  db: {image: @P/demo:1, command: [hold], volumes: ["./conf:/conf", "data:/data"]}
  web: {image: @P/demo:1, environment: {SAY: "`+say+`"}, depends_on: [db], ports: ["127.0.0.1:8080:8080"]}
volumes: {data: }
`)
			}
			stack("one")
			d.deploy(0)
			before, was := d.ids(), d.composeVersion()
			d.upgradeCompose()
			is := d.composeVersion()
			if was == is {
				t.Fatalf("Compose is %s, as before", is)
			}
			plan := d.mage("plan")
			for _, words := range []string{"skip  rollout", "db, web: made by Compose " + was + ", and " + is + " is here; that alone replaces nothing"} {
				if !strings.Contains(plan.stdout, words) {
					t.Errorf("the plan does not say %q: %s", words, plan)
				}
			}
			d.deploy(0)
			if got := d.replaced(before); len(got) > 0 {
				t.Errorf("an unchanged deployment with Compose %s replaced %q", is, got)
			}
			stack("two")
			d.deploy(0)
			if got := d.replaced(before); !slices.Equal(got, []string{"web"}) {
				t.Errorf("a change of web replaced %q", got)
			}
			if got := d.answers(8080); got != "v1 two " {
				t.Errorf("it answers %q", got)
			}
		})
	}
}

func (d *demo) composeVersion() string {
	d.t.Helper()
	version, _, _ := strings.Cut(strings.TrimSpace(d.docker("compose", "version", "--short")), "-") // Debian's own part
	return strings.TrimPrefix(version, "v")
}

// upgradeCompose puts the plugins of this machine into the host.
func (d *demo) upgradeCompose() {
	d.t.Helper()
	format := `{{range .ClientInfo.Plugins}}{{if eq .Name "compose" "buildx"}}{{.Path}} {{end}}{{end}}`
	folder := filepath.Join(d.dir, "plugins")
	for _, path := range strings.Fields(output(d.t, d.dir, "docker", "info", "--format", format)) {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.MkdirAll(folder, 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, filepath.Base(path)), data, 0o755)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	printed(d.t, d.command(nil, "sh", "-c", "mkdir -p /usr/local/lib/docker && mv plugins /usr/local/lib/docker/cli-plugins"))
}
