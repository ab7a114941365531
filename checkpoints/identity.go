package checkpoints

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Identity tells the lock of one state directory from that of every other, a
// copy of the directory included.
type Identity struct {
	Directory string // empty if nobody has ever held the lock
	Inode     string // of the lock's file, as the kernel lists it
}

// Identity of a lock that is held. The directory gets its name when the lock is
// held for the first time.
func (l *Lock) Identity() (Identity, error) {
	id, err := l.store.Identity()
	if err != nil || id.Directory != "" {
		return id, err
	}
	if err := createFile(l.store.idPath(), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return Identity{}, fmt.Errorf("name the state directory: %w", err)
	}
	return l.store.Identity()
}

// Identity of the lock, whoever holds it.
func (s *Store) Identity() (Identity, error) {
	info, err := os.Stat(s.lockPath())
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, nil
	}
	if err != nil {
		return Identity{}, fmt.Errorf("identify the lock: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Identity{}, errors.New("identify the lock: the system tells no inode")
	}
	id := Identity{Inode: strconv.FormatUint(stat.Ino, 10)}
	name, err := os.ReadFile(s.idPath())
	if errors.Is(err, fs.ErrNotExist) {
		return id, nil
	}
	if err != nil {
		return Identity{}, fmt.Errorf("identify the lock: %w", err)
	}
	if text := strings.TrimSpace(string(name)); text != "" {
		id.Directory = text + ":" + id.Inode
	}
	return id, nil
}

func (s *Store) idPath() string { return filepath.Join(s.dir, "id") }
