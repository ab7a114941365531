package checkpoints

import (
	"context"
	"testing"
)

// begin opens a store in a new directory, takes its lock and begins a run.
func begin(t *testing.T) (*Store, *Lock, *Run) {
	t.Helper()
	store, err := Open(t.TempDir()+"/state", "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	lock, run := resume(t, store)
	return store, lock, run
}

// resume takes the lock of a store and begins a run, both ended with the test.
func resume(t *testing.T, store *Store) (*Lock, *Run) {
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

func TestDoRunsAStepOnceAndThenSkipsIt(t *testing.T) {
	store, lock, run := begin(t)
	runs := 0
	step := Step{
		Name:   "build",
		Inputs: func(context.Context) ([]Input, error) { return []Input{Value("version", "1")}, nil },
		Run:    func(context.Context) (string, error) { runs++; return "1 image", nil },
	}
	want := []Decision{
		{Step: "build", Run: true, Cause: "never run", State: Done, Result: "1 image"},
		{Step: "build", Run: false, Cause: "unchanged", State: Done, Result: "1 image"},
	}
	for _, want := range want {
		got, err := store.Do(t.Context(), lock, run, step)
		if err != nil || got != want {
			t.Fatalf("Do = %+v, %v, want %+v", got, err, want)
		}
	}
	if runs != 1 {
		t.Errorf("the step ran %d times, want once", runs)
	}
}
