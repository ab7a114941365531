package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// world is what a step of a test sees.
type world struct {
	inputs   map[string]string
	after    []string
	gone     string // what Holds says
	skip     string
	fail     error
	noInputs error
}

func (w *world) step(name string) Step {
	return Step{
		Name: name,
		Inputs: func(context.Context) ([]Input, error) {
			var inputs []Input
			for name, value := range w.inputs {
				inputs = append(inputs, Value(name, value))
			}
			return inputs, w.noInputs
		},
		After: w.after,
		Holds: func(context.Context) (string, error) { return w.gone, nil },
		Skip:  func(context.Context) (string, error) { return w.skip, nil },
		Run: func(context.Context) (string, error) {
			w.gone = ""
			return "worked", w.fail
		},
	}
}

// deploy does the steps in order up to the first error.
func deploy(t *testing.T, store *Store, lock *Lock, run *Run, steps []Step) ([]Decision, error) {
	t.Helper()
	if err := store.Follow(lock, steps); err != nil {
		return nil, err
	}
	var decisions []Decision
	for _, step := range steps {
		decision, err := store.Do(t.Context(), lock, run, step)
		decisions = append(decisions, decision)
		if err != nil {
			return decisions, err
		}
	}
	return decisions, nil
}

func TestStepsRunForTheFirstCauseThatApplies(t *testing.T) {
	broken := errors.New("broken")
	type change func(build, rollout *world)
	for _, test := range []struct {
		name string
		// fresh: no deployment came before. Else one did and went well, and
		// then, if given, one that failed.
		fresh          bool
		failing        change
		change         change
		interrupt      bool // of rollout
		build, rollout string
		state          State
	}{
		{name: "nothing is recorded", fresh: true, build: "run: never run", rollout: "run: never run", state: Pending},
		{name: "nothing changed", build: "skip: unchanged", rollout: "skip: unchanged", state: Done},
		{name: "an input changed", change: func(_, r *world) { r.inputs["model"] = "2" },
			build: "skip: unchanged", rollout: "run: model changed", state: Stale},
		{name: "an input appeared", change: func(_, r *world) { r.inputs["secret"] = "1" },
			build: "skip: unchanged", rollout: "run: secret added", state: Stale},
		{name: "an input vanished", change: func(_, r *world) { delete(r.inputs, "model") },
			build: "skip: unchanged", rollout: "run: model removed", state: Stale},
		{name: "three inputs differ", change: func(_, r *world) { r.inputs = map[string]string{"env": "2", "a": "1"} },
			build: "skip: unchanged", rollout: "run: a added and 2 more", state: Stale},
		{name: "the outcome is gone", change: func(_, r *world) { r.gone = "container backend-1 is gone" },
			build: "skip: unchanged", rollout: "run: container backend-1 is gone", state: Stale},
		{name: "an input comes before the world", change: func(_, r *world) { r.gone, r.inputs["model"] = "gone", "2" },
			build: "skip: unchanged", rollout: "run: model changed", state: Stale},
		{name: "a predecessor runs", change: func(b, _ *world) { b.inputs["main.go"] = "2" },
			build: "run: main.go changed", rollout: "run: build runs first", state: Stale},
		{name: "a predecessor comes before an input", change: func(b, r *world) { b.inputs["main.go"], r.inputs["model"] = "2", "2" },
			build: "run: main.go changed", rollout: "run: build runs first", state: Stale},
		{name: "a predecessor that would run is skipped", change: func(b, _ *world) { b.inputs["main.go"], b.skip = "2", "told to" },
			build: "skip: told to", rollout: "skip: unchanged", state: Done},
		{name: "a predecessor is new", change: func(_, r *world) { r.after = append(r.after, "config") },
			build: "skip: unchanged", rollout: "skip: unchanged", state: Done},
		{name: "it failed", failing: func(_, r *world) { r.inputs["model"], r.fail = "2", broken },
			build: "skip: unchanged", rollout: "run: failed before", state: Failed},
		{name: "a failure comes before a predecessor", failing: func(_, r *world) { r.inputs["model"], r.fail = "2", broken },
			change: func(b, _ *world) { b.inputs["main.go"] = "2" },
			build:  "run: main.go changed", rollout: "run: failed before", state: Failed},
		{name: "the predecessor failed", failing: func(b, _ *world) { b.inputs["main.go"], b.fail = "2", broken },
			build: "run: failed before", rollout: "run: build runs first", state: Stale},
		{name: "the predecessor failed and is skipped", failing: func(b, _ *world) { b.inputs["main.go"], b.fail = "2", broken },
			change: func(b, _ *world) { b.skip = "told to" },
			build:  "skip: told to", rollout: "run: build ran again", state: Stale},
		{name: "it was interrupted", interrupt: true, build: "skip: unchanged", rollout: "run: interrupted", state: Interrupted},
		{name: "an interruption comes before a predecessor", interrupt: true, change: func(b, _ *world) { b.inputs["main.go"] = "2" },
			build: "run: main.go changed", rollout: "run: interrupted", state: Interrupted},
		{name: "a skip comes before an interruption", interrupt: true, change: func(_, r *world) { r.skip = "no service" },
			build: "skip: unchanged", rollout: "skip: no service", state: Interrupted},
		{name: "a skip comes before everything", fresh: true, change: func(_, r *world) { r.skip = "no service" },
			build: "run: never run", rollout: "skip: no service", state: Pending},
		{name: "inputs that do not exist yet", change: func(b, r *world) { b.inputs["main.go"], r.noInputs = "2", broken },
			build: "run: main.go changed", rollout: "run: build runs first", state: Stale},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, lock, run := begin(t)
			build := &world{inputs: map[string]string{"main.go": "1"}}
			rollout := &world{inputs: map[string]string{"env": "1", "model": "1"}, after: []string{"build"}}
			steps := func() []Step { return []Step{build.step("build"), rollout.step("rollout")} }
			if !test.fresh {
				if _, err := deploy(t, store, lock, run, steps()); err != nil {
					t.Fatal(err)
				}
			}
			if test.failing != nil {
				test.failing(build, rollout)
				if _, err := deploy(t, store, lock, run, steps()); !errors.Is(err, broken) {
					t.Fatalf("the deployment that was to fail returned %v", err)
				}
				build.fail, rollout.fail = nil, nil
			}
			if test.interrupt {
				interrupt(t, store, "rollout")
			}
			if test.change != nil {
				test.change(build, rollout)
			}
			plan, err := store.Plan(t.Context(), steps())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := brief(plan), (test.build + "; " + test.rollout); got != want {
				t.Errorf("Plan says %q, want %q", got, want)
			}
			if plan[1].State != test.state {
				t.Errorf("Plan finds rollout %s, want %s", plan[1].State, test.state)
			}
			rollout.noInputs = nil // the predecessor made them
			did, err := deploy(t, store, lock, run, steps())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := brief(did), past(brief(plan)); got != want {
				t.Errorf("Do did %q, and Plan had said %q", got, want)
			}
		})
	}
}

