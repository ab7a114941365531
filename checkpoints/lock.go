package checkpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// HeldError says that somebody else holds the lock.
type HeldError struct{ Holder Holder }

// Error names the holder.
func (e *HeldError) Error() string { return "another deployment holds the lock: " + e.Holder.String() }

// Lock is the right to change the stack. It is a flock(2) on a file that is
// never deleted: the kernel takes it back when the last process that has the
// file open ends, so there is no stale lock and no command to break one.
type Lock struct {
	store  *Store
	mu     sync.Mutex
	file   *os.File
	holder Holder
}

// Lock takes the lock, or waits for it up to the given time. PID, Who and Since
// of the holder are filled in where they are empty. Somebody else's is a
// *HeldError.
func (s *Store) Lock(ctx context.Context, h Holder, wait time.Duration) (*Lock, error) {
	if s.readOnly {
		return nil, errors.New("lock: the state directory was opened for reading")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	pause := 10 * time.Millisecond
	for {
		file, err := s.tryLock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", s.lockPath(), err)
		}
		if file != nil {
			return s.locked(file, h)
		}
		held := &HeldError{Holder: readHolder(s.lockPath())}
		if wait <= 0 {
			return nil, held
		}
		select {
		case <-ctx.Done():
			// Not a HeldError: it was the wait that was given up.
			return nil, fmt.Errorf("wait for the lock, held by %s: %w", held.Holder, ctx.Err())
		case <-timeout.C:
			return nil, held
		case <-time.After(pause):
		}
		pause = min(pause*2, 250*time.Millisecond)
	}
}

func (s *Store) lockPath() string { return filepath.Join(s.dir, "lock") }

// tryLock returns nil if somebody holds the lock.
func (s *Store) tryLock() (*os.File, error) {
	for {
		file, err := os.OpenFile(s.lockPath(), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		taken, err := flock(file, unix.LOCK_EX)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if taken {
			return file, nil
		}
		// Holder looks with a shared lock for an instant. Only if a shared one
		// cannot be had either, somebody really holds it.
		looker, err := flock(file, unix.LOCK_SH)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		if !looker {
			return nil, nil
		}
		time.Sleep(rand.N(time.Millisecond)) //nolint:gosec // keeps two lookers out of step
	}
}

// flock tries once and does not wait.
func flock(file *os.File, how int) (taken bool, err error) {
	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB) //nolint:gosec // a descriptor fits
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}

func (s *Store) locked(file *os.File, h Holder) (*Lock, error) {
	if h.PID == 0 {
		h.PID = os.Getpid()
	}
	if h.Who == "" {
		h.Who = who()
	}
	if h.Since.IsZero() {
		h.Since = s.time()
	}
	lock := &Lock{store: s, file: file, holder: h}
	if err := lock.name(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return lock, nil
}

// name writes the holder into the lock file, in place: a new file would be a
// new lock. The reader takes the first JSON value, so that the old holder's
// longer text behind it does no harm.
func (l *Lock) name() error {
	data, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if _, err := l.file.WriteAt(data, 0); err != nil {
		return fmt.Errorf("name the holder of the lock: %w", err)
	}
	if err := l.file.Truncate(int64(len(data))); err != nil {
		return fmt.Errorf("name the holder of the lock: %w", err)
	}
	return nil
}

func (l *Lock) setRun(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder.Run = id
	return l.name()
}

// File is the locked file. A child that inherits it holds the lock too, and
// keeps it when its parent is killed. Nil after Release.
func (l *Lock) File() *os.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file
}

// Holder is what the lock file says.
func (l *Lock) Holder() Holder {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

// Release gives up this process's part of the lock. A child that inherited it
// still holds it. A second Release does nothing.
func (l *Lock) Release() error { return l.ReleaseWith(func() error { return nil }) }

// ReleaseWith is Release; the last thing done under the lock is to give back
// what was taken beside it. That is not done where a child still holds the lock,
// or somebody else already does.
func (l *Lock) ReleaseWith(last func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	// Whether a child has the lock is known only to whoever takes it anew.
	again, failed := l.store.tryLock()
	if err := errors.Join(err, failed); err != nil || again == nil {
		return err
	}
	// Whoever takes the lock without leaving a name must not be mistaken for
	// this process.
	return errors.Join(last(), again.Truncate(0), again.Close())
}

// held refuses a lock that does not protect this store.
func (s *Store) held(lock *Lock) error {
	if lock == nil || lock.store.dir != s.dir || lock.File() == nil {
		return errors.New("the lock of the state directory is not held")
	}
	return nil
}
