package checkpoints

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lines is a journal of three events.
func lines(t testing.TB) []byte {
	t.Helper()
	var journal []byte
	for n, kind := range []string{"begin", "run", "end"} {
		event := Event{N: n + 1, Time: time.Date(2026, 11, 25, 12, 0, n, 0, time.UTC), Kind: kind, Fields: map[string]any{"step": "build"}}
		line, err := encodeEvent(event)
		if err != nil {
			t.Fatal(err)
		}
		journal = append(journal, line...)
	}
	return journal
}

func TestJournalTellsWhatARunDid(t *testing.T) {
	store, lock, run := begin(t)
	w := &world{}
	for range 2 {
		if _, err := store.Do(t.Context(), lock, run, w.step("build")); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.End(errors.New("verify: 503")); err != nil {
		t.Fatal(err)
	}
	events, err := store.Events(run.ID())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, event := range events {
		kinds = append(kinds, event.Kind)
	}
	if got := strings.Join(kinds, " "); got != "begin run done skip end" {
		t.Errorf("the events are %q", got)
	}
	if events[1].Fields["cause"] != "never run" || events[2].Fields["result"] != "worked" {
		t.Errorf("run says %v, done says %v", events[1].Fields, events[2].Fields)
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 1 || runs[0].State != Failed || runs[0].Error != "verify: 503" || runs[0].Target != "deploy" || runs[0].Finished.IsZero() {
		t.Errorf("Runs = %+v, %v", runs, err)
	}
	if err := run.Event("late", nil); err == nil {
		t.Error("an event was accepted after the end")
	}
}

func TestJournalToleratesATornLastLine(t *testing.T) {
	journal := lines(t)
	last := bytes.LastIndexByte(journal[:len(journal)-1], '\n') + 1
	for length := last; length < len(journal); length++ {
		if events, err := decodeJournal(journal[:length]); err != nil || len(events) != 2 {
			t.Fatalf("torn at byte %d: %d events, %v, want 2", length, len(events), err)
		}
	}
	if events, err := decodeJournal(journal); err != nil || len(events) != 3 {
		t.Errorf("whole: %d events, %v, want 3", len(events), err)
	}
}

func TestJournalToleratesNothingElse(t *testing.T) {
	journal := lines(t)
	for i := range len(journal) - 1 { // without its last newline the last line is torn
		for bit := range 8 {
			damaged := bytes.Clone(journal)
			damaged[i] ^= 1 << bit
			if _, err := decodeJournal(damaged); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d flipped: %v, want ErrCorrupt", bit, i, err)
			}
		}
	}
	split := bytes.SplitAfter(journal, []byte("\n"))
	for name, damaged := range map[string][][]byte{
		"a line is missing":   {split[0], split[2]},
		"a line stands twice": {split[0], split[0], split[1]},
		"the first is gone":   {split[1], split[2]},
		"an empty line":       {split[0], []byte("\n"), split[1]},
	} {
		if _, err := decodeJournal(bytes.Join(damaged, nil)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func TestACorruptJournalHidesNoOtherRun(t *testing.T) {
	store := open(t)
	var ids []string
	for range 3 {
		lock, err := store.Lock(t.Context(), Holder{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		run, err := store.Begin(lock, "deploy")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(run.End(nil), lock.Release()); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.ID())
	}
	if err := os.WriteFile(store.journalPath(ids[1]), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := store.Runs()
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), ids[1]) || len(runs) != 3 {
		t.Errorf("Runs = %d runs, %v, want 3 and the path of the corrupt one", len(runs), err)
	}
}

func TestAClockSetBackChangesNoOrderAndNoDecision(t *testing.T) {
	store := open(t)
	clock := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	store.now = func() time.Time { clock = clock.Add(-time.Hour); return clock }
	w := &world{inputs: map[string]string{"main.go": "1"}}
	var ids []string
	for range 3 {
		lock, err := store.Lock(t.Context(), Holder{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		run, err := store.Begin(lock, "deploy")
		if err != nil {
			t.Fatal(err)
		}
		decision, err := store.Do(t.Context(), lock, run, w.step("build"))
		if err != nil || decision.Run != (len(ids) == 0) {
			t.Errorf("run %d: Do = %+v, %v, want it to run the first time only", len(ids), decision, err)
		}
		ids = append(ids, run.ID())
		if err := errors.Join(run.End(nil), lock.Release()); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 3 {
		t.Fatalf("Runs = %+v, %v", runs, err)
	}
	for i, run := range runs {
		if run.ID != ids[2-i] {
			t.Errorf("run %d from the top is %s, want %s", i, run.ID, ids[2-i])
		}
	}
	if !runs[0].Started.Before(runs[2].Started) {
		t.Error("the clock was not set back: this test shows nothing")
	}
	if ids[0] >= ids[1] || ids[1] >= ids[2] {
		t.Errorf("the ids %q do not sort in the order of the runs", ids)
	}
}

func TestAHundredRunsAreKept(t *testing.T) {
	store := open(t)
	for n := 1; n <= keepRuns+20; n++ {
		id := fmt.Sprintf("%06d-20261125T120000Z-abcdef", n)
		for _, path := range []string{store.journalPath(id), store.logPath(id)} {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	note := filepath.Join(store.runs(), "note.txt")
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, run := resume(t, store)
	runs, err := store.Runs()
	if err != nil || len(runs) != keepRuns || runs[0].ID != run.ID() || sequence(runs[keepRuns-1].ID) != 22 {
		t.Errorf("%d runs are kept, %v, want %d, the newest", len(runs), err, keepRuns)
	}
	logs, err := filepath.Glob(filepath.Join(store.runs(), "*.log"))
	if err != nil || len(logs) != keepRuns {
		t.Errorf("%d logs are kept, %v, want %d", len(logs), err, keepRuns)
	}
	if _, err := os.Stat(note); err != nil {
		t.Errorf("a file that is no run was removed: %v", err)
	}
}

func FuzzReadJournal(f *testing.F) {
	journal := lines(f)
	f.Add(journal)
	f.Add(journal[:len(journal)-5])
	f.Add(journal[5:])
	f.Add([]byte("\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := decodeJournal(data)
		for i, event := range events {
			if event.N != i+1 {
				t.Fatalf("event %d is numbered %d", i+1, event.N)
			}
		}
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if want := bytes.Count(data, []byte("\n")); len(events) != want {
			t.Fatalf("%d events in %d whole lines", len(events), want)
		}
		// What a crash may add changes nothing that was read before.
		whole := data[:bytes.LastIndexByte(data, '\n')+1]
		again, err := decodeJournal(append(bytes.Clone(whole), `{"n":`...))
		if err != nil || len(again) != len(events) {
			t.Fatalf("with a torn line: %d events, %v, want %d", len(again), err, len(events))
		}
	})
}
