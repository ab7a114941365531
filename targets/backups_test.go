package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func keepBackup(t *testing.T, b backups, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, b backups) []string {
	t.Helper()
	all, err := b.list()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, made := range all {
		found = append(found, made.ID)
	}
	return found
}

func TestBackupsAreListedNewestFirstAndHalfMadeOnesAreNone(t *testing.T) {
	b := backups{t.TempDir()}
	for _, name := range []string{
		"20261124T120000Z-00ff.dump", "20261125T120000Z-0001.dump", "20261125T120001Z-0000.dump", "20261125T130000Z-aaaa.dump.partial", "notes.txt",
	} {
		keepBackup(t, b, name)
	}
	if err := os.Mkdir(filepath.Join(b.dir, "20261126T120000Z-0000.dump"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"20261125T120001Z-0000", "20261125T120000Z-0001", "20261124T120000Z-00ff"}
	if got := ids(t, b); !slices.Equal(got, want) {
		t.Errorf("the backups are %v, want %v", got, want)
	}
	if got := ids(t, backups{filepath.Join(b.dir, "none")}); len(got) != 0 {
		t.Errorf("a directory that is not there has %v", got)
	}
}

func TestABackupOfNowHasANameThatIsTakenForOne(t *testing.T) {
	made, err := backups{"/backups"}.name(noon)
	if err != nil {
		t.Fatal(err)
	}
	if !backupName.MatchString(made.ID) || made.Path != "/backups/"+made.ID+".dump" || !strings.HasPrefix(made.ID, "20261125T120000Z-") {
		t.Errorf("the backup is %+v", made)
	}
}

func TestAnUnknownBackupIsAnsweredWithThoseThereAre(t *testing.T) {
	b := backups{t.TempDir()}
	if _, err := b.find(""); err == nil || !strings.Contains(err.Error(), "there is no backup in "+b.dir) {
		t.Errorf("without backups: %v", err)
	}
	keepBackup(t, b, "20261125T120000Z-0001.dump")
	if made, err := b.find("20261125T120000Z-0001"); err != nil || made.Size != 7 || !made.Time.Equal(noon) {
		t.Errorf("find = %+v, %v", made, err)
	}
	for id, sentence := range map[string]string{"": "which backup?", "x": `there is no backup "x"`, "../lock": `there is no backup "../lock"`} {
		_, err := b.find(id)
		if err == nil || !strings.Contains(err.Error(), sentence) || !strings.Contains(err.Error(), "\n  20261125T120000Z-0001  2026-11-25 12:00:00Z  7 B") {
			t.Errorf("find %q: %v", id, err)
		}
	}
}

func TestBackupsAreKeptByNumberAndAgeAndTheNewestAlways(t *testing.T) {
	for name, world := range map[string]struct {
		days []int // how old the backups are
		want []int
	}{
		"twelve young ones": {[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"two old ones":      {[]int{29, 31, 32}, []int{29}},
		"only old ones":     {[]int{40, 50}, []int{40}},
	} {
		t.Run(name, func(t *testing.T) {
			b := backups{t.TempDir()}
			id := func(days int) string { return noon.AddDate(0, 0, -days).Format(backupTime) + "-0000" }
			for _, days := range world.days {
				keepBackup(t, b, id(days)+".dump")
			}
			keepBackup(t, b, "of-the-operator.dump")
			keepBackup(t, b, "20261125T110000Z-0000.dump.partial")
			if err := b.prune(noon); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, days := range world.want {
				want = append(want, id(days))
			}
			got := slices.DeleteFunc(ids(t, b), func(id string) bool { return id == "of-the-operator" })
			if !slices.Equal(got, want) {
				t.Errorf("kept %v, want %v", got, want)
			}
			files, err := os.ReadDir(b.dir)
			if err != nil || len(files) != len(want)+1 {
				t.Errorf("the directory has %v, %v: want the backups and the operator's file", files, err)
			}
		})
	}
}

func TestABackupToSpareIsNotRemoved(t *testing.T) {
	b := backups{t.TempDir()}
	for hour := range 12 {
		keepBackup(t, b, fmt.Sprintf("20261125T%02d0000Z-0000.dump", hour))
	}
	const oldest = "20261125T000000Z-0000"
	if err := b.prune(noon, oldest); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, b); len(got) != keepBackups+1 || !slices.Contains(got, oldest) {
		t.Errorf("kept %v, want the ten newest and %s", got, oldest)
	}
}

func TestSizesReadWell(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_345: "12 kB", 1_234_567: "1.2 MB", 5_000_000_000_000: "5.0 TB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q, want %q", bytes, got, want)
		}
	}
}

func TestADatabaseThatCannotBeBackedUpIsRefusedBeforeAnythingElse(t *testing.T) {
	good := map[string]Database{
		"none":     {},
		"postgres": {Kind: "postgres", Service: "db", Volume: "db", Job: "migrate", Migrations: "*.sql"},
		"sqlite":   {Kind: "sqlite", Writers: []string{"app"}, Volume: "data"},
	}
	for name, database := range good {
		if err := (Stack{Name: "shop", Destinations: []Destination{{Name: "local", Files: []string{"compose.yaml"}, Database: database}}}).check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for lack, database := range map[string]Database{
		"kind":       {Kind: "mysql", Volume: "db", Service: "db"},
		"Volume":     {Kind: "postgres", Service: "db"},
		"Service":    {Kind: "postgres", Volume: "db"},
		"Writers":    {Kind: "sqlite", Volume: "data"},
		"Migrations": {Kind: "postgres", Service: "db", Volume: "db", Job: "migrate"},
	} {
		err := Stack{Name: "shop", Destinations: []Destination{{Name: "local", Files: []string{"compose.yaml"}, Database: database}}}.check()
		if err == nil || !strings.Contains(err.Error(), `destination "local": database: `) || !strings.Contains(err.Error(), lack) {
			t.Errorf("without %s: %v", lack, err)
		}
	}
}
