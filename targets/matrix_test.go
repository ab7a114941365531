//go:build engine

package targets_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// mishap is what happens to a deployment at an instant, and how the target must end then.
type mishap struct {
	name    string
	inject  func(*site, *started)
	codes   []int
	at      []instant
	wrapped bool // it runs below `mage`, which the mishap ends; the deployment itself goes on
}

// codeKilled is what wait says of a process that a signal ended.
const codeKilled = -1

// wrapper is Mage itself, which compiles the magefile and waits for it.
var wrapper = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(work, "wrapper")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/magefile/mage")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build mage: %w\n%s", err, out)
	}
	return binary, nil
})

var mishaps = []mishap{
	{name: "SIGKILL of the whole tree", inject: killAll, codes: []int{codeKilled}, at: instants},
	{name: "SIGINT to the group", inject: signalled(syscall.SIGINT, true), codes: []int{130, 0}, at: instants},
	{name: "SIGINT to the pid", inject: signalled(syscall.SIGINT, false), codes: []int{130, 0}, at: instants},
	{name: "SIGTERM", inject: signalled(syscall.SIGTERM, false), codes: []int{130, 0}, at: instants},
	{name: "SIGHUP", inject: signalled(syscall.SIGHUP, true), codes: []int{130, 0}, at: instants},
	{name: "SIGKILL of the wrapper", inject: signalled(syscall.SIGKILL, false), codes: []int{codeKilled}, wrapped: true, at: instants},
}

// killAll kills the target at once, and then who works for it: to find them takes longer than some steps do.
func killAll(s *site, r *started) {
	_ = r.cmd.Process.Kill()
	killTree(s)
}

// signalled sends the target, or its process group, a signal.
func signalled(sig syscall.Signal, group bool) func(*site, *started) {
	return func(_ *site, r *started) {
		pid := r.cmd.Process.Pid
		if group {
			pid = -pid
		}
		_ = syscall.Kill(pid, sig)
	}
}

// TestWhateverHappensTheNextDeployGoesOnFromThere is the fault matrix, in which SIGKILL comes at each instant, and the other mishaps
// take turns; the soak has each of them at each instant.
func TestWhateverHappensTheNextDeployGoesOnFromThere(t *testing.T) {
	var some []mishap
	for n, mishap := range mishaps {
		if n > 0 {
			all := mishap.at
			mishap.at = nil
			for i := n % 3; i < len(all); i += 3 {
				mishap.at = append(mishap.at, all[i])
			}
		}
		some = append(some, mishap)
	}
	faultMatrix(t, some)
}

// faultMatrix is each mishap at its instants, and after it one deploy that must end well, with every acknowledged reading there and
// each migration applied once.
func faultMatrix(t *testing.T, mishaps []mishap) {
	t.Parallel()
	results := newTable(t, faultColumns...)
	for _, mishap := range mishaps {
		t.Run(mishap.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.deploy(0, "-skip=verify")
			s.keepOthers()
			s.deploy(0, "-skip=verify")
			sensors := []string{"before"}
			s.post("before")
			for n, at := range mishap.at {
				s.endure(mishap, at, n, results, sensors...)
				sensor := fmt.Sprintf("n%d", n)
				s.post(sensor)
				sensors = append(sensors, sensor)
			}
		})
	}
}

// prepare gives a deployment something to do that brings it to the instant, and beyond it where it goes on while another one
// comes. What happens before the first step costs nothing to do again, whatever is to be done after it.
func (s *site) prepare(at instant, n int, goesOn bool) {
	s.t.Helper()
	if at.name == "pull" {
		if got := s.mage("reset", "-step=pull"); got.code != 0 {
			s.t.Fatalf("reset: %s", got)
		}
	}
	if goesOn || !slices.Contains([]string{"preflight", "config", "pull"}, at.name) {
		s.change(n)
	}
}

