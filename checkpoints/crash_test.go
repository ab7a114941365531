package checkpoints

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestAProcessKilledAtAnyInstantCostsAtMostOneRepeatedStep(t *testing.T) {
	dir := t.TempDir()
	out, err := helper(t.Context(), "deploy", filepath.Join(dir, "whole"), filepath.Join(dir, "work"), "0").Output()
	if err != nil {
		t.Fatal(err)
	}
	instants, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || instants < 30 {
		t.Fatalf("a whole deployment has %q instants (%v), want at least 30", out, err)
	}
	repeated := 0
	for n := 1; n <= instants; n++ {
		state := filepath.Join(dir, "state"+strconv.Itoa(n))
		work := filepath.Join(dir, "work"+strconv.Itoa(n))
		err := helper(t.Context(), "deploy", state, work, strconv.Itoa(n)).Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("instant %d: the helper was not killed: %v", n, err)
		}
		checkPlanAfterKill(t, n, state, work)
		repeated += finishAfterKill(t, n, state, work)
	}
	// Killed after the work and before its record: without such an instant
	// this test would show nothing.
	if repeated == 0 {
		t.Error("no step was ever repeated: the instants miss the work")
	}
}

// checkPlanAfterKill compares what is recorded with the work that was done.
func checkPlanAfterKill(t *testing.T, n int, state, work string) {
	t.Helper()
	store, err := Look(state, "freshtrack")
	if err != nil {
		t.Fatalf("instant %d: %v", n, err)
	}
	plan, err := store.Plan(t.Context(), deploySteps(work))
	if err != nil {
		t.Fatalf("instant %d: %v", n, err)
	}
	for _, decision := range plan {
		done := worked(t, work, decision.Step)
		switch {
		case !decision.Run && done != 1:
			t.Errorf("instant %d: %s is recorded done, and its work was done %d times", n, decision.Step, done)
		case decision.Run && decision.Cause == "never run" && done != 0:
			t.Errorf("instant %d: %s was done %d times and left no record", n, decision.Step, done)
		}
	}
	runs, err := store.Runs()
	if err != nil {
		t.Errorf("instant %d: %v", n, err)
	}
	for _, run := range runs {
		if run.State == Running || run.State == Failed {
			t.Errorf("instant %d: the killed run is said to be %s", n, run.State)
		}
	}
}

// finishAfterKill deploys again and returns how many steps were repeated.
func finishAfterKill(t *testing.T, n int, state, work string) int {
	t.Helper()
	store, err := Open(state, "freshtrack")
	if err != nil {
		t.Fatalf("instant %d: %v", n, err)
	}
	lock, run := resume(t, store)
	for _, step := range deploySteps(work) {
		decision, err := store.Do(t.Context(), lock, run, step)
		if err != nil || decision.State != Done {
			t.Fatalf("instant %d: Do = %+v, %v", n, decision, err)
		}
	}
	repeated := worked(t, work, "build") + worked(t, work, "rollout") - 2
	if repeated < 0 || repeated > 1 {
		t.Errorf("instant %d: %d steps were repeated, want at most one", n, repeated)
	}
	leftovers, err := filepath.Glob(filepath.Join(state, "checkpoints", ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("instant %d: left over: %q, %v", n, leftovers, err)
	}
	leftovers, err = filepath.Glob(filepath.Join(state, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("instant %d: left over: %q, %v", n, leftovers, err)
	}
	return repeated
}

func worked(t *testing.T, work, step string) int {
	t.Helper()
	data, err := os.ReadFile(work) //nolint:gosec // within a test's directory
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(data), step+"\n")
}
