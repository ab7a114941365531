package rollout

import (
	"context"
	"fmt"
	"testing"

	"slipway/internal/compose"
)

func plain(w *world) { w.plain = true }

// Compose's hash leaves out what files, configs and secrets hold, and which image a name led to.
func TestCaseB9AContainerMadeByHandIsNotTakenForWhatItsHashDoesNotTell(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*world)
		image string
	}{"it reads a file": {func(*world) {}, "sha256:1"}, "it is of another image": {plain, "sha256:2"}} {
		w, origins := ofHash(t, stateless(1), "h1", c.edit)
		w.image = c.image
		byHand(w, "h1")
		w.image = "sha256:1"
		if cause := w.holds(t, origins); cause != "container backend-1 was made from another definition" {
			t.Errorf("%s: %q", name, cause)
		}
	}
}

// byHand plays `docker compose up` by an operator: another container, of a definition that Compose's label tells.
func byHand(w *world, hash string) {
	last := w.boxes[len(w.boxes)-1]
	w.remove(last)
	b := w.create(last.Number, "")
	b.ConfigHash = hash
	b.start()
	b.ready = true
}

// ofHash is a deployed world whose containers carry a label of Compose.
func ofHash(t *testing.T, service compose.Service, hash string, edits ...func(*world)) (*world, *Origins) {
	t.Helper()
	w, origins := newWorld(service), openOrigins(t)
	for _, edit := range edits {
		edit(w)
	}
	acts := Acts{Wait: w.wait, Containers: w.containers}
	acts.Script = func(ctx context.Context, step string, args ...string) error {
		err := w.script(ctx, step, args...)
		for _, b := range w.boxes {
			b.ConfigHash = hash
		}
		return err
	}
	if _, err := Service(t.Context(), acts, origins, w.target()); err != nil {
		t.Fatal(err)
	}
	return w, origins
}

func (w *world) holds(t *testing.T, origins *Origins) string {
	t.Helper()
	cause, err := origins.Holds(w.service, containersOf(t, w), w.target().Image, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cause
}

// Case B9: an operator's `docker compose up` of files that were changed, and changed back.
func TestCaseB9AContainerMadeByHandFromAnotherDefinitionIsSeen(t *testing.T) {
	for name, service := range map[string]compose.Service{"start-first": stateless(2), "stop-first": stateful(2)} {
		w, origins := ofHash(t, service, "h1")
		if cause := w.holds(t, origins); cause != "" {
			t.Fatalf("%s: right after the deployment: %s", name, cause)
		}
		byHand(w, "h2")
		if cause := w.holds(t, origins); cause != "container backend-2 was made from another definition" {
			t.Errorf("%s: %q", name, cause)
		}
		born := w.born
		if _, err := w.deploy(t, origins); err != nil {
			t.Fatal(err)
		}
		if cause := w.holds(t, origins); cause != "" || w.born == born {
			t.Errorf("%s: after the next deployment: %q, %d containers were created", name, cause, w.born-born)
		}
		w.check(t)
	}
}

func TestCaseB9AContainerMadeByHandFromTheSameDefinitionIsAsGood(t *testing.T) {
	for name, service := range map[string]compose.Service{"start-first": stateless(2), "stop-first": stateful(2)} {
		w, origins := ofHash(t, service, "h1", plain)
		byHand(w, "h1")
		if cause := w.holds(t, origins); cause != "" {
			t.Errorf("%s: %s", name, cause)
		}
		born := w.born
		if result, err := w.deploy(t, origins); err != nil || result != "already as wanted" || w.born != born {
			t.Errorf("%s: %q, %v, %d containers were created", name, result, err, w.born-born)
		}
	}
}

// Compose's label leaves out what mounted files hold.
func TestCaseB9AContainerMadeByHandHoldsNoLongerThanTheInputs(t *testing.T) {
	w, origins := ofHash(t, stateful(1), "h1")
	byHand(w, "h1")
	w.content = "two"
	if result, err := w.deploy(t, origins); err != nil || result != "1 replaced" {
		t.Errorf("%q, %v", result, err)
	}
	w.check(t)
}

func TestAContainerWithoutALabelOfComposeIsOfNoKnownDefinition(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(1)))
	byHand(w, "")
	if cause := w.holds(t, origins); cause != "container backend-1 was made from another definition" {
		t.Errorf("%q", cause)
	}
}

func TestHoldsComparesImagesOnlyOfRecordsThatKnowNoMark(t *testing.T) {
	c := container(1, "running", 0)
	c.ID = "a"
	other := compose.Image{ID: "sha256:other", Content: "c"}
	service := stateless(1)
	service.Name = "backend"
	for name, past := range map[string]struct {
		origin
		want string
	}{
		"no record":              {origin{}, "container backend-1 runs another image"},
		"an older record":        {origin{Containers: map[string]string{"a": "m"}}, ""},
		"the mark of the record": {origin{Containers: map[string]string{"a": "m"}, Mark: "m"}, ""},
		"another mark":           {origin{Containers: map[string]string{"a": "m"}, Mark: "n"}, "container backend-1 was made from another definition"},
		"a rollout that was cut": {origin{Containers: map[string]string{}, Next: "n", Mark: "m"}, "container backend-1 was made from another definition"},
	} {
		if got := past.holds(service, []compose.Container{c}, other, nil); got != past.want {
			t.Errorf("%s: %q, want %q", name, got, past.want)
		}
	}
}

func TestWhatTheLastRolloutLeftSurvivesOneThatIsCut(t *testing.T) {
	w, origins := ofHash(t, stateful(1), "h1")
	before, err := origins.load("backend")
	if err != nil {
		t.Fatal(err)
	}
	w.content, w.dieAt, w.ticks = "two", 1, 0
	if _, err := w.deploy(t, origins); err == nil {
		t.Fatal("it was not cut")
	}
	w.dieAt = 0
	after, err := origins.load("backend")
	if err != nil || after.Mark != before.Mark || fmt.Sprint(after.Likes) != fmt.Sprint(before.Likes) || after.Next == "" {
		t.Errorf("%+v, %v, was %+v", after, err, before)
	}
}
