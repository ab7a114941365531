package rollout

import (
	"context"
	"errors"
	"slices"
	"testing"

	"slipway/internal/compose"
)

func containersOf(t *testing.T, w *world) []compose.Container {
	t.Helper()
	all, err := w.containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAMountedFileThatChangedRecreatesTheContainer(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(1)))
	w.content = "two"
	result, err := w.deploy(t, origins)
	if err != nil || result != "1 replaced" || !slices.Equal(w.acts, []string{"renew"}) {
		t.Errorf("result %q, error %v, acts %q", result, err, w.acts)
	}
	w.check(t)
}

func TestALeftoverBesideItsOriginalIsRemovedFirst(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(1)))
	w.create(1, w.boxes[0].ID)
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	if w.acts[0] != "retire" || w.serving() != 1 {
		t.Errorf("acts %q, %d serve", w.acts, w.serving())
	}
	if w.born != 2 {
		t.Errorf("%d containers were created in all, want no more than the leftover", w.born)
	}
	w.check(t)
}

// It may be the last holder of the service's anonymous volumes, which only a recreate hands on.
func TestALeftoverThatIsAloneIsRecreatedNotRemoved(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(1)))
	w.create(1, w.boxes[0].ID)
	w.boxes = w.boxes[1:]
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.acts, []string{"renew"}) {
		t.Errorf("acts %q, want a renew alone", w.acts)
	}
	w.check(t)
}

func TestAStoppedContainerOfTheWantedConfigurationIsStartedAsItIs(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(1)))
	w.boxes[0].Status = "exited"
	if result, err := w.deploy(t, origins); err != nil || result != "1 of 1 started" {
		t.Errorf("result %q, error %v", result, err)
	}
	if w.born != 1 {
		t.Error("it was recreated")
	}
	w.check(t)
}

func TestAReplacedContainerThatFailsIsAFailure(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(1)))
	w.image = "sha256:2"
	w.sick = func(*box) error { return errors.New(`service "backend": exited (1)`) }
	if _, err := w.deploy(t, origins); err == nil || err.Error() != `service "backend": exited (1)` {
		t.Errorf("error %v", err)
	}
	w.sick = nil
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	w.check(t)
}

func TestAOneShotThatEndedWellIsNotStartedAgain(t *testing.T) {
	w, origins := newWorld(compose.Service{OneShot: true}), openOrigins(t)
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	w.boxes[0].Status = "exited"
	if result, err := w.deploy(t, origins); err != nil || len(w.acts) > 0 {
		t.Errorf("result %q, error %v, acts %q, want none", result, err, w.acts)
	}
	w.content = "two"
	if _, err := w.deploy(t, origins); err != nil || w.born != 2 {
		t.Errorf("after a change: error %v, %d containers created in all, want a second run", err, w.born)
	}
}

func TestAServiceFollowsTheContainerItHangsOn(t *testing.T) {
	service := stateful(1)
	service.NetworkMode = "service:tunnel"
	w, origins := deployed(t, newWorld(service))
	acts := Acts{Script: w.script, Wait: w.wait}
	acts.Containers = func(ctx context.Context) ([]compose.Container, error) {
		all, err := w.containers(ctx)
		for i := range all { // the first was made beside an earlier container of tunnel
			all[i].Shares = []string{"t0"}
			if all[i].ID != "000000000001" {
				all[i].Shares = []string{"t1"}
			}
		}
		return append(all, compose.Container{ID: "t1", Service: "tunnel", Status: "running"}), err
	}
	result, err := Service(t.Context(), acts, origins, w.target())
	if err != nil || result != "1 replaced" {
		t.Errorf("with a new container of tunnel: result %q, error %v", result, err)
	}
}
