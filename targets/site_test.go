//go:build engine

package targets_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slipway/internal/testhost"
)

// site is one checkout of the repository with a project, a state directory and ports of its own, deployed on the real
// engine. What it leaves is removed when the test ends, however it ends.
type site struct {
	t        *testing.T
	dir      string // the checkout
	state    string
	project  string
	backend  int
	frontend int
	env      map[string]string
	host     *testhost.Host // where it is deployed; nil for this machine
	volume   string         // the identity of the data's volume, where a test wants it kept
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := undeployed(t)
	t.Cleanup(func() { removeProject(t, s.project, "freshtrack-app:"+s.project) })
	return s
}

// undeployed is a site that is not yet on any engine.
func undeployed(t *testing.T) *site {
	t.Helper()
	id := make([]byte, 4)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, state: filepath.Join(t.TempDir(), "state"), project: "sw-" + hex.EncodeToString(id), backend: freePort(t), frontend: freePort(t)}
	s.env = map[string]string{
		"COMPOSE_PROJECT_NAME": s.project, "STATE_DIR": s.state, "APP_TAG": s.project,
		"BACKEND_PORT": strconv.Itoa(s.backend), "FRONTEND_PORT": strconv.Itoa(s.frontend),
	}
	s.dir = checkout(t)
	s.monitorBriefly()
	return s
}

// monitorBriefly watches a new container for a second, not for 5 s in every test.
func (s *site) monitorBriefly() {
	s.edit("stack/docker-compose.yml", "pids_limit: 128\n", "pids_limit: 128\n  deploy: {update_config: {monitor: 1s}}\n")
}

// checkout copies the working tree, as git lists it, to a folder of its own.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list := output(t, "..", "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for _, name := range strings.Split(strings.Trim(list, "\x00"), "\x00") {
		from, to := filepath.Join("..", name), filepath.Join(dir, name)
		data, err := os.ReadFile(from)
		if err != nil {
			continue // deleted, and not yet told to git
		}
		writeFile(t, to, string(data))
		if info, err := os.Stat(from); err != nil || os.Chmod(to, info.Mode().Perm()) != nil {
			t.Fatalf("%s does not get the mode of its original: %v", to, err)
		}
	}
	return dir
}

// removeProject takes away what a test made on the engine, its volumes and image too: they are the test's own.
func removeProject(t *testing.T, project, image string) {
	filter := "label=com.docker.compose.project=" + project
	for _, kind := range [][]string{{"ps", "-aq", "--filter", filter}, {"ps", "-aq", "--filter", "label=slipway.keeps=" + project}, {"volume", "ls", "-q", "--filter", filter}, {"network", "ls", "-q", "--filter", filter}} {
		out, err := exec.Command("docker", kind...).Output()
		if err != nil {
			t.Errorf("clean up: docker %s: %v", kind[0], err)
			continue
		}
		ids := strings.Fields(string(out))
		if len(ids) == 0 {
			continue
		}
		remove := append([]string{"rm", "-fv"}, ids...)
		switch kind[0] {
		case "volume":
			remove = append([]string{"volume", "rm", "-f"}, ids...)
		case "network":
			remove = append([]string{"network", "rm"}, ids...)
		}
		if out, err := exec.Command("docker", remove...).CombinedOutput(); err != nil {
			t.Errorf("clean up: docker %s: %v: %s", remove[0], err, out)
		}
	}
	out, err := exec.Command("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=slipway/"+project+"-*").Output()
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
	for _, ref := range append(strings.Fields(string(out)), image) {
		_ = exec.Command("docker", "rmi", "-f", ref).Run()
	}
}

// result is how a target ended.
type result struct {
	code   int
	stdout string
	stderr string
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.stdout, r.stderr) }

// start starts a target in a process group of its own and does not wait for it.
func (s *site) start(args ...string) *started {
	s.t.Helper()
	binary, err := compiled()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.launch(binary, args...)
}

