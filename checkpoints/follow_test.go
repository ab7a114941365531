package checkpoints

import (
	"strings"
	"testing"
)

// chain is a build and a rollout that an earlier run did before one followed the other.
func chain(t *testing.T) (build, rollout *world, store *Store, lock *Lock, run *Run) {
	t.Helper()
	store, lock, run = begin(t)
	build = &world{inputs: map[string]string{"main.go": "1"}}
	rollout = &world{inputs: map[string]string{"model": "1"}}
	if _, err := deploy(t, store, lock, run, []Step{build.step("build"), rollout.step("rollout")}); err != nil {
		t.Fatal(err)
	}
	return build, rollout, store, lock, anotherRun(t, store, lock, run)
}

// anotherRun ends a run and begins the next.
func anotherRun(t *testing.T, store *Store, lock *Lock, run *Run) *Run {
	t.Helper()
	if err := run.End(nil); err != nil {
		t.Fatal(err)
	}
	next, err := store.Begin(lock, "deploy")
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// says is what a plan says of the two.
func says(t *testing.T, store *Store, build, rollout *world) string {
	t.Helper()
	plan, err := store.Plan(t.Context(), []Step{build.step("build"), rollout.step("rollout")})
	if err != nil {
		t.Fatal(err)
	}
	return brief(plan)
}

func TestAStepThatBeginsToFollowAnotherRunsForWhatThatOneDoesSince(t *testing.T) {
	build, rollout, store, lock, run := chain(t)
	rollout.after = []string{"build"}
	const rest = "skip: unchanged; skip: unchanged"
	for _, when := range []string{"before it is written down", "after it is written down"} {
		if got := says(t, store, build, rollout); got != rest {
			t.Errorf("%s: Plan says %q, want %q", when, got, rest)
		}
		did, err := deploy(t, store, lock, run, []Step{build.step("build"), rollout.step("rollout")})
		if err != nil || brief(did) != rest {
			t.Errorf("%s: Do did %q, %v, want %q", when, brief(did), err, rest)
		}
	}
	build.inputs["main.go"] = "2"
	if got, want := says(t, store, build, rollout), "run: main.go changed; run: build runs first"; got != want {
		t.Errorf("Plan says %q, want %q", got, want)
	}
	did, err := deploy(t, store, lock, run, []Step{build.step("build"), rollout.step("rollout")})
	if want := "run: main.go changed; run: build ran again"; err != nil || brief(did) != want {
		t.Errorf("Do did %q, %v, want %q", brief(did), err, want)
	}
}

// A process that is killed between the two leaves the follower to the next run.
func TestAStepThatFollowsSinceThisRunIsNotForgottenByTheNext(t *testing.T) {
	build, rollout, store, lock, run := chain(t)
	rollout.after, build.inputs["main.go"] = []string{"build"}, "2"
	steps := []Step{build.step("build"), rollout.step("rollout")}
	if err := store.Follow(lock, steps); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Do(t.Context(), lock, run, steps[0]); err != nil {
		t.Fatal(err)
	}
	anotherRun(t, store, lock, run)
	if err := store.Follow(lock, steps); err != nil {
		t.Fatal(err)
	}
	if got, want := says(t, store, build, rollout), "skip: unchanged; run: build ran again"; got != want {
		t.Errorf("Plan says %q, want %q", got, want)
	}
}

func TestAStepThatFollowsAnotherOnceMoreBeginsAnew(t *testing.T) {
	build, rollout, store, lock, run := chain(t)
	for _, after := range [][]string{{"build"}, nil} {
		rollout.after = after
		build.inputs["main.go"] += "1"
		if _, err := deploy(t, store, lock, run, []Step{build.step("build"), rollout.step("rollout")}); err != nil {
			t.Fatal(err)
		}
	}
	rollout.after = []string{"build"}
	if got, want := says(t, store, build, rollout), "skip: unchanged; skip: unchanged"; got != want {
		t.Errorf("Plan says %q, want %q", got, want)
	}
}

// Whoever does a step without a word about what follows it, loses nothing within the run.
func TestAStepFollowsWhatTheSameRunHasDone(t *testing.T) {
	build, rollout, store, lock, run := chain(t)
	rollout.after, build.inputs["main.go"] = []string{"build"}, "2"
	var did []Decision
	for _, step := range []Step{build.step("build"), rollout.step("rollout")} {
		decision, err := store.Do(t.Context(), lock, run, step)
		if err != nil {
			t.Fatal(err)
		}
		did = append(did, decision)
	}
	if got, want := brief(did), "run: main.go changed; run: build ran again"; got != want {
		t.Errorf("Do did %q, want %q", got, want)
	}
}

func TestFollowingIsWrittenUnderTheLockAndOnlyWhereItChanges(t *testing.T) {
	build, rollout, store, lock, _ := chain(t)
	writes := 0
	writeHook = func(string, string) { writes++ }
	defer func() { writeHook = nil }()
	steps := []Step{build.step("build"), rollout.step("rollout"), (&world{after: []string{"build"}}).step("never-run")}
	if err := store.Follow(nil, steps); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("without the lock: %v", err)
	}
	if err := store.Follow(lock, steps); err != nil || writes != 0 {
		t.Errorf("%v, %d writes, want none: nobody follows anybody new", err, writes)
	}
	rollout.after = []string{"build"}
	steps[1] = rollout.step("rollout")
	before, _, err := store.Record("rollout")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Follow(lock, steps); err != nil {
		t.Fatal(err)
	}
	after, _, err := store.Record("rollout")
	if err != nil || len(after.After) != 1 || after.Nonce != before.Nonce || after.Run != before.Run || after.State != Done {
		t.Errorf("%+v, %v, was %+v", after, err, before)
	}
}
