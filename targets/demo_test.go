//go:build engine

package targets_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway"
	"slipway/internal/testhost"
)

// demo is a stack that a test writes, in a folder of its own, deployed by Slipway on the real engine.
type demo struct {
	t        *testing.T
	dir      string
	stack    slipway.Stack
	settings []map[string]any // of every destination
	env      []string
	state    string
	project  string
	host     *testhost.Host // nil for this machine
}

// demoBinaries are the magefile of demo stacks and the program of their images in versions 1 and 2, made once.
var demoBinaries = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(work, "demo")
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	for _, argv := range [][]string{
		{"go", "tool", "mage", "-d", "targets/testdata/demo", "-compile", filepath.Join(dir, "mage")},
		{"go", "build", "-ldflags", "-s -w -X main.version=v1", "-o", filepath.Join(dir, "v1"), "./targets/testdata/demo/program"},
		{"go", "build", "-ldflags", "-s -w -X main.version=v2", "-o", filepath.Join(dir, "v2"), "./targets/testdata/demo/program"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
		}
	}
	return dir, nil
})

// newDemo writes a stack of these files. @P in them is a name of the test's own. In app/ there is a build context with
// version 1 of the program; an image @P/demo:1 of it is there, too.
func newDemo(t *testing.T, files map[string]string) *demo {
	t.Helper()
	t.Parallel() // what a deployment does is to wait, most of the time
	d := &demo{t: t, dir: t.TempDir(), project: "sw-demo-" + strings.ToLower(rand.Text()[:8])}
	d.state = filepath.Join(t.TempDir(), "state")
	d.env = []string{"STATE_DIR=" + d.state}
	d.stack = slipway.Stack{Name: d.project, Dir: ".", Destinations: []slipway.Destination{{Name: "local", Files: []string{"compose.yaml"}, MonitorPeriod: time.Second}}}
	d.version("v1")
	d.write("app/Dockerfile", "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n")
	for name, content := range files {
		d.write(name, content)
	}
	t.Cleanup(d.remove)
	return d
}

// newDemoOn is a demo on a host of its own.
func newDemoOn(t *testing.T, system testhost.System, files map[string]string) *demo {
	t.Helper()
	d := newDemo(t, files)
	d.host = testhost.Start(t, system, filepath.Dir(d.dir), work)
	return d
}

