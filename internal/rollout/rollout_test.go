package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

func stateful(replicas int) compose.Service {
	s := stateless(replicas)
	s.Deploy = &types.DeployConfig{UpdateConfig: &types.UpdateConfig{Order: string(StopFirst)}}
	return s
}

func stateless(replicas int) compose.Service {
	return compose.Service{ServiceConfig: types.ServiceConfig{Scale: &replicas}}
}

// The heart of the package: whatever dies when, the next run ends with what is wanted, and
// start-first never has fewer containers serving than there were.
func TestARunKilledAtAnyInstantIsFinishedByTheNext(t *testing.T) {
	changes := map[string]func(*world){
		"image":          func(w *world) { w.image = "sha256:2" },
		"mounted file":   func(w *world) { w.content = "two" },
		"scaled up":      func(w *world) { w.scale(w.service.Replicas() + 1) },
		"scaled down":    func(w *world) { w.scale(w.service.Replicas() - 1) },
		"file and scale": func(w *world) { w.content = "two"; w.scale(w.service.Replicas() + 1) },
		"one died":       func(w *world) { w.boxes[0].Status, w.boxes[0].ready = "exited", false; w.floor-- },
		"nothing":        func(*world) {},
		"image, unhealthy": func(w *world) {
			w.image = "sha256:2"
			w.boxes[0].Status = "restarting"
			w.boxes[0].ready = false
			w.floor--
		},
	}
	for name, service := range map[string]compose.Service{"start-first": stateless(2), "stop-first": stateful(2), "stop-first, three": stateful(3)} {
		for change, apply := range changes {
			t.Run(name+" "+change, func(t *testing.T) {
				last := 0
				for kill := 1; kill <= 1+last; kill++ {
					w, origins := newWorld(service), openOrigins(t)
					if _, err := w.deploy(t, origins); err != nil {
						t.Fatal(err)
					}
					w.floor = w.serving()
					apply(w)
					floor := min(w.floor, w.service.Replicas())
					w.ticks, w.dieAt = 0, kill
					_, err := w.deploy(t, origins)
					if killed := w.ticks >= kill; killed != errors.Is(err, errKilled) {
						t.Fatalf("killed at tick %d: %v, but the error is %v", kill, killed, err)
					} else if killed {
						last = kill
					}
					w.dieAt = 0
					if _, err := w.deploy(t, origins); err != nil {
						t.Fatalf("after a kill at tick %d: %v", kill, err)
					}
					w.check(t)
					if name == "start-first" && w.floor < floor {
						t.Errorf("killed at tick %d, only %d containers served, want at least %d", kill, w.floor, floor)
					}
					if t.Failed() {
						t.Fatalf("all this after a kill at tick %d", kill)
					}
				}
				if last == 0 && change != "nothing" {
					t.Error("no kill came before the end: the test shows nothing")
				}
			})
		}
	}
}

func TestARunKilledTwiceIsFinishedByTheThird(t *testing.T) {
	for name, service := range map[string]compose.Service{"start-first": stateless(2), "stop-first": stateful(2)} {
		for first := 1; first < 14; first += 2 {
			for second := 1; second < 14; second += 4 {
				w, origins := newWorld(service), openOrigins(t)
				if _, err := w.deploy(t, origins); err != nil {
					t.Fatal(err)
				}
				w.floor = w.serving()
				for _, kill := range []int{first, second, 0} {
					w.content, w.ticks, w.dieAt = "two", 0, kill
					if _, err := w.deploy(t, origins); err != nil && kill == 0 {
						t.Fatalf("%s killed at %d, then at %d: %v", name, first, second, err)
					}
				}
				if w.check(t); t.Failed() || name == "start-first" && w.floor < 2 {
					t.Fatalf("%s killed at %d, then at %d; %d served at least", name, first, second, w.floor)
				}
			}
		}
	}
}

func TestAnUnchangedServiceIsNotTouched(t *testing.T) {
	for name, service := range map[string]compose.Service{"start-first": stateless(3), "stop-first": stateful(3)} {
		w, origins := newWorld(service), openOrigins(t)
		if _, err := w.deploy(t, origins); err != nil {
			t.Fatal(err)
		}
		result, err := w.deploy(t, origins)
		if err != nil || result != "already as wanted" || len(w.acts) > 0 {
			t.Errorf("%s: result %q, error %v, acts %q, want none", name, result, err, w.acts)
		}
	}
}

