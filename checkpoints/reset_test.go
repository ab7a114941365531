package checkpoints

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestResetClearsAStepAndWhatFollowsFromIt(t *testing.T) {
	names := []string{"pull", "build", "migrate", "rollout", "rollout.backend", "rollout.web", "rollouts", "cleanup"}
	steps := []Step{
		{Name: "pull"}, {Name: "build"}, {Name: "migrate", After: []string{"build"}},
		{Name: "rollout", After: []string{"migrate", "pull"}}, {Name: "rollouts"}, {Name: "cleanup", After: []string{"rollout"}},
	}
	for _, test := range []struct{ step, cleared string }{
		{"", "build cleanup migrate pull rollout rollout.backend rollout.web rollouts"},
		{"build", "build cleanup migrate rollout rollout.backend rollout.web"},
		{"pull", "cleanup pull rollout rollout.backend rollout.web"},
		{"rollout", "cleanup rollout rollout.backend rollout.web"},
		{"rollout.web", "rollout.web"},
		{"cleanup", "cleanup"},
		{"unknown", ""},
	} {
		t.Run("reset "+test.step, func(t *testing.T) {
			store := open(t)
			lock, err := store.Lock(t.Context(), Holder{}, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = lock.Release() })
			contents := map[string]string{}
			for _, name := range names {
				record := sample(store)
				record.Step, record.After = name, nil
				if err := store.write(record); err != nil {
					t.Fatal(err)
				}
				data, err := os.ReadFile(store.recordPath(name))
				if err != nil {
					t.Fatal(err)
				}
				contents[name] = string(data)
			}
			cleared, err := store.Reset(lock, test.step, steps)
			if got := strings.Join(cleared, " "); err != nil || got != test.cleared {
				t.Errorf("Reset = %q, %v, want %q", got, err, test.cleared)
			}
			for _, name := range names {
				_, exists, err := store.Record(name)
				if err != nil || exists == slices.Contains(cleared, name) {
					t.Errorf("%s has a record: %v, %v", name, exists, err)
				}
			}
			checkMoved(t, store, cleared, contents)
		})
	}
}

// checkMoved: what was cleared is kept aside, byte for byte.
func checkMoved(t *testing.T, store *Store, cleared []string, contents map[string]string) {
	t.Helper()
	for _, name := range cleared {
		found, err := filepath.Glob(filepath.Join(store.cleared(), "*Z-"+name+".json"))
		if err != nil || len(found) != 1 {
			t.Errorf("%s was moved to %q, %v", name, found, err)
			continue
		}
		if data, err := os.ReadFile(found[0]); err != nil || string(data) != contents[name] {
			t.Errorf("what was moved of %s differs: %v", name, err)
		}
	}
}

func TestResetFollowsWhatRecordsRemember(t *testing.T) {
	store, lock, _ := begin(t)
	backend := sample(store)
	backend.Step, backend.After = "extra", map[string]string{"build": "1"}
	for _, record := range []Record{sample(store), backend} {
		if err := store.write(record); err != nil {
			t.Fatal(err)
		}
	}
	if cleared, err := store.Reset(lock, "build", nil); err != nil || strings.Join(cleared, " ") != "build extra" {
		t.Errorf("Reset = %q, %v, want build and what was recorded after it", cleared, err)
	}
}

func TestResetMovesACorruptRecordAsideAndKeepsTheEarlierOnes(t *testing.T) {
	store, lock, _ := begin(t)
	for range 3 {
		if err := os.WriteFile(store.recordPath("build"), []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		if cleared, err := store.Reset(lock, "build", nil); err != nil || len(cleared) != 1 {
			t.Errorf("Reset = %q, %v", cleared, err)
		}
	}
	found, err := filepath.Glob(filepath.Join(store.cleared(), "*-build.json"))
	if err != nil || len(found) != 3 {
		t.Errorf("%d records are kept aside, %v, want 3", len(found), err)
	}
}