// interrupt leaves the record of a step as a killed process leaves it.
func interrupt(t *testing.T, store *Store, step string) {
	t.Helper()
	record, ok, err := store.Record(step)
	if err != nil || !ok {
		t.Fatalf("Record(%s) = %v, %v", step, ok, err)
	}
	record.State, record.Nonce, record.Result = Running, "", ""
	record.Run = "000000-20261125T120000Z-abcdef"
	if err := store.write(record); err != nil {
		t.Fatal(err)
	}
}

func brief(decisions []Decision) string {
	var parts []string
	for _, d := range decisions {
		what := "skip"
		if d.Run {
			what = "run"
		}
		parts = append(parts, what+": "+d.Cause)
	}
	return strings.Join(parts, "; ")
}

// past is what Do says where Plan says that a predecessor runs first.
func past(plan string) string { return strings.ReplaceAll(plan, " runs first", " ran again") }

func TestPlanTellsWhatDoDoesNext(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	store, lock, run := begin(t)
	names := []string{"config", "build", "migrate", "rollout", "cleanup"}
	worlds := map[string]*world{}
	for i, name := range names {
		worlds[name] = &world{inputs: map[string]string{}, after: slices.Clone(names[max(0, i-2):i])}
	}
	steps := func() []Step {
		var steps []Step
		for _, name := range names {
			steps = append(steps, worlds[name].step(name))
		}
		return steps
	}
	for round := range 40 {
		for range random.IntN(3) {
			stir(t, random, store, worlds, names)
		}
		plan, err := store.Plan(t.Context(), steps())
		if err != nil {
			t.Fatal(err)
		}
		did, err := deploy(t, store, lock, run, steps())
		// A failure ends a deployment early; up to there the plan held.
		if got, want := brief(did), past(brief(plan[:len(did)])); got != want {
			t.Fatalf("seed %d, round %d: Do did\n%s, and Plan had said\n%s", seed, round, got, want)
		}
		if err == nil && len(did) != len(names) {
			t.Fatalf("seed %d, round %d: %d steps, want %d", seed, round, len(did), len(names))
		}
	}
}