func TestAChangeTakenBackAfterAFailureTouchesNothing(t *testing.T) {
	w, origins := newWorld(stateless(2)), openOrigins(t)
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	w.content = "broken"
	w.sick = func(b *box) error {
		if b.content == "broken" {
			return errors.New("exited (1)")
		}
		return nil
	}
	if _, err := w.deploy(t, origins); err == nil {
		t.Fatal("the broken content was deployed")
	}
	w.content = "one"
	if result, err := w.deploy(t, origins); err != nil || len(w.acts) > 0 {
		t.Errorf("result %q, error %v, acts %q, want none", result, err, w.acts)
	}
	w.check(t)
}

func TestContainersOfUnknownOriginAreReplaced(t *testing.T) {
	for name, service := range map[string]compose.Service{"start-first": stateless(2), "stop-first": stateful(2)} {
		w := newWorld(service).running(2)
		if _, err := w.deploy(t, openOrigins(t)); err != nil {
			t.Fatal(err)
		}
		w.check(t)
		if w.born != 4 {
			t.Errorf("%s: %d containers were created in all, want 4", name, w.born)
		}
	}
}

func TestAnInterruptedRunStopsBetweenActsAndSaysSo(t *testing.T) {
	for _, c := range []struct {
		step    string
		service compose.Service
		floor   int
	}{
		{"beside", stateless(2), 2}, {"retire", stateless(2), 2}, {"renew", stateful(1), 0}, {"retire", stateful(2), 1}, {"beside", stateful(2), 1},
	} {
		step := c.step
		w, origins := newWorld(c.service), openOrigins(t)
		if _, err := w.deploy(t, origins); err != nil {
			t.Fatal(err)
		}
		w.image, w.floor = "sha256:2", c.service.Replicas()
		ctx, cancel := context.WithCancel(t.Context())
		w.cancel = func(done string) {
			if done == step {
				cancel()
			}
		}
		_, err := w.deployUnder(ctx, origins)
		if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), `service "backend": `) {
			t.Errorf("interrupted at %s: error %v does not say so", step, err)
		}
		if i := slices.Index(w.acts, step); i != len(w.acts)-1 {
			t.Errorf("interrupted at %s, it went on: %q", step, w.acts)
		}
		if w.floor < c.floor {
			t.Errorf("interrupted at %s, only %d served", step, w.floor)
		}
		w.cancel = nil
		if _, err := w.deploy(t, origins); err != nil {
			t.Fatal(err)
		}
		w.check(t)
	}
}

func TestAServiceWithoutReplicasIsTakenAway(t *testing.T) {
	w, origins := newWorld(stateless(2)), openOrigins(t)
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	w.scale(0)
	result, err := w.deploy(t, origins)
	if err != nil || result != "2 removed, no replicas wanted" {
		t.Errorf("result %q, error %v", result, err)
	}
	w.check(t)
}

func TestAnOutcomeThatIsNotWhatWasWantedIsNoSuccess(t *testing.T) {
	w := newWorld(stateless(1))
	origins := openOrigins(t)
	acts := Acts{Script: w.script, Containers: w.containers}
	acts.Wait = func(ctx context.Context, service string, ids []string) error {
		err := w.wait(ctx, service, ids)
		w.boxes[0].Status, w.boxes[0].ExitCode = "exited", 1 // the moment after it was well
		return err
	}
	_, err := Service(t.Context(), acts, origins, w.target())
	if want := `service "backend": after the rollout: container backend-1 exited (1)`; fmt.Sprint(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if past, err := origins.load("backend"); err != nil || past.Mark != "" {
		t.Errorf("it is recorded as done: %+v, %v", past, err)
	}
}

func TestServicesStartedTogetherAreNotStartedAgain(t *testing.T) {
	w, origins := newWorld(stateless(2)), openOrigins(t)
	acts := Acts{Script: w.script, Wait: w.wait, Containers: w.containers}
	other := w.target()
	other.Service.Name = "other"
	if err := StartAll(t.Context(), acts, origins, []Target{w.target(), other}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.acts, []string{"start"}) {
		t.Fatalf("acts %q, want one start", w.acts)
	}
	if result, err := w.deploy(t, origins); err != nil || len(w.acts) > 0 {
		t.Errorf("result %q, error %v, acts %q, want none", result, err, w.acts)
	}
	w.check(t)
}
