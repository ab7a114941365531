package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

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

func TestReplicasThatStopFirstAreReplacedAFewAtATime(t *testing.T) {
	for name, c := range map[string]struct {
		parallelism, floor int
		acts               []string
		result             string
	}{
		"one by one":  {1, 2, []string{"retire", "beside", "retire", "beside", "retire", "beside"}, "3 replaced, 1 at a time"},
		"two by two":  {2, 1, []string{"retire", "retire", "beside", "retire", "beside"}, "3 replaced, 2 at a time"},
		"all at once": {0, 0, []string{"renew"}, "3 replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			w, origins := deployed(t, newWorld(stateful(3)))
			w.service.Deploy.UpdateConfig.Parallelism = new(uint64)
			*w.service.Deploy.UpdateConfig.Parallelism = uint64(c.parallelism)
			w.image = "sha256:2"
			result, err := w.deploy(t, origins)
			if err != nil || result != c.result || !slices.Equal(w.acts, c.acts) || w.floor != c.floor {
				t.Errorf("result %q, error %v, acts %q, %d served at least", result, err, w.acts, w.floor)
			}
			w.check(t)
		})
	}
}

func TestAReplicaThatFailsLeavesTheOthersInPeace(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(3)))
	w.image = "sha256:2"
	w.sick = func(b *box) error {
		if b.ImageID == "sha256:2" {
			return errors.New(`service "backend": exited (1)`)
		}
		return nil
	}
	_, err := w.deploy(t, origins)
	const want = `2 of 3 containers were not replaced and still run: service "backend": exited (1)`
	if fmt.Sprint(err) != want || w.serving() != 2 {
		t.Errorf("error %v, %d serve", err, w.serving())
	}
	// The way back: what never got well goes first.
	w.image, w.sick = "sha256:1", nil
	if _, err := w.deploy(t, origins); err != nil || w.floor != 2 {
		t.Errorf("error %v, %d served at least", err, w.floor)
	}
	w.check(t)
}

func TestBetweenTwoBatchesADelayIsWaitedFor(t *testing.T) {
	for name, service := range map[string]compose.Service{"start-first": stateless(3), "stop-first": stateful(3)} {
		synctest.Test(t, func(t *testing.T) {
			w, origins := deployed(t, newWorld(service))
			one := uint64(1)
			w.service.Deploy = &types.DeployConfig{UpdateConfig: &types.UpdateConfig{Order: name, Parallelism: &one, Delay: types.Duration(10 * time.Second)}}
			w.image = "sha256:2"
			begin := time.Now()
			if _, err := w.deploy(t, origins); err != nil || time.Since(begin) != 20*time.Second {
				t.Errorf("%s: after %s, error %v", name, time.Since(begin), err)
			}
			w.check(t)
		})
	}
}

func TestHooksRunBeforeEachStop(t *testing.T) {
	hook := []types.ServiceHook{{Command: types.ShellCommand{"drain"}}}
	for name, c := range map[string]struct {
		service compose.Service
		want    []string
	}{
		"start-first":         {stateless(2), []string{"beside", "hooks", "retire", "hooks", "retire"}},
		"stop-first":          {stateful(1), []string{"hooks", "renew"}},
		"stop-first, several": {stateful(2), []string{"hooks", "retire", "beside", "hooks", "retire", "beside"}},
	} {
		w, origins := deployed(t, newWorld(c.service))
		w.service.PreStop = hook
		w.image = "sha256:2"
		if _, err := w.deploy(t, origins); err != nil || !slices.Equal(w.acts, c.want) {
			t.Errorf("%s: acts %q, error %v, want %q", name, w.acts, err, c.want)
		}
	}
}

func TestANewContainerThatFailedHasNoHooksToRun(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(1)))
	w.service.PreStop = []types.ServiceHook{{Command: types.ShellCommand{"drain"}}}
	w.image, w.sick = "sha256:2", func(*box) error { return errors.New("sick") }
	if _, err := w.deploy(t, origins); err == nil || !slices.Equal(w.acts, []string{"beside", "retire"}) {
		t.Errorf("acts %q, error %v", w.acts, err)
	}
}

func TestHooksRunWhereAServiceIsScaledDown(t *testing.T) {
	w, origins := deployed(t, newWorld(stateful(3)))
	w.service.PreStop = []types.ServiceHook{{Command: types.ShellCommand{"drain"}}}
	w.scale(1)
	if _, err := w.deploy(t, origins); err != nil || !slices.Equal(w.acts, []string{"hooks", "retire", "hooks", "retire", "beside"}) {
		t.Errorf("acts %q, error %v", w.acts, err)
	}
	w.check(t)
}

// The container could not be started, and what it lacked is there now.
func TestANewReplicaThatNeverRanIsMadeAnew(t *testing.T) {
	for _, status := range []string{"created", "exited"} {
		w, origins := deployed(t, newWorld(stateful(3)))
		w.image = "sha256:2"
		w.sick = func(b *box) error {
			if b.ImageID == "sha256:2" {
				b.Status, b.ready = status, false
				return errors.New("no such mount")
			}
			return nil
		}
		if _, err := w.deploy(t, origins); err == nil {
			t.Fatal("the broken deployment succeeds")
		}
		w.sick = nil
		if _, err := w.deploy(t, origins); err != nil || w.floor != 2 {
			t.Errorf("%s: error %v, %d served at least", status, err, w.floor)
		}
		w.check(t)
	}
}