// endure lets the mishap hit a deployment at the instant, compares what is recorded with what happened, and deploys again.
func (s *site) endure(mishap mishap, at instant, n int, results *table, sensors ...string) {
	s.t.Helper()
	s.prepare(at, n, mishap.wrapped)
	known := len(s.journals())
	run := s.under(mishap)
	if !s.reaches(run, known, at) {
		s.t.Fatalf("%s: the deployment did not come to this instant: %s", at.name, run.wait())
	}
	mishap.inject(s, run)
	if mishap.wrapped {
		if got := s.mage("deploy"); got.code != 11 {
			s.t.Errorf("%s at %s: want exit 11 for a second deploy, for the first goes on, got %s", mishap.name, at.name, got)
		}
	}
	got := run.wait()
	if !slices.Contains(mishap.codes, got.code) {
		s.t.Fatalf("%s at %s: want exit %v, got %s", mishap.name, at.name, mishap.codes, got)
	}
	if got.code == 130 && !strings.Contains(got.stderr, "resumes at") && !strings.Contains(got.stderr, "interrupted") {
		s.t.Errorf("%s at %s: an interrupted deploy does not say so: %s", mishap.name, at.name, got)
	}
	interrupted := s.interrupted()
	faulted := events(s.journals()[known])
	s.recordedIs(faulted, interrupted, got.code == 0 || mishap.wrapped)
	again := s.recovers(faulted, sensors...)
	if s.t.Failed() {
		s.t.Fatalf("%s at %s: see above; it ended with %s", mishap.name, at.name, got)
	}
	results.add(mishap.name, at.name, ended(got.code), outcome(faulted, interrupted), listed(again))
}

// under starts the deployment that the mishap is to hit.
func (s *site) under(mishap mishap) *started {
	s.t.Helper()
	flags := []string{"deploy", "-passes=1", "-timeout=60s"}
	if !mishap.wrapped {
		return s.start(flags...)
	}
	binary, err := wrapper()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.launch(binary, flags...)
}

// outcome is what is recorded after a fault, in the words of the table.
func outcome(journal []event, interrupted []string) string {
	switch {
	case !unfinished(journal):
		return "done"
	case len(interrupted) > 0:
		return strings.Join(interrupted, ", ") + " interrupted"
	case len(steps(journal, "run")) == 0:
		return "no step had begun"
	case len(open(journal)) > 0:
		return "as before " + strings.Join(open(journal), ", ")
	}
	return "every step that had begun is done"
}

// unfinished tells whether a run ended before its work did.
func unfinished(journal []event) bool {
	last := journal[len(journal)-1]
	return last.Kind != "end" || last.Fields.State != "done"
}

// open are the steps that a journal shows begun and not ended.
func open(journal []event) []string {
	var begun []string
	for _, e := range journal {
		switch e.Kind {
		case "run":
			begun = append(begun, e.Fields.Step)
		case "done", "failed":
			begun = slices.DeleteFunc(begun, func(step string) bool { return step == e.Fields.Step })
		}
	}
	return begun
}

// recordedIs compares what is recorded with the journal: a step that began and did not end is interrupted, none else is,
// and the plan says so. A step killed between a line of the journal and its record is as it was before or as it is after.
func (s *site) recordedIs(journal []event, interrupted []string, whole bool) {
	s.t.Helper()
	if whole && unfinished(journal) {
		s.t.Errorf("the run did not record its end")
	}
	if next := s.status().Next; unfinished(journal) && !strings.Contains(next, "deploy") {
		s.t.Errorf("the run was cut short, and status says that next is %q", next)
	}
	open := open(journal)
	for _, step := range interrupted {
		if !slices.Contains(open, step) {
			s.t.Errorf("%s is recorded as interrupted, and the journal has %v open", step, open)
		}
	}
	plan := s.plannedAgain(interrupted)
	for _, step := range open {
		if !strings.HasPrefix(step, "rollout.") && !slices.Contains(interrupted, step) && plan[step] == "interrupted" {
			s.t.Errorf("%s is planned as interrupted, and status does not say so", step)
		}
	}
}

// plannedAgain returns the plan, and fails the test unless it names the interrupted steps as such.
func (s *site) plannedAgain(interrupted []string) map[string]string {
	s.t.Helper()
	plan := s.plan()
	for _, step := range interrupted {
		if cause := plan[step]; cause != "interrupted" {
			s.t.Errorf("%s is recorded as interrupted, and the cause in the plan is %q", step, cause)
		}
	}
	return plan
}