// stir changes one thing in the world of one step.
func stir(t *testing.T, random *rand.Rand, store *Store, worlds map[string]*world, names []string) {
	t.Helper()
	name := names[random.IntN(len(names))]
	w := worlds[name]
	switch random.IntN(7) {
	case 0:
		w.inputs[fmt.Sprint("file", random.IntN(3))] = fmt.Sprint(random.IntN(3))
	case 1:
		for _, input := range slices.Sorted(maps.Keys(w.inputs))[:min(1, len(w.inputs))] {
			delete(w.inputs, input)
		}
	case 2:
		w.gone = "container gone"
	case 3:
		w.skip = []string{"", "", "told to"}[random.IntN(3)]
	case 4:
		w.fail = []error{nil, nil, errors.New("broken")}[random.IntN(3)]
	case 5:
		if _, ok, err := store.Record(name); err == nil && ok {
			interrupt(t, store, name)
		}
	case 6:
		at := slices.Index(names, name)
		if other := names[random.IntN(at+1)]; slices.Contains(w.after, other) {
			w.after = slices.DeleteFunc(w.after, func(after string) bool { return after == other })
		} else if other != name {
			w.after = append(w.after, other)
		}
	}
}

func TestInputsThatFailWithoutAPredecessorToMakeThemAreAnError(t *testing.T) {
	store, lock, run := begin(t)
	w := &world{noInputs: os.ErrNotExist}
	if _, err := store.Plan(t.Context(), []Step{w.step("build")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Plan = %v, want the error of Inputs", err)
	}
	if _, err := store.Do(t.Context(), lock, run, w.step("build")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Do = %v, want the error of Inputs", err)
	}
	if _, ok, err := store.Record("build"); ok || err != nil {
		t.Errorf("Record = %v, %v, want none: nothing began", ok, err)
	}
}

func TestPlanRefusesTwoStepsOfOneName(t *testing.T) {
	store := open(t)
	w := &world{}
	if _, err := store.Plan(t.Context(), []Step{w.step("build"), w.step("build")}); err == nil {
		t.Error("Plan accepted two steps of one name")
	}
}

func TestPlanNeedsNoStateDirectoryAndCreatesNone(t *testing.T) {
	dir := t.TempDir() + "/none"
	store, err := Look(dir, "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{inputs: map[string]string{"a": "1"}}
	plan, err := store.Plan(t.Context(), []Step{w.step("build")})
	if err != nil || brief(plan) != "run: never run" {
		t.Errorf("Plan = %+v, %v", plan, err)
	}
	if runs, err := store.Runs(); err != nil || len(runs) != 0 {
		t.Errorf("Runs = %v, %v, want none", runs, err)
	}
	if _, held, err := store.Holder(); err != nil || held {
		t.Errorf("Holder = %v, %v, want nobody", held, err)
	}
	if _, err := store.Lock(t.Context(), Holder{}, 0); err == nil {
		t.Error("Lock succeeded on a directory that was opened for reading")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking created the directory: %v", err)
	}
}
