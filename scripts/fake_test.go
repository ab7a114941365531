package scripts_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test binary stand in for docker: linked under that name on
// the PATH of a script, it records its arguments and plays a prepared answer.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "docker" {
		os.Exit(playDocker(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// call is one invocation of docker, with what Compose would read from the
// environment.
type call struct {
	Args     string
	Files    string
	Project  string
	Profiles string
	Orphans  string // whether they are removed, and whether they are ignored
}

// answer is what docker does when its arguments begin with Args and end with Ends.
type answer struct {
	Args   string
	Ends   string
	Stdout string
	Stderr string
	Code   int
}

func playDocker(args []string) int {
	line := strings.Join(args, " ")
	record, err := json.Marshal(call{
		Args:     line,
		Files:    os.Getenv("COMPOSE_FILE"),
		Project:  os.Getenv("COMPOSE_PROJECT_NAME"),
		Profiles: os.Getenv("COMPOSE_PROFILES"),
		Orphans:  os.Getenv("COMPOSE_REMOVE_ORPHANS") + " " + os.Getenv("COMPOSE_IGNORE_ORPHANS"),
	})
	if err != nil {
		return 90
	}
	file, err := os.OpenFile(os.Getenv("FAKE_CALLS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 91
	}
	if _, err := file.Write(append(record, '\n')); err != nil {
		return 92
	}
	if err := file.Close(); err != nil {
		return 93
	}
	var answers []answer
	if err := json.Unmarshal([]byte(os.Getenv("FAKE_ANSWERS")), &answers); err != nil {
		return 94
	}
	for _, a := range answers {
		if strings.HasPrefix(line, a.Args) && strings.HasSuffix(line, a.Ends) {
			_, _ = os.Stdout.WriteString(a.Stdout)
			_, _ = os.Stderr.WriteString(a.Stderr)
			return a.Code
		}
	}
	if strings.HasPrefix(line, "network create --config-only ") {
		_, _ = os.Stdout.WriteString(engineLock + "\n")
	}
	return 0
}

// engineLock is the id of the lock that the fake engine makes.
const engineLock = "the-lock"

// run is one run of a script: what goes in, then what came of it.
type run struct {
	script  string
	answers []answer
	env     []string
	lock    *os.File // handed down as descriptor 3

	code   int
	stdout string
	stderr string
	fault  string
	calls  []call
}

// do runs the script with args against the fake docker, in a fresh directory
// unless dir is given.
func (r *run) do(t *testing.T, args ...string) *run {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "docker")); err != nil {
		t.Fatal(err)
	}
	answers, err := json.Marshal(r.answers)
	if err != nil {
		t.Fatal(err)
	}
	if r.script == "" {
		r.script = "deploy.sh"
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(here, r.script)}, args...)...)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir,
		"STATE_DIR=" + filepath.Join(dir, "state"),
		"FAULT_FILE=" + filepath.Join(dir, "fault"),
		"FAKE_CALLS=" + filepath.Join(dir, "calls"),
		"FAKE_ANSWERS=" + string(answers),
	}, r.env...)
	if r.lock != nil {
		cmd.ExtraFiles = []*os.File{r.lock}
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r.code = cmd.ProcessState.ExitCode()
	r.stdout, r.stderr = stdout.String(), stderr.String()
	fault, err := os.ReadFile(filepath.Join(dir, "fault"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	r.fault = string(fault)
	r.calls = readCalls(t, filepath.Join(dir, "calls"))
	return r
}

// readCalls also holds the rule for every test: no script says yes to the loss of
// a volume, or removes one.
func readCalls(t *testing.T, path string) []call {
	t.Helper()
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var calls []call
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"-y", "--yes", "-v", "--volumes"} {
			if slices.Contains(strings.Fields(c.Args), flag) {
				t.Errorf("docker %s: passes %s", c.Args, flag)
			}
		}
		calls = append(calls, c)
	}
	return calls
}

// acts returns the calls that change something, in order.
func (r *run) acts() []string {
	var acts []string
	for _, c := range r.calls {
		question := slices.ContainsFunc([]string{
			"container ls", "container inspect", "image inspect", "compose config", "compose version", "version", "info", "logs", "wait",
			"network create --config-only ", "network ls --no-trunc --filter label=slipway.lock=", "network rm " + engineLock, // the lock
		}, func(prefix string) bool { return strings.HasPrefix(c.Args, prefix) })
		if !question {
			acts = append(acts, c.Args)
		}
	}
	return acts
}

func (r *run) wantCode(t *testing.T, code int) {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s", r.code, code, r.stderr)
	}
}

func (r *run) wantActs(t *testing.T, want ...string) {
	t.Helper()
	if got := r.acts(); !slices.Equal(got, want) {
		t.Errorf("docker was called with\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (r *run) wantSaid(t *testing.T, sentence string) {
	t.Helper()
	if !strings.Contains(r.stderr, sentence) {
		t.Errorf("stderr lacks %q:\n%s", sentence, r.stderr)
	}
}

// project is the environment in which Slipway calls a step.
func project() []string {
	return []string{"COMPOSE_PROJECT_NAME=shop", "COMPOSE_FILE=docker-compose.yml"}
}
