package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBackupsAreListedByTheirNumbersWhateverTheClockSaid(t *testing.T) {
	s := Store{t.TempDir()}
	var want []string
	for _, jump := range []time.Duration{0, 60 * 24 * time.Hour, -400 * 24 * time.Hour, time.Second} {
		want = append([]string{take(t, s, noon.Add(jump), ByHand).ID}, want...)
	}
	write(t, filepath.Join(s.Dir, "of-the-operator.dump"), "content")
	write(t, filepath.Join(s.Dir, "notes.txt"), "content")
	write(t, filepath.Join(s.Dir, "20261125T130000Z-0009.dump.partial", "0000.dump"), "half")
	if got := ids(t, s); !slices.Equal(got, append(want, "of-the-operator")) {
		t.Errorf("the backups are %v, want %v and the operator's", got, want)
	}
	if got := ids(t, Store{filepath.Join(s.Dir, "none")}); len(got) != 0 {
		t.Errorf("a folder that is not there has %v", got)
	}
}

func TestABackupIsNamedAfterItsTimeAndTheNextNumber(t *testing.T) {
	s := Store{t.TempDir()}
	for _, want := range []string{"20261125T120000Z-0001", "20261125T120000Z-0002"} {
		if b := take(t, s, noon, ByHand); b.ID != want || !b.Time.Equal(noon) || b.Path != filepath.Join(s.Dir, want+".dump") || b.Name() != want+".dump" {
			t.Errorf("the backup is %+v, want %s", b, want)
		}
	}
}

func TestAnUnknownBackupIsAnsweredWithThoseThereAre(t *testing.T) {
	s := Store{t.TempDir()}
	if _, err := s.Find(""); err == nil || !strings.Contains(err.Error(), "there is no backup in "+s.Dir) {
		t.Errorf("without backups: %v", err)
	}
	take(t, s, noon, BeforeMigration)
	for id, sentence := range map[string]string{"": "which backup?", "x": `there is no backup "x"`, "../lock": `there is no backup "../lock"`} {
		_, err := s.Find(id)
		if err == nil || !strings.Contains(err.Error(), sentence) || !strings.Contains(err.Error(), "\n  20261125T120000Z-0001  2026-11-25 12:00:00Z  7 B  before a migration") {
			t.Errorf("find %q: %v", id, err)
		}
	}
}

func TestABackupSaysWhatItHoldsAndWhatNot(t *testing.T) {
	got := take(t, Store{t.TempDir()}, noon, ByHand).Holds()
	if want := "postgres 15.14: shop; 7 rows in 2 tables; without the passwords of the roles"; got != want {
		t.Errorf("it holds %q, want %q", got, want)
	}
}

func TestCaseH7ABackupThatIsNotWhatWasWrittenIsBroken(t *testing.T) {
	for name, harm := range map[string]func(folder string) error{
		"cut short": func(folder string) error { return os.Truncate(filepath.Join(folder, "0000.dump"), 3) },
		"gone":      func(folder string) error { return os.Remove(filepath.Join(folder, "0000.dump")) },
		"another byte": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "0000.dump"), []byte("cintent"), 0o600)
		},
		"no manifest":     func(folder string) error { return os.Remove(filepath.Join(folder, manifestName)) },
		"half a manifest": func(folder string) error { return os.Truncate(filepath.Join(folder, manifestName), 40) },
		"an empty manifest": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, manifestName), []byte("{}"), 0o600)
		},
		"of a newer program": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, manifestName), []byte(`{"version": 2}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := Store{t.TempDir()}
			b := take(t, s, noon, ByHand)
			if err := b.Check(); err != nil {
				t.Fatalf("a whole one: %v", err)
			}
			if err := harm(b.Path); err != nil {
				t.Fatal(err)
			}
			b, err := s.Find(b.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Check(); err == nil {
				t.Error("it is taken for whole")
			}
		})
	}
}

func TestCaseH6ABackupOfAnotherProjectOrKindIsForeign(t *testing.T) {
	b := take(t, Store{t.TempDir()}, noon, ByHand)
	var foreign *ForeignError
	if err := b.Foreign("shop", "postgres"); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := b.Foreign("blog", "postgres"); !errors.As(err, &foreign) || !foreign.Fits || !strings.Contains(err.Error(), "of the project shop, and this is blog") {
		t.Errorf("another project: %v", err)
	}
	if err := b.Foreign("shop", "sqlite"); !errors.As(err, &foreign) || foreign.Fits {
		t.Errorf("another kind: %v", err)
	}
}

func TestSizesReadWell(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_345: "12 kB", 1_234_567: "1.2 MB", 5_000_000_000_000: "5.0 TB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q, want %q", bytes, got, want)
		}
	}
}
