package rollout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"slipway/internal/compose"
)

// What is foreseen is what is done: the same containers go, and as many come.
func TestWhatIsForeseenIsDone(t *testing.T) {
	for kind, service := range map[string]func(int) compose.Service{"start-first": stateless, "stop-first": stateful} {
		for had := range 4 {
			for wanted := range 4 {
				for _, change := range []string{"", "content", "one ends", "one ends, content", "leftover"} {
					t.Run(fmt.Sprintf("%s/%d to %d/%s", kind, had, wanted, change), func(t *testing.T) {
						w := newWorld(service(had))
						origins := openOrigins(t)
						if _, err := w.deploy(t, origins); err != nil {
							t.Fatal(err)
						}
						if had > 0 && (change == "one ends" || change == "one ends, content") {
							w.boxes[0].Status, w.boxes[0].ready = "exited", false
							w.boxes[0].ExitCode = 1
						}
						if change == "content" || change == "one ends, content" {
							w.content = "two"
						}
						if had > 0 && change == "leftover" {
							w.create(1, w.boxes[0].ID)
						}
						w.scale(wanted)
						before := containersOf(t, w)
						told, err := Foresee(t.Context(), Acts{Containers: w.containers}, origins, w.target(), false)
						if err != nil {
							t.Fatal(err)
						}
						if now := containersOf(t, w); len(now) != len(before) {
							t.Fatal("to foresee has changed something")
						}
						born := w.born
						if _, err := w.deploy(t, origins); err != nil {
							t.Fatal(err)
						}
						var gone []string
						for _, c := range before {
							if !slices.ContainsFunc(containersOf(t, w), func(o compose.Container) bool { return o.ID == c.ID }) {
								gone = append(gone, short(w.service, c))
							}
						}
						slices.Sort(gone)
						foreseen := slices.Sorted(slices.Values(slices.Concat(told.Replace, told.Remove)))
						if !slices.Equal(gone, foreseen) {
							t.Errorf("foreseen %q (%+v), and gone are %v, by %q", told, told, gone, w.acts)
						}
						if came, most := w.born-born, len(told.Replace)+told.Start; came > most || change == "content" && came != most {
							t.Errorf("foreseen %q, and %d came, by %q", told, came, w.acts)
						}
					})
				}
			}
		}
	}
}

func TestToForeseeWritesNothing(t *testing.T) {
	w, dir := newWorld(stateless(1)).running(1), filepath.Join(t.TempDir(), "origins")
	if _, err := Foresee(t.Context(), Acts{Containers: w.containers}, OpenOrigins(dir), w.target(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is %s: %v", dir, err)
	}
}

func TestWhatIsStoppedBeforehandIsNotReplacedBesideTheOldOne(t *testing.T) {
	w, origins := deployed(t, newWorld(stateless(1)))
	w.content = "two"
	told, err := Foresee(t.Context(), Acts{Containers: w.containers}, origins, w.target(), true)
	if err != nil || told.String() != "replace backend-1, stop-first (it is stopped beforehand)" {
		t.Errorf("%q, %v", told, err)
	}
}

func TestAnOperationIsSaidInWords(t *testing.T) {
	for want, o := range map[string]Operation{
		"":                           {},
		"replace web-1, start-first": {Replace: []string{"web-1"}, Order: StartFirst},
		"remove web-3, start 2":      {Remove: []string{"web-3"}, Start: 2},
		"replace a-1, a-2, stop-first (it writes to /data)": {Replace: []string{"a-1", "a-2"}, Order: StopFirst, Why: "it writes to /data"},
	} {
		if got := o.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
