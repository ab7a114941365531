//go:build engine

package targets_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// instant is a moment of a deployment, recognised by an event in the journal of its run.
type instant struct {
	name string
	sign func(event) bool
}

// event is a line of a journal.
type event struct {
	Kind   string
	Fields struct{ Phase, Step, State, Script, Args, Service string }
}

func phaseRuns(name string) instant {
	return instant{name, func(e event) bool { return e.Kind == "phase" && e.Fields.Phase == name && e.Fields.State == "running" }}
}

func stepRuns(name string) instant {
	return instant{name, func(e event) bool { return e.Kind == "run" && e.Fields.Step == name }}
}

func scriptRuns(name, args string) instant {
	return instant{name, func(e event) bool { return e.Kind == "script" && strings.HasPrefix(e.Fields.Args, args) }}
}

var instants = []instant{
	phaseRuns("preflight"), phaseRuns("config"), stepRuns("compile"), scriptRuns("build", "build "), scriptRuns("migrate", "migrate "),
	{"rollout: recreate", func(e event) bool {
		return e.Kind == "script" && (strings.HasPrefix(e.Fields.Args, "up ") || strings.HasPrefix(e.Fields.Args, "renew "))
	}}, {"rollout: wait", func(e event) bool { return e.Kind == "wait" }},
	phaseRuns("verify"), scriptRuns("cleanup", "cleanup"),
}

// mishap is what happens to a deployment at an instant, and how the target must end then.
type mishap struct {
	name   string
	inject func(*site, *started)
	codes  []int
}

// codeKilled is what wait says of a process that a signal ended.
const codeKilled = -1

var mishaps = []mishap{
	{"SIGKILL of the whole tree", func(s *site, r *started) { killTree(s) }, []int{codeKilled}},
	{"SIGINT to the group", func(_ *site, r *started) { _ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT) }, []int{130, 0}},
	{"SIGTERM", func(_ *site, r *started) { _ = r.cmd.Process.Signal(syscall.SIGTERM) }, []int{130, 0}},
}

// TestWhateverHappensTheNextDeployGoesOnFromThere is the fault matrix: each mishap at each instant, and after it one deploy
// that must end well, with every acknowledged reading there and no migration pending.
func TestWhateverHappensTheNextDeployGoesOnFromThere(t *testing.T) {
	t.Parallel()
	for _, mishap := range mishaps {
		t.Run(mishap.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.deploy(0)
			sensors := []string{"before"}
			s.post("before")
			for n, instant := range instants {
				sensor := fmt.Sprintf("n%d", n)
				s.endure(mishap, instant, n)
				s.post(sensor)
				sensors = append(sensors, sensor)
				s.has(sensors...)
			}
		})
	}
}

// endure changes the stack, lets the mishap hit the deployment at the instant, and deploys again.
func (s *site) endure(mishap mishap, at instant, n int) {
	s.t.Helper()
	s.edit("stack/app/frontend.html", "</body>", fmt.Sprintf("<!-- %d --></body>", n))
	s.migration(n)
	known := len(s.journals())
	run := s.start("deploy", "-passes=1", "-timeout=60s")
	if !s.reaches(run, known, at) {
		s.t.Fatalf("%s: the deployment did not come to this instant: %s", at.name, run.wait())
	}
	mishap.inject(s, run)
	got := run.wait()
	allowed := false
	for _, code := range mishap.codes {
		allowed = allowed || got.code == code
	}
	if !allowed {
		s.t.Fatalf("%s at %s: want exit %v, got %s", mishap.name, at.name, mishap.codes, got)
	}
	if got.code == 130 && !strings.Contains(got.stderr, "resumes at") && !strings.Contains(got.stderr, "interrupted") {
		s.t.Errorf("%s at %s: an interrupted deploy does not say so: %s", mishap.name, at.name, got)
	}
	s.deploy(0, "-wait=60s", "-timeout=60s")
	s.wellNow()
	if text := output(s.t, s.dir, "docker", "run", "--rm", "--read-only", "-v", s.project+"_data:/data", "freshtrack-app:"+s.project, "migrate", "status"); !strings.Contains(text, `"pending":0`) {
		s.t.Fatalf("%s at %s: migrations are pending: %s", mishap.name, at.name, text)
	}
	s.t.Logf("%-26s | %-18s | exit %4d | next deploy: healthy, all readings there", mishap.name, at.name, got.code)
}

// migration adds a migration that fails when it is applied twice.
func (s *site) migration(n int) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.dir, "stack/app/migrations/sqlite", fmt.Sprintf("%05d_matrix.sql", 90000+n)),
		fmt.Sprintf("-- +goose Up\nCREATE TABLE matrix_%d (n INTEGER);\n", n))
}

func (s *site) journals() []string {
	journals, _ := filepath.Glob(filepath.Join(s.state, "runs", "*.jsonl"))
	return journals
}

// reaches waits until the journal of the run, the one after the known ones, shows the instant; false when the run ended
// before.
func (s *site) reaches(run *started, known int, at instant) bool {
	s.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if journals := s.journals(); len(journals) > known {
			data, _ := os.ReadFile(journals[known])
			for _, line := range strings.Split(string(data), "\n") {
				var e event
				if json.Unmarshal([]byte(line), &e) == nil && at.sign(e) {
					return true
				}
			}
		}
		if syscall.Kill(run.cmd.Process.Pid, 0) != nil || zombie(run.cmd.Process.Pid) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// killTree kills every process that works for the site, scripts and Compose too, wherever in the process tree.
func killTree(s *site) {
	for range 3 {
		entries, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range entries {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), "STATE_DIR="+s.state+"\x00") {
				var pid int
				if _, err := fmt.Sscanf(path, "/proc/%d/environ", &pid); err == nil && pid != os.Getpid() {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
	}
}

func zombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(data), ") Z ")
}
