package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMigrationsAreAppliedOnceAndCounted(t *testing.T) {
	s := Settings{DatabasePath: filepath.Join(t.TempDir(), "freshtrack.db")}
	for _, want := range []string{"2 applied\n", "0 applied\n"} {
		var output bytes.Buffer
		if err := migrate(context.Background(), s, &output); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix("\n"+output.String(), "\n"+want) {
			t.Errorf("last line of %q is not %q", output.String(), want)
		}
	}
}

func TestStatusCountsWhatIsMissingAndMakesNothing(t *testing.T) {
	directory := t.TempDir()
	s := Settings{DatabasePath: filepath.Join(directory, "freshtrack.db")}
	var output bytes.Buffer
	if err := migrateStatus(context.Background(), s, &output); err != nil {
		t.Fatal(err)
	}
	if output.String() != `{"pending":2,"current":0}`+"\n" {
		t.Errorf("before: %s", output.String())
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 0 {
		t.Errorf("status left %v, %v", entries, err)
	}
	output.Reset()
	if err := migrateStatus(context.Background(), freshSQLite(t), &output); err != nil {
		t.Fatal(err)
	}
	if output.String() != `{"pending":0,"current":2}`+"\n" {
		t.Errorf("after: %s", output.String())
	}
}

func TestTwoMigrationsOfOneDatabaseDoNotRunAtOnce(t *testing.T) {
	s := freshSQLite(t)
	_, release, err := openStore(t, s).Migrator()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	if err := migrate(context.Background(), s, &output); err == nil || !strings.Contains(err.Error(), "another migration") {
		t.Errorf("the second: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := migrate(context.Background(), s, &output); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

func TestBothDatabasesHaveTheSameMigrations(t *testing.T) {
	names := map[string][]string{}
	for _, dialect := range []string{"sqlite", "postgres"} {
		found, err := fs.Glob(migrationFiles(dialect), "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		names[dialect] = found
	}
	if len(names["sqlite"]) == 0 || !slices.Equal(names["sqlite"], names["postgres"]) {
		t.Errorf("%v", names)
	}
}
