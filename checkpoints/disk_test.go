package checkpoints

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A full disk is made in two ways: by a limit on the size of files, which any
// user can set on himself, and, as root where mounting is allowed, by a real
// small file system.
type disk struct {
	dir  string
	fill func()
	free func()
}

func limited(t *testing.T) disk {
	t.Helper()
	limit, free := fileSizeLimit(t)
	return disk{t.TempDir(), func() { limit(100) }, free}
}

// fileSizeLimit makes every write beyond the given size fail, until free.
func fileSizeLimit(t *testing.T) (limit func(size uint64), free func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit = func(size uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
			t.Error(err)
		}
	}
	free = func() { limit(before.Cur) }
	t.Cleanup(free)
	return limit, free
}

func mounted(t *testing.T) (disk, bool) {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("slipway-test", dir, "tmpfs", 0, "size=128k,mode=0700"); err != nil {
		return disk{}, false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	return disk{
		dir: dir,
		fill: func() {
			if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the disk took a megabyte: %v", err)
			}
		},
		free: func() {
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
		},
	}, true
}

func onFullDisks(t *testing.T, test func(t *testing.T, disk disk)) {
	t.Run("file size limit", func(t *testing.T) { test(t, limited(t)) })
	if small, ok := mounted(t); ok {
		t.Run("small file system", func(t *testing.T) { test(t, small) })
	}
}

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG) }

func beginOn(t *testing.T, disk disk) (*Store, *Lock, *Run) {
	t.Helper()
	store, err := Open(filepath.Join(disk.dir, "state"), "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	lock, run := resume(t, store)
	return store, lock, run
}

func TestNoWorkBeginsOnAFullDisk(t *testing.T) {
	onFullDisks(t, func(t *testing.T, disk disk) {
		store, lock, run := beginOn(t, disk)
		runs := 0
		step := Step{Name: "build", Run: func(context.Context) (string, error) { runs++; return "", nil }}
		disk.fill()
		_, err := store.Do(t.Context(), lock, run, step)
		disk.free()
		if !full(err) || runs != 0 {
			t.Errorf("Do = %v after %d runs, want a full disk and no run", err, runs)
		}
		if _, ok, err := store.Record("build"); ok || err != nil {
			t.Errorf("Record = %v, %v, want none", ok, err)
		}
		if _, err := store.Do(t.Context(), lock, run, step); err != nil || runs != 1 {
			t.Errorf("with space again: Do = %v after %d runs", err, runs)
		}
		checkWhole(t, store)
	})
}

func TestWorkThatCannotBeRecordedIsSaidToBeDoneAndRepeated(t *testing.T) {
	onFullDisks(t, func(t *testing.T, disk disk) {
		store, lock, run := beginOn(t, disk)
		step := Step{Name: "build", Run: func(context.Context) (string, error) { disk.fill(); return "1 image", nil }}
		_, err := store.Do(t.Context(), lock, run, step)
		disk.free()
		if !full(err) || !strings.Contains(err.Error(), "the work was done") || !strings.Contains(err.Error(), "repeated") {
			t.Errorf("Do = %v, want it to say that the work was done and will be repeated", err)
		}
		checkWhole(t, store)
		step.Run = func(context.Context) (string, error) { return "1 image", nil }
		decision, err := store.Do(t.Context(), lock, run, step)
		if err != nil || decision.Cause != "interrupted" || decision.State != Done {
			t.Errorf("with space again: Do = %+v, %v", decision, err)
		}
		checkWhole(t, store)
	})
}

func TestAFailureOnAFullDiskStillReportsTheFailure(t *testing.T) {
	onFullDisks(t, func(t *testing.T, disk disk) {
		store, lock, run := beginOn(t, disk)
		broken := errors.New("broken")
		step := Step{Name: "build", Run: func(context.Context) (string, error) { disk.fill(); return "", broken }}
		_, err := store.Do(t.Context(), lock, run, step)
		disk.free()
		if !full(err) || !errors.Is(err, broken) {
			t.Errorf("Do = %v, want both errors", err)
		}
		checkWhole(t, store)
	})
}

func TestARecordSurvivesAFullDisk(t *testing.T) {
	onFullDisks(t, func(t *testing.T, disk disk) {
		store, _, _ := beginOn(t, disk)
		record := sample(store)
		if err := store.write(record); err != nil {
			t.Fatal(err)
		}
		record.Result = strings.Repeat("long ", 2000)
		disk.fill()
		err := store.write(record)
		disk.free()
		if !full(err) {
			t.Errorf("write = %v, want a full disk", err)
		}
		if got, ok, err := store.Record("build"); err != nil || !ok || got.Result != "1 image" {
			t.Errorf("Record = %+v, %v, %v, want the old one", got, ok, err)
		}
		checkWhole(t, store)
	})
}

func TestHalfALineThatAFullDiskCutOffIsTakenBack(t *testing.T) {
	limit, free := fileSizeLimit(t)
	store, _, run := begin(t)
	info, err := os.Stat(store.journalPath(run.ID()))
	if err != nil {
		t.Fatal(err)
	}
	limit(uint64(info.Size()) + 10) //nolint:gosec // a size is not negative
	err = run.Event("note", nil)
	free()
	if !full(err) {
		t.Errorf("Event = %v, want a full disk", err)
	}
	if err := run.Event("after", nil); err != nil {
		t.Fatal(err)
	}
	events, err := store.Events(run.ID())
	if err != nil || len(events) != 2 || events[1].Kind != "after" {
		t.Errorf("Events = %+v, %v, want begin and after", events, err)
	}
}

// checkWhole: every record and journal reads, and nothing is left over.
func checkWhole(t *testing.T, store *Store) {
	t.Helper()
	if _, err := store.Records(); err != nil {
		t.Error(err)
	}
	if _, err := store.Runs(); err != nil {
		t.Error(err)
	}
	leftovers, err := filepath.Glob(filepath.Join(store.records(), ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left over: %q, %v", leftovers, err)
	}
}
