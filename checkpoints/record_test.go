package checkpoints

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample is a record with every field set.
func sample(store *Store) Record {
	return Record{
		Version: recordVersion, Stack: store.stack, Step: "build", State: Done, Run: "000001-20261125T120000Z-abcdef",
		Nonce: "0123456789abcdef", Key: store.keyName(),
		Inputs: map[string]string{"app/main.go": "00ff", "env \"x\"": "11ee"}, After: map[string]string{"config": "22dd"},
		Result: "1 image", Error: &Fault{Message: "before: \xff", Category: "disk", Script: "deploy.sh", Line: 3, ExitCode: 4},
		Started: time.Date(2026, 11, 25, 12, 0, 0, 1, time.UTC), Finished: time.Date(2026, 11, 25, 12, 0, 1, 0, time.UTC),
	}
}

func TestRecordReadsBackAsItWasWritten(t *testing.T) {
	store := open(t)
	want := sample(store)
	want.Error.Message = "before"
	if err := store.write(want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := store.Record("build")
	if err != nil || !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("Record = %+v, %v, %v, want %+v", got, ok, err, want)
	}
}

func TestOneFlippedBitAnywhereInARecordIsNoticed(t *testing.T) {
	whole, err := encodeRecord(sample(open(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeRecord(whole); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			if _, err := decodeRecord(damaged); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d flipped: %v, want ErrCorrupt", bit, i, err)
			}
		}
	}
}

func TestARecordCutAnywhereOrContinuedIsNoticed(t *testing.T) {
	whole, err := encodeRecord(sample(open(t)))
	if err != nil {
		t.Fatal(err)
	}
	for length := range whole {
		if _, err := decodeRecord(whole[:length]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v, want ErrCorrupt", length, err)
		}
	}
	for _, more := range []string{"\n", " ", "\x00", string(whole)} {
		if _, err := decodeRecord(append(bytes.Clone(whole), more...)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("continued by %d bytes: %v, want ErrCorrupt", len(more), err)
		}
	}
}

func TestARecordThatCannotBeTrustedStopsPlanAndDo(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(r *Record)
		want   error
	}{
		{"newer", func(r *Record) { r.Version++ }, ErrNewer},
		{"other stack", func(r *Record) { r.Stack = "other" }, ErrOtherStack},
		{"other key", func(r *Record) { r.Key = "0011" }, ErrOtherKey},
		{"no version", func(r *Record) { r.Version = 0 }, ErrCorrupt},
		{"unknown state", func(r *Record) { r.State = Stale }, ErrCorrupt},
		{"done without nonce", func(r *Record) { r.Nonce = "" }, ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, lock, run := begin(t)
			record := sample(store)
			test.damage(&record)
			if err := store.write(record); err != nil {
				t.Fatal(err)
			}
			checkRefused(t, store, lock, run, test.want)
		})
	}
	t.Run("of another step", func(t *testing.T) {
		store, lock, run := begin(t)
		record := sample(store)
		record.Step = "pull"
		data, err := encodeRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(store.recordPath("build"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		checkRefused(t, store, lock, run, ErrCorrupt)
	})
	t.Run("empty", func(t *testing.T) {
		store, lock, run := begin(t)
		if err := WriteFile(store.recordPath("build"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		checkRefused(t, store, lock, run, ErrCorrupt)
	})
}

// checkRefused: neither Plan nor Do goes past the record of build, whether it
// is the step's own or its predecessor's, and the file stays as it is.
func checkRefused(t *testing.T, store *Store, lock *Lock, run *Run, want error) {
	t.Helper()
	path := store.recordPath("build")
	before, err := os.ReadFile(path) //nolint:gosec // within a test's directory
	if err != nil {
		t.Fatal(err)
	}
	work := func(context.Context) (string, error) {
		t.Error("the step ran")
		return "", nil
	}
	for _, step := range []Step{{Name: "build", Run: work}, {Name: "rollout", After: []string{"build"}, Run: work}} {
		_, planErr := store.Plan(t.Context(), []Step{step})
		_, doErr := store.Do(t.Context(), lock, run, step)
		for _, err := range []error{planErr, doErr} {
			var refused *RecordError
			if !errors.As(err, &refused) || !errors.Is(err, want) || refused.Step != "build" || refused.Path != path {
				t.Errorf("%s: %v, want a RecordError of build: %v", step.Name, err, want)
			}
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) { //nolint:gosec // within a test's directory
		t.Errorf("the record was changed: %v", err)
	}
}

func TestRecordsListsWhatItCanReadAndNamesWhatItCannot(t *testing.T) {
	store := open(t)
	if err := store.write(sample(store)); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(store.recordPath("rollout.backend"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := store.Records()
	var refused *RecordError
	if len(records) != 1 || records[0].Step != "build" || !errors.As(err, &refused) || refused.Step != "rollout.backend" {
		t.Errorf("Records = %+v, %v", records, err)
	}
}

func TestStepNamesCannotLeaveTheirDirectory(t *testing.T) {
	store := open(t)
	for _, name := range []string{"", ".", "..", "../key", "a/b", "Build", ".hidden", "a b", strings.Repeat("a", 101)} {
		if _, _, err := store.Record(name); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	store := &Store{stack: "freshtrack", key: make([]byte, keySize)}
	for _, state := range []State{Running, Done, Failed} {
		record := sample(store)
		record.State = state
		if state != Done {
			record.Nonce = ""
		}
		data, err := encodeRecord(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte(nil))
	f.Add([]byte("{}"))
	f.Add([]byte(frameHead + strings.Repeat("0", 64) + frameMiddle + "{}" + frameTail))
	f.Fuzz(func(t *testing.T, data []byte) {
		record, err := decodeRecord(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		again, err := encodeRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeRecord(again); err != nil || !reflect.DeepEqual(got, record) {
			t.Fatalf("%+v reads back as %+v, %v", record, got, err)
		}
	})
}
