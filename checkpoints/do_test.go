package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// begin opens a store in a new directory, takes its lock and begins a run.
func begin(t testing.TB) (*Store, *Lock, *Run) {
	t.Helper()
	store, err := Open(filepath.Join(t.TempDir(), "state"), "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	lock, run := resume(t, store)
	return store, lock, run
}

// resume takes the lock of a store and begins a run, both ended with the test.
func resume(t testing.TB, store *Store) (*Lock, *Run) {
	t.Helper()
	lock, err := store.Lock(t.Context(), Holder{Target: "deploy"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
	run, err := store.Begin(lock, "deploy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run.End(nil); err != nil {
			t.Error(err)
		}
	})
	return lock, run
}

func TestDoRecordsRunningBeforeTheWorkAndDoneAfterIt(t *testing.T) {
	store, lock, run := begin(t)
	step := Step{Name: "build", Run: func(context.Context) (string, error) {
		record, ok, err := store.Record("build")
		if err != nil || !ok || record.State != Running || record.Run != run.ID() || record.Nonce != "" {
			t.Errorf("during the work: Record = %+v, %v, %v, want it running", record, ok, err)
		}
		plan, err := store.Plan(t.Context(), []Step{{Name: "build"}})
		if err != nil || plan[0].State != Running {
			t.Errorf("during the work: Plan = %+v, %v, want it running", plan, err)
		}
		return "1 image", nil
	}}
	decision, err := store.Do(t.Context(), lock, run, step)
	if want := (Decision{Step: "build", Run: true, Cause: "never run", State: Done, Result: "1 image"}); err != nil || decision != want {
		t.Errorf("Do = %+v, %v, want %+v", decision, err, want)
	}
	record, ok, err := store.Record("build")
	if err != nil || !ok || record.State != Done || record.Result != "1 image" || record.Nonce == "" || record.Finished.Before(record.Started) {
		t.Errorf("after the work: Record = %+v, %v, %v, want it done", record, ok, err)
	}
}

func TestDoRecordsAFailureWithWhatItsErrorKnows(t *testing.T) {
	store, lock, run := begin(t)
	fault := &Fault{Message: "no space", Category: "disk", Script: "deploy.sh", Line: 42, ExitCode: 17}
	step := Step{Name: "build", Run: func(context.Context) (string, error) { return "", fmt.Errorf("image backend: %w", fault) }}
	decision, err := store.Do(t.Context(), lock, run, step)
	if err == nil || err.Error() != "build: image backend: no space" || decision.State != Failed {
		t.Errorf("Do = %+v, %v", decision, err)
	}
	record, _, err := store.Record("build")
	if err != nil || record.State != Failed || record.Error == nil {
		t.Fatalf("Record = %+v, %v, want it failed", record, err)
	}
	want := *fault
	want.Message, want.Time = "image backend: no space", record.Finished
	if *record.Error != want {
		t.Errorf("the fault is %+v, want %+v", *record.Error, want)
	}
}

func TestFaultTakesTheExitCodeOfACommand(t *testing.T) {
	err := exec.CommandContext(t.Context(), "sh", "-c", "exit 7").Run()
	if fault := FaultOf(fmt.Errorf("deploy.sh: %w", err), open(t).time()); fault.ExitCode != 7 {
		t.Errorf("the exit code is %d, want 7", fault.ExitCode)
	}
	if FaultOf(nil, open(t).time()) != nil {
		t.Error("no error is a fault")
	}
}

func TestDoLeavesACancelledStepInterrupted(t *testing.T) {
	store, lock, run := begin(t)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := errors.New("stopped before the swap")
	step := Step{Name: "rollout", Run: func(context.Context) (string, error) {
		cancel()
		return "", stopped
	}}
	decision, err := store.Do(ctx, lock, run, step)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, stopped) || decision.State != Interrupted {
		t.Errorf("Do = %+v, %v, want it interrupted", decision, err)
	}
	plan, err := store.Plan(t.Context(), []Step{step})
	if err != nil || plan[0].State != Interrupted {
		t.Errorf("within its own run: Plan = %+v, %v, want it interrupted", plan, err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	plan, err = store.Plan(t.Context(), []Step{step})
	if err != nil || plan[0].State != Interrupted {
		t.Errorf("once nobody holds the lock: Plan = %+v, %v, want it interrupted", plan, err)
	}
	if err := run.End(fmt.Errorf("deploy: %w", context.Canceled)); err != nil {
		t.Fatal(err)
	}
	runs, err := store.Runs()
	if err != nil || runs[0].State != Interrupted {
		t.Errorf("Runs = %+v, %v, want the run interrupted", runs, err)
	}
}

func TestDoRecordsWorkThatFinishedInSpiteOfACancellation(t *testing.T) {
	store, lock, run := begin(t)
	ctx, cancel := context.WithCancel(t.Context())
	step := Step{Name: "migrate", Run: func(context.Context) (string, error) {
		cancel()
		return "2 applied", nil
	}}
	if decision, err := store.Do(ctx, lock, run, step); err != nil || decision.State != Done {
		t.Errorf("Do = %+v, %v, want it done", decision, err)
	}
	second := Step{Name: "rollout", Run: func(context.Context) (string, error) {
		t.Error("a step began after the cancellation")
		return "", nil
	}}
	if _, err := store.Do(ctx, lock, run, second); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want context.Canceled", err)
	}
	if _, ok, err := store.Record("rollout"); ok || err != nil {
		t.Errorf("Record = %v, %v, want none", ok, err)
	}
}

func TestAStepIsAnnouncedOnceItIsRecordedRunningAndNotWhenItIsSkipped(t *testing.T) {
	store, lock, run := begin(t)
	var announced []Decision
	step := Step{
		Name: "build",
		Announce: func(d Decision) {
			announced = append(announced, d)
			if record, ok, err := store.Record("build"); err != nil || !ok || record.State != Running {
				t.Errorf("when it is announced: Record = %+v, %v, %v, want it running", record, ok, err)
			}
		},
		Run: func(context.Context) (string, error) {
			if len(announced) != 1 {
				t.Errorf("announced %d times before the work, want once", len(announced))
			}
			return "", nil
		},
	}
	for range 2 {
		if _, err := store.Do(t.Context(), lock, run, step); err != nil {
			t.Fatal(err)
		}
	}
	if want := (Decision{Step: "build", Run: true, Cause: "never run", State: Running}); len(announced) != 1 || announced[0] != want {
		t.Errorf("announced %+v, want once %+v", announced, want)
	}
}

func TestAnOutcomeIsRecordedAsTheWorkLeftItAndOtherInputsAsItFoundThem(t *testing.T) {
	store, lock, run := begin(t)
	volume, model := "none", "1"
	step := Step{
		Name: "migrate",
		Inputs: func(context.Context) ([]Input, error) {
			return []Input{Outcome("volume", volume), Value("model", model)}, nil
		},
		Run: func(context.Context) (string, error) {
			volume = "created"
			return "", nil
		},
	}
	for _, test := range []struct {
		change func()
		want   string
	}{
		{func() {}, "run: never run"},
		{func() {}, "skip: unchanged"},
		{func() { volume = "another" }, "run: volume changed"},
		{func() {}, "skip: unchanged"},
		{func() { model = "2" }, "run: model changed"},
	} {
		test.change()
		decision, err := store.Do(t.Context(), lock, run, step)
		if got := brief([]Decision{decision}); err != nil || got != test.want {
			t.Errorf("Do = %q, %v, want %q", got, err, test.want)
		}
	}
	step.Run = func(context.Context) (string, error) {
		model = "changed meanwhile"
		return "", nil
	}
	model = "3"
	if _, err := store.Do(t.Context(), lock, run, step); err != nil {
		t.Fatal(err)
	}
	plan, err := store.Plan(t.Context(), []Step{step})
	if err != nil || brief(plan) != "run: model changed" {
		t.Errorf("Plan = %+v, %v, want what changed during the work to be a change", plan, err)
	}
}

func TestNoSecretReachesRecordOrJournal(t *testing.T) {
	const secret = "correct-horse"
	store, lock, run := begin(t)
	store.Redact(func(text string) string { return strings.ReplaceAll(text, secret, "[redacted]") })
	well := Step{Name: "config", Run: func(context.Context) (string, error) { return "set " + secret, nil }}
	if _, err := store.Do(t.Context(), lock, run, well); err != nil {
		t.Fatal(err)
	}
	ill := Step{
		Name:   "migrate",
		Inputs: func(context.Context) ([]Input, error) { return []Input{Value("password", secret)}, nil },
		Run:    func(context.Context) (string, error) { return "", errors.New("denied: " + secret) },
	}
	if _, err := store.Do(t.Context(), lock, run, ill); err == nil {
		t.Fatal("the step that was to fail succeeded")
	}
	fields := map[string]any{"deep": []any{map[string]any{"x": secret}}}
	if err := run.Event("note", fields); err != nil {
		t.Fatal(err)
	}
	if err := run.End(errors.New(secret)); err != nil {
		t.Fatal(err)
	}
	checkAbsent(t, store.Dir(), secret)
	checkAbsent(t, store.Dir(), Value("password", secret).Digest)
}
