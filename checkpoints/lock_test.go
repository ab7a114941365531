package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func open(t testing.TB) *Store {
	t.Helper()
	store, err := Open(filepath.Join(t.TempDir(), "state"), "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestLockNamesItsHolder(t *testing.T) {
	store := open(t)
	cmd, _, stop := startHelper(t, "hold", store.Dir())
	_, err := store.Lock(t.Context(), Holder{}, 0)
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("Lock = %v, want a HeldError", err)
	}
	if held.Holder.PID != cmd.Process.Pid || held.Holder.Target != "rollback" || held.Holder.Who == "" || held.Holder.Since.IsZero() {
		t.Errorf("the lock is held by %+v, want rollback of pid %d", held.Holder, cmd.Process.Pid)
	}
	holder, taken, err := store.Holder()
	if err != nil || !taken || holder != held.Holder {
		t.Errorf("Holder = %+v, %v, %v, want %+v", holder, taken, err, held.Holder)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if holder, taken, err = store.Holder(); err != nil || taken {
		t.Errorf("after the holder ended: Holder = %+v, %v, %v, want nobody", holder, taken, err)
	}
}

func TestLockOfAKilledProcessIsFree(t *testing.T) {
	store := open(t)
	cmd, _, stop := startHelper(t, "hold", store.Dir())
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err == nil {
		t.Fatal("the helper ended well, want it killed")
	}
	resume(t, store)
}

func TestLockWaitsUntilItIsFree(t *testing.T) {
	store := open(t)
	lock, err := store.Lock(t.Context(), Holder{Target: "deploy"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := store.Lock(context.WithoutCancel(t.Context()), Holder{}, time.Minute)
		if err == nil {
			err = second.Release()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("the second Lock returned %v while the first was held", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("Lock = %v after the lock became free", err)
	}
}

func TestLockGivesUpWhenItsWaitIsOver(t *testing.T) {
	store := open(t)
	resume(t, store)
	var held *HeldError
	if _, err := store.Lock(t.Context(), Holder{}, 30*time.Millisecond); !errors.As(err, &held) || held.Holder.PID != os.Getpid() {
		t.Errorf("Lock = %v, want a HeldError that names this process", err)
	}
}

func TestLockStopsWaitingWhenItIsCancelled(t *testing.T) {
	store := open(t)
	resume(t, store)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := store.Lock(ctx, Holder{}, time.Hour)
	var held *HeldError
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &held) {
		t.Errorf("Lock = %v, want the context's error alone", err)
	}
}

func TestLockThatAChildInheritedOutlivesItsParent(t *testing.T) {
	store := open(t)
	cmd, run, stop := startHelper(t, "orphan", store.Dir())
	// The helper kills itself; its child still has the lock, and its input.
	if err := cmd.Wait(); err == nil {
		t.Fatal("the helper ended well, want it killed")
	}
	var held *HeldError
	if _, err := store.Lock(t.Context(), Holder{}, 0); !errors.As(err, &held) || held.Holder.PID != cmd.Process.Pid {
		t.Fatalf("Lock = %v, want it held in the name of pid %d", err, cmd.Process.Pid)
	}
	steps := []Step{{Name: "migrate", Run: func(context.Context) (string, error) { return "", nil }}}
	plan, err := store.Plan(t.Context(), steps)
	if err != nil || plan[0].State != Running || plan[0].Cause != "running now" {
		t.Errorf("Plan = %+v, %v, want it running while the orphan is busy", plan, err)
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 1 || runs[0].ID != run || runs[0].State != Running {
		t.Errorf("Runs = %+v, %v, want run %s running", runs, err, run)
	}
	if err := stop(); err == nil {
		t.Fatal("waiting twice for one process succeeded")
	}
	lock, err := store.Lock(t.Context(), Holder{}, time.Minute)
	if err != nil {
		t.Fatalf("Lock = %v after the orphan ended", err)
	}
	plan, err = store.Plan(t.Context(), steps)
	if err != nil || plan[0].State != Interrupted || plan[0].Cause != "interrupted" {
		t.Errorf("Plan = %+v, %v, want it interrupted after the orphan ended", plan, err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLookingAtTheHolderNeverMakesALockFail(t *testing.T) {
	store := open(t)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, _, err := store.Holder(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 300 {
		lock, err := store.Lock(t.Context(), Holder{}, 0)
		if err != nil {
			t.Fatalf("Lock = %v, and nobody but a looker was there", err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReleaseLeavesTheLockToAChildThatInheritedIt(t *testing.T) {
	store := open(t)
	lock, err := store.Lock(t.Context(), Holder{Target: "deploy"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	child := helper(t.Context(), "sit")
	child.ExtraFiles = []*os.File{lock.File()}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	untouched := func() error { return errors.New("what was taken beside the lock was given back") }
	if err := lock.ReleaseWith(untouched); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := store.Lock(t.Context(), Holder{}, 0); !errors.As(err, &held) || held.Holder.Target != "deploy" {
		t.Errorf("Lock = %v, want it held in the name of whoever started the child", err)
	}
	if err := errors.Join(stdin.Close(), child.Wait()); err != nil {
		t.Fatal(err)
	}
	resume(t, store)
}

func TestWhatWasTakenBesideTheLockIsGivenBackUnderIt(t *testing.T) {
	store := open(t)
	lock, err := store.Lock(t.Context(), Holder{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	last := func() error {
		given++
		if _, taken, err := store.Holder(); err != nil || !taken {
			t.Errorf("the lock was free already (%v)", err)
		}
		return nil
	}
	for range 2 {
		if err := lock.ReleaseWith(last); err != nil {
			t.Fatal(err)
		}
	}
	if given != 1 {
		t.Errorf("it was given back %d times", given)
	}
	resume(t, store)
}

func TestACopyOfAStateDirectoryHasAnotherIdentity(t *testing.T) {
	store := open(t)
	if id, err := store.Identity(); err != nil || id != (Identity{}) {
		t.Errorf("before the first lock the identity is %+v, %v", id, err)
	}
	lock, _ := resume(t, store)
	id, err := lock.Identity()
	if err != nil || id.Directory == "" || id.Inode == "" {
		t.Fatalf("the identity is %+v, %v", id, err)
	}
	again, err := store.Identity()
	if err != nil || again != id {
		t.Errorf("the identity is %+v and then %+v, %v", id, again, err)
	}
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(store.Dir())); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	copied, err := Open(dir, "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := copied.Identity(); err != nil || other.Directory == "" || other.Directory == id.Directory {
		t.Errorf("the copy's identity is %+v, %v, and the original's %+v", other, err, id)
	}
}

func TestReleasedLockProtectsNothing(t *testing.T) {
	store := open(t)
	lock, err := store.Lock(t.Context(), Holder{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	run, err := store.Begin(lock, "deploy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.End(nil) })
	for range 2 {
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	step := Step{Name: "build", Run: func(context.Context) (string, error) {
		t.Error("a step ran without the lock")
		return "", nil
	}}
	if _, err := store.Do(t.Context(), lock, run, step); err == nil {
		t.Error("Do succeeded after the lock was released")
	}
	if _, err := store.Begin(lock, "deploy"); err == nil {
		t.Error("Begin succeeded after the lock was released")
	}
	if _, err := store.Reset(lock, "", nil); err == nil {
		t.Error("Reset succeeded after the lock was released")
	}
}

func TestTwentyProcessesTakeTheLockOneAfterTheOther(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// No key, no stack file yet: twenty processes create them at once, too.
	if err := os.WriteFile(filepath.Join(dir, "number"), []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	var started []*exec.Cmd
	for range 20 {
		cmd := helper(t.Context(), "increment", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	number, err := os.ReadFile(filepath.Join(dir, "number")) //nolint:gosec // within a test's directory
	if err != nil || string(number) != "20" {
		t.Errorf("the number is %q, %v, want 20", number, err)
	}
	store, err := Look(dir, "freshtrack")
	if err != nil {
		t.Fatal(err)
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 20 {
		t.Fatalf("Runs = %d, %v, want 20", len(runs), err)
	}
	for i, run := range runs {
		if want := fmt.Sprintf("%06d-", 20-i); run.ID[:7] != want || run.State != Done {
			t.Errorf("run %d from the top is %s, %s, want %s…, done", i, run.ID, run.State, want)
		}
	}
}