func (s *site) launch(binary string, args ...string) *started {
	s.t.Helper()
	cmd := s.prepared(binary, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run := &started{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &run.stdout, &run.stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return run
}

// prepared is a command of the site that is not started yet.
func (s *site) prepared(binary string, args ...string) *exec.Cmd {
	var env []string
	for key, value := range s.env {
		env = append(env, key+"="+value)
	}
	if s.host != nil {
		return s.host.Command(s.t.Context(), s.dir, env, append([]string{binary}, args...)...)
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// output is what a command prints where the site is deployed.
func (s *site) output(name string, args ...string) string {
	s.t.Helper()
	return printed(s.t, s.prepared(name, args...))
}

type started struct {
	cmd            *exec.Cmd
	stdout, stderr safeBuffer
}

func (r *started) wait() result {
	err := r.cmd.Wait()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	return result{code, r.stdout.String(), r.stderr.String()}
}

// mage runs a target to its end.
func (s *site) mage(args ...string) result {
	s.t.Helper()
	return s.start(args...).wait()
}

// deploy runs `mage deploy` and fails the test unless it ends with the code.
func (s *site) deploy(code int, flags ...string) result {
	s.t.Helper()
	got := s.mage(append([]string{"deploy", "-passes=1"}, flags...)...)
	if got.code != code {
		s.t.Fatalf("deploy: want exit %d, got %s", code, got)
	}
	return got
}

// containers maps the service of every container of the project, one-offs left out, to "id startedAt state".
func (s *site) containers() map[string]string {
	s.t.Helper()
	found := map[string]string{}
	ids := strings.Fields(s.output("docker", "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project="+s.project, "--filter", "label=com.docker.compose.oneoff=False"))
	for _, id := range ids {
		line := s.output("docker", "inspect", "--format", `{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}} {{.State.Status}}`, id)
		service, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[service] += rest
	}
	return found
}

// post sends a reading and returns its sensor once the stack has acknowledged it.
func (s *site) post(sensor string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"sensor":%q,"celsius":-18.5}`, sensor)
	response, err := s.client().Post(s.url("/readings"), "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(response.Body)
		s.t.Fatalf("POST /readings: %s: %s", response.Status, text)
	}
}

// has fails the test unless the stack still knows a reading of every sensor.
func (s *site) has(sensors ...string) {
	s.t.Helper()
	for _, sensor := range sensors {
		if text := s.get("/readings?sensor=" + sensor); !strings.Contains(text, sensor) {
			s.t.Fatalf("the reading of %s is lost: %s", sensor, text)
		}
	}
}

// client connects from where the site is deployed.
func (s *site) client() *http.Client {
	if s.host == nil {
		return http.DefaultClient
	}
	return &http.Client{Transport: &http.Transport{DialContext: s.host.Dial, DisableKeepAlives: true}}
}

func (s *site) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", s.backend, path) }

func (s *site) get(path string) string {
	s.t.Helper()
	response, err := s.client().Get(s.url(path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s %v: %s", path, response.Status, err, text)
	}
	return string(text)
}

// wellNow fails the test unless every service runs and the database answers.
func (s *site) wellNow() {
	s.t.Helper()
	if text := s.get("/health/ready"); !strings.Contains(text, `"connected"`) {
		s.t.Fatalf("not ready: %s", text)
	}
	found := s.containers()
	for _, service := range []string{"backend", "worker", "frontend"} {
		if !strings.HasSuffix(found[service], " running") {
			s.t.Fatalf("%s is not running: %v", service, found)
		}
	}
}

// plan is what `mage plan -json` says: step -> cause, for the steps that would run.
func (s *site) plan() map[string]string {
	s.t.Helper()
	got := s.mage("plan", "-json")
	if got.code != 0 {
		s.t.Fatalf("plan: %s", got)
	}
	var planned struct {
		Steps []struct {
			Step, Cause string
			Run         bool
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &planned); err != nil {
		s.t.Fatalf("plan -json: %v\n%s", err, got.stdout)
	}
	causes := map[string]string{}
	for _, step := range planned.Steps {
		if step.Run {
			causes[step.Step] = step.Cause
		}
	}
	return causes
}

// edit replaces text in a file of the checkout.
func (s *site) edit(name, old, with string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		s.t.Fatalf("%s does not hold %q", name, old)
	}
	writeFile(s.t, path, strings.Replace(string(data), old, with, 1))
}

func (s *site) compose(args ...string) {
	s.t.Helper()
	cmd := exec.Command("docker", append([]string{"compose", "-p", s.project, "-f", "stack/docker-compose.yml"}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "APP_TAG="+s.project)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("docker compose %v: %v\n%s", args, err, out)
	}
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	return printed(t, cmd)
}

// printed is what a command prints to stdout; one that fails fails the test.
func printed(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return string(out)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	// Below those that the kernel hands out to whoever connects, and each but once: tests run side by side.
	const first, last = 20000, 32000
	for {
		port := first + int(portsTaken.Add(1)+int32(os.Getpid()%10000))%(last-first) //nolint:gosec // a small number
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
}

var portsTaken atomic.Int32

// eventually polls until the condition holds, for at most the given time.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("after %s still not: %s", limit, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// safeBuffer is a buffer that one goroutine writes while another reads.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