// command is one that is not started yet, where the demo is deployed.
func (d *demo) command(env []string, name string, args ...string) *exec.Cmd {
	if d.host != nil {
		return d.host.Command(d.t.Context(), d.dir, env, append([]string{name}, args...)...)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = d.dir, append(os.Environ(), env...)
	return cmd
}

// version puts a version of the program into the build context.
func (d *demo) version(name string) {
	d.t.Helper()
	dir, err := demoBinaries()
	if err != nil {
		d.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(d.dir, "app/program")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		d.t.Fatal(err)
	}
}

// image builds the program as an image @P/NAME of a test's own.
func (d *demo) image(name string) {
	d.t.Helper()
	d.docker("build", "-q", "-t", d.project+"/"+name, "app")
}

// write puts a new file in the place of an old one, as git and editors do.
func (d *demo) write(name, content string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(strings.ReplaceAll(content, "@P", d.project)), 0o644); err != nil {
		d.t.Fatal(err)
	}
	if filepath.Base(name) == ".env" {
		if err := os.Chmod(path+".new", 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := os.Rename(path+".new", path); err != nil {
		d.t.Fatal(err)
	}
}

func (d *demo) docker(args ...string) string {
	d.t.Helper()
	return printed(d.t, d.command(nil, "docker", args...))
}

// remove takes away what the test made on the engine: it is the test's own. A host of its own has gone with all of it.
func (d *demo) remove() {
	if d.host != nil {
		return
	}
	removeProject(d.t, d.project, d.project+"/none")
	for _, volume := range strings.Fields(d.docker("volume", "ls", "-q", "--filter", "name="+d.project)) {
		_ = exec.Command("docker", "volume", "rm", "-f", volume).Run()
	}
	out, err := exec.Command("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").Output()
	if err != nil {
		d.t.Errorf("clean up: %v", err)
	}
	for _, ref := range strings.Fields(string(out)) {
		if strings.HasPrefix(ref, d.project) {
			_ = exec.Command("docker", "image", "rm", "-f", ref).Run()
		}
	}
}

// mage runs targets of the stack.
func (d *demo) mage(args ...string) result {
	d.t.Helper()
	return d.start(args...).wait()
}

// start starts targets of the stack and does not wait for them.
func (d *demo) start(args ...string) *started {
	d.t.Helper()
	dir, err := demoBinaries()
	if err != nil {
		d.t.Fatal(err)
	}
	d.declare()
	cmd := d.command(d.env, filepath.Join(dir, "mage"), args...)
	run := &started{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &run.stdout, &run.stderr
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	return run
}

// declare writes the declaration as JSON. The functions of a setting cannot be in it.
func (d *demo) declare() {
	d.t.Helper()
	var destinations []map[string]any
	for _, at := range d.stack.Destinations {
		destinations = append(destinations, map[string]any{
			"Name": at.Name, "Project": at.Project, "Files": at.Files, "EnvFile": at.EnvFile, "Profiles": at.Profiles,
			"Database": at.Database, "Endpoints": at.Endpoints, "Links": at.Links, "Settings": d.settings, "MonitorPeriod": at.MonitorPeriod, "Parallel": at.Parallel,
		})
	}
	data, err := json.Marshal(map[string]any{"Name": d.stack.Name, "Dir": d.stack.Dir, "Destinations": destinations})
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("stack.json", string(data))
}

// deploy runs `mage deploy` and fails the test unless it ends with the code.
func (d *demo) deploy(code int, flags ...string) result {
	d.t.Helper()
	got := d.mage(append([]string{"deploy", "-skip=prerequisites", "-passes=1", "-timeout=40s"}, flags...)...)
	if got.code != code {
		d.t.Fatalf("deploy: want exit %d, got %s", code, got)
	}
	return got
}

// refused fails the test unless a deployment is refused with a message that holds these words and touches nothing.
func (d *demo) refused(words ...string) result {
	d.t.Helper()
	before := d.all()
	got := d.deploy(3)
	for _, word := range words {
		if !strings.Contains(got.stderr, strings.ReplaceAll(word, "@P", d.project)) {
			d.t.Errorf("the refusal does not say %q: %s", word, got)
		}
	}
	if after := d.all(); after != before {
		d.t.Errorf("refused, and yet touched:\n%s\nbefore:\n%s", after, before)
	}
	return got
}

// all is every container, network and volume of the project.
func (d *demo) all() string {
	d.t.Helper()
	label := "label=com.docker.compose.project=" + d.project
	return d.docker("ps", "-a", "--no-trunc", "--filter", label, "--format", "{{.Names}} {{.ID}} {{.State}}") +
		d.docker("network", "ls", "--no-trunc", "--filter", label, "--format", "{{.Name}} {{.ID}}") +
		d.docker("volume", "ls", "--filter", label, "--format", "{{.Name}}")
}

// ids are the containers of each service.
func (d *demo) ids() map[string]string {
	d.t.Helper()
	found := map[string]string{}
	out := d.docker("ps", "-a", "--no-trunc", "--filter", "label=com.docker.compose.project="+d.project,
		"--format", `{{.Label "com.docker.compose.service"}} {{.ID}}`)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(lines)
	for _, line := range lines {
		if service, id, ok := strings.Cut(line, " "); ok {
			found[service] += id + " "
		}
	}
	return found
}

// replaced names the services whose containers are others than before.
func (d *demo) replaced(before map[string]string) []string {
	d.t.Helper()
	after := d.ids()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if after[name] != before[name] {
			names = append(names, name)
		}
	}
	return names
}

// settled fails the test unless Compose, too, finds nothing to do.
func (d *demo) settled() {
	d.t.Helper()
	out := d.wouldCompose()
	for _, act := range []string{"Recreate", "Creat", "Remov"} {
		if strings.Contains(out, act) {
			d.t.Errorf("after the deployment Compose still has something to do:\n%s", out)
			return
		}
	}
}

// wouldCompose is what Compose says that it would do.
func (d *demo) wouldCompose() string {
	d.t.Helper()
	env := append([]string{"COMPOSE_PROJECT_NAME=" + d.project}, d.env...)
	if applied := filepath.Join(d.state, "releases/current/compose.yaml"); regular(applied) {
		env = append(env, "COMPOSE_FILE="+applied, "COMPOSE_ENV_FILES="+filepath.Join(d.state, "secrets.env"))
		if own := filepath.Join(d.dir, ".env"); regular(own) {
			env[len(env)-1] += "," + own
		}
	}
	out, err := d.command(env, "docker", "compose", "--dry-run", "up", "-d").CombinedOutput()
	if err != nil {
		d.t.Fatalf("docker compose --dry-run up: %v\n%s", err, out)
	}
	return string(out)
}

// regular reports whether there is a file of that name.
func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// ask is what a port of this machine answers.
func (d *demo) ask(port int) string {
	d.t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port)) //nolint:noctx // a port of this test
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

// watch returns what happens to the project's containers while something is done, as ACTION/ID.
func (d *demo) watch(act func()) []string {
	d.t.Helper()
	var seen safeBuffer
	events := exec.Command("docker", "events", "--filter", "label=com.docker.compose.project="+d.project, "--filter", "type=container", "--format", "{{.Action}}/{{.ID}}")
	events.Stdout = &seen
	if err := events.Start(); err != nil {
		d.t.Fatal(err)
	}
	act()
	_ = events.Process.Signal(os.Interrupt)
	_ = events.Wait()
	return strings.Fields(seen.String())
}
