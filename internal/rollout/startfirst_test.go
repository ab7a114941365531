package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// deployed is a world with containers that a deployment made.
func deployed(t *testing.T, w *world) (*world, *Origins) {
	t.Helper()
	origins := openOrigins(t)
	if _, err := w.deploy(t, origins); err != nil {
		t.Fatal(err)
	}
	w.floor = w.serving()
	return w, origins
}

func TestStartFirstStopsNoContainerBeforeItsSuccessorIsReady(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(3)))
	w.image = "sha256:2"
	result, err := w.deploy(t, origins)
	if err != nil || result != "3 replaced, none before its successor was ready" {
		t.Errorf("result %q, error %v", result, err)
	}
	if w.floor != 3 {
		t.Errorf("%d containers served at least, want 3", w.floor)
	}
	if want := []string{"beside", "retire", "retire", "retire"}; !slices.Equal(w.acts, want) {
		t.Errorf("acts %q, want %q", w.acts, want)
	}
	w.check(t)
}

func TestReplicasThatStartFirstAreReplacedAFewAtATimeWhereTheFilesSaySo(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(3)))
	two := uint64(2)
	w.service.Deploy = &types.DeployConfig{UpdateConfig: &types.UpdateConfig{Parallelism: &two}}
	w.image = "sha256:2"
	result, err := w.deploy(t, origins)
	if err != nil || result != "3 replaced, none before its successor was ready" || w.floor != 3 {
		t.Errorf("result %q, error %v, %d served at least", result, err, w.floor)
	}
	if want := []string{"beside", "retire", "retire", "beside", "retire"}; !slices.Equal(w.acts, want) {
		t.Errorf("acts %q, want %q", w.acts, want)
	}
	w.check(t)
}

// Most of the old ones are gone: those that took their places stay.
func TestNewContainersThatServeAreKeptWhenAnotherOneOfThemFails(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(3)))
	one := uint64(1)
	w.service.Deploy = &types.DeployConfig{UpdateConfig: &types.UpdateConfig{Parallelism: &one}}
	w.image = "sha256:2"
	third := errors.New("the third fails")
	fresh := 0
	w.sick = func(b *box) error {
		if b.ImageID == "sha256:2" && !b.ready {
			if fresh++; fresh == 3 {
				return third
			}
		}
		return nil
	}
	if _, err := w.deploy(t, origins); !errors.Is(err, third) {
		t.Fatalf("error %v", err)
	}
	w.sick = func(b *box) error {
		if b.ImageID == "sha256:2" && b.Number == 4 {
			return errors.New("unwell for a moment")
		}
		return nil
	}
	before := w.serving()
	_, err := w.deploy(t, origins)
	if want := "1 of 3 containers were not replaced and still run: "; err == nil || !strings.HasPrefix(err.Error(), want) || w.serving() != before || before != 3 {
		t.Errorf("error %v, %d serve, %d before", err, w.serving(), before)
	}
	w.sick = nil
	if _, err := w.deploy(t, origins); err != nil || w.floor != 3 {
		t.Errorf("error %v, %d served at least", err, w.floor)
	}
	w.check(t)
}

func TestANewContainerThatFailsIsRemovedAndTheOldOnesServe(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(2)))
	before := ids(containersOf(t, w))
	w.image = "sha256:2"
	w.sick = func(b *box) error {
		if b.ImageID == "sha256:2" {
			return errors.New(`service "backend": exited (1)`)
		}
		return nil
	}
	_, err := w.deploy(t, origins)
	want := `the old containers still serve: service "backend": exited (1)`
	if fmt.Sprint(err) != want || !errors.Is(err, ErrStillServes) {
		t.Errorf("error %v, want %s", err, want)
	}
	if after := ids(containersOf(t, w)); !slices.Equal(after, before) || w.floor != 2 {
		t.Errorf("containers %v, want the old ones %v; %d served at least", after, before, w.floor)
	}
}

func TestANewContainerThatCannotBeCreatedLeavesTheOldOnes(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(2)))
	w.image = "sha256:2"
	acts := Acts{Wait: w.wait, Containers: w.containers}
	acts.Script = func(ctx context.Context, step string, args ...string) error {
		if err := w.script(ctx, step, args...); err != nil || step != "beside" {
			return err
		}
		w.boxes = w.boxes[:3] // one of the two
		return errors.New("no space left on device")
	}
	_, err := Service(t.Context(), acts, origins, w.target())
	want := `the old containers still serve: service "backend": no space left on device`
	if fmt.Sprint(err) != want || !errors.Is(err, ErrStillServes) {
		t.Errorf("error %v, want %s", err, want)
	}
	if len(w.boxes) != 2 || w.serving() != 2 || w.floor != 2 {
		t.Errorf("%d containers, %d serve, %d at least", len(w.boxes), w.serving(), w.floor)
	}
}

func TestWithoutOldContainersAFailedOneStaysToBeLookedAt(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(1)))
	w.boxes[0].Status = "exited"
	w.sick = func(*box) error { return errors.New("container exited (1)") }
	_, err := w.deploy(t, origins)
	if err == nil || errors.Is(err, ErrStillServes) || len(w.boxes) != 1 {
		t.Errorf("error %v, %d containers", err, len(w.boxes))
	}
}

func TestScalingTouchesNoneOfTheOthers(t *testing.T) {
	for _, to := range []int{1, 4} {
		w, origins := deployed(t, newWorld(stateless(2)))
		before := ids(containersOf(t, w))
		w.scale(to)
		result, err := w.deploy(t, origins)
		want := map[int]string{1: "1 removed, 1 run", 4: "2 of 4 started"}[to]
		if err != nil || result != want {
			t.Errorf("to %d: result %q, error %v, want %q", to, result, err, want)
		}
		after := ids(containersOf(t, w))
		kept := min(to, 2)
		if !slices.Equal(after[:kept], before[:kept]) {
			t.Errorf("to %d: containers %v, were %v", to, after, before)
		}
		w.check(t)
	}
}

func TestAReplicaThatDiedIsReplacedAlone(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(3)))
	w.boxes[1].Status, w.boxes[1].ready = "exited", false
	if result, err := w.deploy(t, origins); err != nil || result != "1 of 3 started" {
		t.Errorf("result %q, error %v", result, err)
	}
	if w.born != 4 {
		t.Errorf("%d containers were created in all, want 4", w.born)
	}
	w.check(t)
}

func TestNewContainersOfAKilledRunAreProvenBeforeTheOldOnesGo(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(1)))
	w.image, w.dieAt, w.ticks = "sha256:2", 3, 0 // created and started, the wait never happened
	if _, err := w.deploy(t, origins); !errors.Is(err, errKilled) || len(w.boxes) != 2 {
		t.Fatalf("error %v, %d containers", err, len(w.boxes))
	}
	w.dieAt = 0
	w.sick = func(b *box) error {
		if b.ImageID == "sha256:2" {
			return errors.New("unhealthy")
		}
		return nil
	}
	if _, err := w.deploy(t, origins); !errors.Is(err, ErrStillServes) {
		t.Errorf("error %v", err)
	}
	if len(w.boxes) != 1 || w.serving() != 1 {
		t.Errorf("%d containers, %d serve, want the old one", len(w.boxes), w.serving())
	}
}
