//go:build engine

package enginelock

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// helperKey makes the test binary a process that can be killed: it holds both locks of the project, from the state directory
// that are its value, hands the kernel's to a child, and both wait until their input ends.
const helperKey = "ENGINELOCK_TEST_HELPER"

func TestMain(m *testing.M) {
	args := strings.Split(os.Getenv(helperKey), "\x1f")
	if len(args) < 2 {
		os.Exit(m.Run())
	}
	if err := hold(args[0], args[1]); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func hold(project, dir string) error {
	lock, err := kernels(dir, project)
	if err != nil {
		return err
	}
	if _, err := Take(context.Background(), project, lock, 0); err != nil {
		return err
	}
	child := exec.Command("cat")
	child.Stdin, child.ExtraFiles = os.Stdin, []*os.File{lock.File()}
	if err := child.Start(); err != nil {
		return err
	}
	_, _ = os.Stdout.WriteString("held\n")
	return child.Wait()
}

// kernels takes the lock of a state directory.
func kernels(dir, project string) (*checkpoints.Lock, error) {
	store, err := checkpoints.Open(dir, project)
	if err != nil {
		return nil, err
	}
	return store.Lock(context.Background(), checkpoints.Holder{Target: "deploy"}, 0)
}

// newProject is a name of the test's own, under which it leaves no lock.
func newProject(t *testing.T) string {
	t.Helper()
	project := "sw-lock-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() {
		left, err := compose.Markers(context.Background(), projectLabel+"="+project)
		if err != nil {
			t.Error(err)
		}
		for _, marker := range left {
			if err := compose.RemoveMarker(context.Background(), marker.ID); err != nil {
				t.Error(err)
			}
		}
	})
	return project
}

// newLock is the lock of a state directory of the test's own.
func newLock(t *testing.T, project string) *checkpoints.Lock {
	t.Helper()
	lock, err := kernels(filepath.Join(t.TempDir(), "state"), project)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Release() })
	return lock
}

