package checkpoints

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
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
	var repeated atomic.Int64
	t.Run("killed", func(t *testing.T) {
		for n := 1; n <= instants; n++ {
			t.Run(fmt.Sprint("at instant ", n), func(t *testing.T) {
				t.Parallel()
				state, work := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "work")
				err := helper(t.Context(), "deploy", state, work, strconv.Itoa(n)).Run()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("the helper was not killed: %v", err)
				}
				checkPlanAfterKill(t, state, work)
				repeated.Add(finishAfterKill(t, state, work))
			})
		}
	})
	// Killed after the work and before its record: without such an instant
	// this test would show nothing.
	if repeated.Load() == 0 {
		t.Error("no step was ever repeated: the instants miss the work")
	}
}

// checkPlanAfterKill compares what is recorded with the work that was done.
func checkPlanAfterKill(t *testing.T, state, work string) {
	t.Helper()
	store, err := Look(state, "freshtrack")
	if err != nil {
		t.Fatalf("%v", err)
	}
	plan, err := store.Plan(t.Context(), deploySteps(work))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, decision := range plan {
		done := worked(t, work, decision.Step)
		switch {
		case !decision.Run && done != 1:
			t.Errorf("%s is recorded done, and its work was done %d times", decision.Step, done)
		case decision.Run && decision.Cause == "never run" && done != 0:
			t.Errorf("%s was done %d times and left no record", decision.Step, done)
		}
	}
	runs, err := store.Runs()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, run := range runs {
		if run.State == Running || run.State == Failed {
			t.Errorf("the killed run is said to be %s", run.State)
		}
	}
}

// finishAfterKill deploys again and returns how many steps were repeated.
func finishAfterKill(t *testing.T, state, work string) int64 {
	t.Helper()
	store, err := Open(state, "freshtrack")
	if err != nil {
		t.Fatalf("%v", err)
	}
	lock, run := resume(t, store)
	for _, step := range deploySteps(work) {
		decision, err := store.Do(t.Context(), lock, run, step)
		if err != nil || decision.State != Done {
			t.Fatalf("Do = %+v, %v", decision, err)
		}
	}
	repeated := worked(t, work, "build") + worked(t, work, "rollout") - 2
	if repeated < 0 || repeated > 1 {
		t.Errorf("%d steps were repeated, want at most one", repeated)
	}
	leftovers, err := filepath.Glob(filepath.Join(state, "checkpoints", ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left over: %q, %v", leftovers, err)
	}
	leftovers, err = filepath.Glob(filepath.Join(state, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left over: %q, %v", leftovers, err)
	}
	return int64(repeated)
}

func worked(t *testing.T, work, step string) int {
	t.Helper()
	data, err := os.ReadFile(work) //nolint:gosec // within a test's directory
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(data), step+"\n")
}
