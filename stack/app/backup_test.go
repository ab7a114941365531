package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// filled returns a database with as many readings.
func filled(t *testing.T, readings int) (Settings, http.Handler) {
	t.Helper()
	s := freshSQLite(t)
	api := newBackend(t, s)
	for i := range readings {
		if status, body := ask(api, "POST", "/readings", fmt.Sprintf(`{"sensor":"a1","celsius":%d}`, i)); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
	}
	return s, api
}

func TestRestoreBringsBackWhatWasBackedUpWhileTheBackendRuns(t *testing.T) {
	ctx := context.Background()
	s, api := filled(t, 5)
	_, before := ask(api, "GET", "/readings", "")
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := backup(ctx, s, file, nil); err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer
	if err := backup(ctx, s, "-", &streamed); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("backup: %v, %v", info, err)
	}
	for _, source := range []string{file, "-"} {
		if status, _ := ask(api, "POST", "/readings", `{"sensor":"later","celsius":1}`); status != http.StatusCreated {
			t.Fatalf("POST: %d", status)
		}
		var output bytes.Buffer
		if err := restore(ctx, s, source, bytes.NewReader(streamed.Bytes()), &output); err != nil {
			t.Fatalf("restore %s: %v", source, err)
		}
		if _, after := ask(api, "GET", "/readings", ""); after != before {
			t.Errorf("restore %s: %s", source, after)
		}
		if output.String() != "5 readings restored\n" {
			t.Errorf("said %q", output.String())
		}
	}
	onlyDatabase(t, filepath.Dir(s.DatabasePath))
}

func TestRestoreOnANewVolumeNeedsNoDatabase(t *testing.T) {
	ctx := context.Background()
	s, _ := filled(t, 3)
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := backup(ctx, s, file, nil); err != nil {
		t.Fatal(err)
	}
	fresh := Settings{DatabasePath: filepath.Join(t.TempDir(), "freshtrack.db")}
	if err := restore(ctx, fresh, file, nil, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(newBackend(t, fresh), "GET", "/health/ready", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if count := countReadings(t, fresh); count != 3 {
		t.Errorf("%d readings", count)
	}
}

func TestRestoreRefusesADamagedBackupAndChangesNothing(t *testing.T) {
	ctx := context.Background()
	s, api := filled(t, 400)
	_, before := ask(api, "GET", "/readings", "")
	var good bytes.Buffer
	if err := backup(ctx, s, "-", &good); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(good.Bytes())
	for i := len(damaged) / 2; i < len(damaged)/2+5000; i++ {
		damaged[i] ^= 0xff
	}
	for name, content := range map[string][]byte{
		"empty": {}, "no database": []byte(strings.Repeat("text ", 2000)), "truncated": good.Bytes()[:good.Len()/2], "damaged": damaged,
	} {
		if err := restore(ctx, s, "-", bytes.NewReader(content), &bytes.Buffer{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, after := ask(api, "GET", "/readings", ""); after != before {
			t.Errorf("%s: the readings changed", name)
		}
	}
	onlyDatabase(t, filepath.Dir(s.DatabasePath))
}

func TestBackupFailsWithoutADatabase(t *testing.T) {
	directory := t.TempDir()
	var output bytes.Buffer
	if err := backup(context.Background(), Settings{DatabasePath: filepath.Join(directory, "none.db")}, "-", &output); !errors.Is(err, errNoDatabase) || output.Len() > 0 {
		t.Errorf("error %v, %d bytes written", err, output.Len())
	}
	onlyDatabase(t, directory)
}

func TestInspectCountsTheRowsOfABackupAndRefusesADamagedOne(t *testing.T) {
	ctx := context.Background()
	s, _ := filled(t, 400)
	var good, counted bytes.Buffer
	if err := backup(ctx, s, "-", &good); err != nil {
		t.Fatal(err)
	}
	if err := inspect(ctx, s, "-", bytes.NewReader(good.Bytes()), &counted); err != nil {
		t.Fatal(err)
	}
	if want := `{"goose_db_version":3,"readings":400,"sensors":1,"zones":3}` + "\n"; counted.String() != want {
		t.Errorf("printed %s, want %s", counted.String(), want)
	}
	for name, size := range map[string]int{"empty": 0, "truncated": good.Len() / 2} {
		if err := inspect(ctx, s, "-", bytes.NewReader(good.Bytes()[:size]), &counted); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	onlyDatabase(t, filepath.Dir(s.DatabasePath))
}

// A migration that failed at the very first deployment leaves such a database, and the next deployment backs it up.
func TestADatabaseBeforeItsFirstMigrationIsBackedUpAndRestored(t *testing.T) {
	ctx := context.Background()
	s := Settings{DatabasePath: filepath.Join(t.TempDir(), "freshtrack.db")}
	store, err := openSQLite(s.DatabasePath)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.write.ExecContext(ctx, "CREATE TABLE goose_db_version (version_id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	var copied, counted bytes.Buffer
	if err := backup(ctx, s, "-", &copied); err != nil {
		t.Fatal(err)
	}
	if err := inspect(ctx, s, "-", bytes.NewReader(copied.Bytes()), &counted); err != nil || counted.String() != `{"goose_db_version":0}`+"\n" {
		t.Errorf("inspect: %q, %v", counted.String(), err)
	}
	if err := restore(ctx, s, "-", bytes.NewReader(copied.Bytes()), &bytes.Buffer{}); err != nil {
		t.Error(err)
	}
}

func TestBackupClearsWhatAKilledOneLeft(t *testing.T) {
	s, _ := filled(t, 1)
	left := filepath.Join(filepath.Dir(s.DatabasePath), ".freshtrack-1.tmp")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	longAgo := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(left, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	if err := backup(context.Background(), s, "-", &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	onlyDatabase(t, filepath.Dir(s.DatabasePath))
}

// onlyDatabase fails when a temporary file was left beside the database.
func onlyDatabase(t *testing.T, directory string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != ".migrate.lock" && !strings.HasPrefix(name, "freshtrack.db") {
			t.Errorf("left behind: %s", name)
		}
	}
}
