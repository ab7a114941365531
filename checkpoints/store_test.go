package checkpoints

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// checkAbsent fails if a text stands in any file below dir.
func checkAbsent(t *testing.T, dir, text string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path) //nolint:gosec // within a test's directory
		if strings.Contains(string(data), text) {
			t.Errorf("%s holds what must not be recorded", entry.Name())
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("looked into %d files: %v", files, err)
	}
}

func TestStateIsReadableByItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0))
	store, err := Open(filepath.Join(dir, "state"), "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	_, run := resume(t, store)
	if _, err := run.Log().Write([]byte("pulled\n")); err != nil {
		t.Fatal(err)
	}
	if err := store.write(sample(store)); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(store.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesTheDirectoryOfAnotherStack(t *testing.T) {
	store := open(t)
	for name, open := range map[string]func(dir, stack string) (*Store, error){"Open": Open, "Look": Look} {
		if _, err := open(store.Dir(), "other"); !errors.Is(err, ErrOtherStack) {
			t.Errorf("%s = %v, want ErrOtherStack", name, err)
		}
	}
}

func TestOpenRefusesACorruptKey(t *testing.T) {
	store := open(t)
	if err := os.WriteFile(filepath.Join(store.Dir(), "key"), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(store.Dir(), "freshtrack"); err == nil || !strings.Contains(err.Error(), "move it aside") {
		t.Errorf("Open = %v, want a refusal with a remedy", err)
	}
}

func TestRecordsUnderALostKeyAreRefusedAndCanBeReset(t *testing.T) {
	store := open(t)
	if err := store.write(sample(store)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(store.Dir(), "key")); err != nil {
		t.Fatal(err)
	}
	store, err := Open(store.Dir(), "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Record("build"); !errors.Is(err, ErrOtherKey) {
		t.Errorf("Record = %v, want ErrOtherKey", err)
	}
	lock, _ := resume(t, store)
	if names, err := store.Reset(lock, "", nil); err != nil || len(names) != 1 {
		t.Errorf("Reset = %q, %v", names, err)
	}
	if _, ok, err := store.Record("build"); ok || err != nil {
		t.Errorf("Record = %v, %v after the reset, want none", ok, err)
	}
}

func TestOfTwoThatOpenANewDirectoryAtOnceBothGetTheSameKey(t *testing.T) {
	for _, file := range []string{"stack", "key"} {
		dir := filepath.Join(t.TempDir(), "state")
		var other *Store
		writeHook = func(instant, path string) {
			if instant != "synced" || filepath.Base(path) != file {
				return
			}
			writeHook = nil
			var err error
			if other, err = Open(dir, "freshtrack"); err != nil {
				t.Error(err)
			}
		}
		store, err := Open(dir, "freshtrack")
		writeHook = nil
		if err != nil || other == nil || store.keyName() != other.keyName() {
			t.Errorf("overtaken at the file %s: %v, %v, want the same key in both", file, err, other)
		}
	}
}

func TestADirectoryOpenedForReadingCannotBeLocked(t *testing.T) {
	store, err := Look(open(t).Dir(), "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Lock(t.Context(), Holder{}, 0); err == nil {
		t.Error("Lock succeeded")
	}
}

func TestWriteFileThatFailsLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Error("WriteFile replaced a directory")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v, want one entry", entries, err)
	}
}

func TestWriteFileReplacesTheWholeFileWithItsMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"a longer text", "short", ""} {
		if err := WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path) //nolint:gosec // within a test's directory
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(data) != content || info.Mode().Perm() != 0o644 {
			t.Errorf("the file holds %q, %v, %v, want %q, 0644", data, err, statErr, content)
		}
	}
	if err := WriteFile(filepath.Join(t.TempDir(), "none", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile = %v in a directory that does not exist", err)
	}
}