func TestOfManyStateDirectoriesOneAtATimeHoldsTheLock(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	var inside, held atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		lock := newLock(t, project)
		all.Go(func() {
			taken, err := Take(t.Context(), project, lock, 5*time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			if inside.Add(1) > 1 {
				t.Error("two held the lock at once")
			}
			held.Add(1)
			inside.Add(-1)
			if err := taken.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if held.Load() != 20 {
		t.Errorf("%d of 20 came to hold it", held.Load())
	}
}

func TestOfManyWhoDoNotWaitOneGetsTheLock(t *testing.T) {
	t.Parallel()
	for range 5 {
		project := newProject(t)
		var held atomic.Int32
		var all sync.WaitGroup
		for range 10 {
			lock := newLock(t, project)
			all.Go(func() {
				_, err := Take(t.Context(), project, lock, 0)
				var busy *HeldError
				switch {
				case err == nil:
					held.Add(1)
				case !errors.As(err, &busy):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if held.Load() != 1 {
			t.Fatalf("%d of 10 got it", held.Load())
		}
	}
}

// killed starts a holder in another state directory and kills it. What it has left behind goes on until end is called.
func killed(t *testing.T, project, dir string) (end func()) {
	t.Helper()
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), helperKey+"="+project+"\x1f"+dir)
	holder.Stderr = os.Stderr
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, said, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	holder.Stdin, holder.Stdout = read, said
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	_ = said.Close()
	t.Cleanup(func() { _ = write.Close() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	return func() { _ = write.Close() }
}

func TestALockOfAKilledRunIsHeldUntilItsLastProcessHasEndedAndThenFree(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	end := killed(t, project, filepath.Join(t.TempDir(), "state"))
	lock := newLock(t, project)
	var held *HeldError
	if _, err := Take(t.Context(), project, lock, 0); !errors.As(err, &held) || held.Holder.Target != "deploy" || !held.Seen || len(held.Hints()) != 0 {
		t.Fatalf("Take = %v while a process of the killed run was left, want it held and seen", err)
	}
	end()
	if _, err := Take(t.Context(), project, lock, time.Minute); err != nil {
		t.Errorf("Take = %v when the last process had ended", err)
	}
}

func TestWhoHasTheKilledRunsStateDirectoryNeedsNoOtherProof(t *testing.T) {
	t.Parallel()
	project, dir := newProject(t), filepath.Join(t.TempDir(), "state")
	killed(t, project, dir)()
	store, err := checkpoints.Open(dir, project)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := store.Lock(t.Context(), checkpoints.Holder{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	id, err := lock.Identity()
	if err != nil {
		t.Fatal(err)
	}
	rebooted := claim{Holder: checkpoints.Holder{PID: 1}, Directory: id.Directory, Boot: "before", Inode: id.Inode}
	foreign(t, project, rebooted)
	if _, err := Take(t.Context(), project, lock, 0); err != nil {
		t.Errorf("Take = %v", err)
	}
}

// foreign makes a lock with a claim.
func foreign(t *testing.T, project string, c claim) *Lock {
	t.Helper()
	lock, err := create(t.Context(), project, c)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestAHolderThatCannotBeSeenFromHereIsNamedWithTheCommandThatEndsItsLock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]claim{
		"on another machine":                      {Holder: checkpoints.Holder{PID: 7, Who: "ci@runner", Target: "deploy"}, Directory: "another", Boot: "another", Inode: "1"},
		"where the kernel does not list the lock": {Holder: checkpoints.Holder{PID: 7, Who: "ci@runner", Target: "deploy"}, Directory: "another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := newProject(t)
			theirs := foreign(t, project, c)
			_, err := Take(t.Context(), project, newLock(t, project), 0)
			var held *HeldError
			if !errors.As(err, &held) || held.Holder.Who != "ci@runner" || held.Seen {
				t.Fatalf("Take = %v, want a HeldError that names the holder", err)
			}
			if hints := strings.Join(held.Hints(), "\n"); !strings.Contains(hints, "docker network rm "+theirs.id) {
				t.Errorf("the hints are %q", hints)
			}
		})
	}
}

func TestALockThatSaysNothingIsSomebodysAllTheSame(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	if _, err := compose.MakeMarker(t.Context(), "slipway.lock."+project, map[string]string{projectLabel: project}); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Take(t.Context(), project, newLock(t, project), 0); !errors.As(err, &held) || held.Seen {
		t.Errorf("Take = %v, want it held", err)
	}
}

func TestALockOfAContainerThatHasEndedIsFree(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	foreign(t, project, claim{Directory: "another", Container: strings.Repeat("0", 64), Life: "2026-01-01T00:00:00Z"})
	if _, err := Take(t.Context(), project, newLock(t, project), 0); err != nil {
		t.Errorf("Take = %v", err)
	}
}

func TestALockIsMadeForTheEyeAndStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	if _, err := Take(t.Context(), project, newLock(t, project), 0); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("docker", "network", "ls", "--quiet", "--filter", "label="+projectLabel+"="+project).Output()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = exec.Command("docker", "network", "inspect", strings.TrimSpace(string(out))).Output(); err != nil {
		t.Fatal(err)
	}
	var found []struct {
		ConfigOnly bool
		IPAM       struct{ Config []any }
		Labels     map[string]string
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found) != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	if !found[0].ConfigOnly || len(found[0].IPAM.Config) > 0 {
		t.Errorf("the lock takes room: %+v", found[0])
	}
	for label := range found[0].Labels {
		if strings.HasPrefix(label, "com.docker.compose") {
			t.Errorf("Compose would take the lock for its own, by %s", label)
		}
	}
}

func TestTheWaitForTheLockEndsWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	project := newProject(t)
	foreign(t, project, claim{Directory: "another"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	lock := newLock(t, project)
	go func() {
		_, err := Take(ctx, project, lock, time.Hour)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Take = %v", err)
	}
	left, err := compose.Markers(t.Context(), projectLabel+"="+project)
	if err != nil || len(left) != 1 {
		t.Errorf("%d locks are left, %v, want that of the other alone", len(left), err)
	}
}

// BenchmarkTakeAndRelease is what the lock costs a deployment.
func BenchmarkTakeAndRelease(b *testing.B) {
	project := "sw-lock-" + strings.ToLower(rand.Text()[:8])
	lock, err := kernels(filepath.Join(b.TempDir(), "state"), project)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		taken, err := Take(b.Context(), project, lock, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := taken.Release(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
