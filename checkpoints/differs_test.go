package checkpoints

import (
	"errors"
	"testing"
)

func TestDiffersNamesWhyAStepWouldBeDoneAgainAndLooksAtTheGivenInputsOnly(t *testing.T) {
	store, lock, run := begin(t)
	given := []Input{Value("0001.sql", "create"), Value("volume", "a")}
	want := func(cause string, inputs ...Input) {
		t.Helper()
		if got, err := store.Differs("migrate", inputs); err != nil || got != cause {
			t.Errorf("Differs = %q, %v, want %q", got, err, cause)
		}
	}
	want("migrate never ran", given...)
	w := &world{inputs: map[string]string{"0001.sql": "create", "volume": "a", "image": "1"}, fail: errors.New("syntax error")}
	if _, err := store.Do(t.Context(), lock, run, w.step("migrate")); err == nil {
		t.Fatal("the step did not fail")
	}
	want("migrate failed before", given...)
	w.fail = nil
	if _, err := store.Do(t.Context(), lock, run, w.step("migrate")); err != nil {
		t.Fatal(err)
	}
	want("", given...)
	want("", given[0])
	want("0002.sql added", append(given, Value("0002.sql", "alter"))...)
	want("volume changed", given[0], Value("volume", "b"))

	record, _, err := store.Record("migrate")
	if err != nil {
		t.Fatal(err)
	}
	record.State, record.Nonce = Running, ""
	if err := store.write(record); err != nil {
		t.Fatal(err)
	}
	want("migrate was interrupted", given...)
}

func TestDiffersDoesNotGuessAboutARecordThatCannotBeTrusted(t *testing.T) {
	store, _, _ := begin(t)
	if err := WriteFile(store.recordPath("migrate"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var broken *RecordError
	if cause, err := store.Differs("migrate", nil); !errors.As(err, &broken) {
		t.Errorf("Differs = %q, %v, want a RecordError", cause, err)
	}
}
