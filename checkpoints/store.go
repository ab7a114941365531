package checkpoints

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const keySize = 32

// Store is the state directory of one stack.
type Store struct {
	dir    string
	stack  string
	key    []byte
	redact func(string) string
	// readOnly is set by Look: nothing is created.
	readOnly bool
	mu       sync.Mutex
	// run is the id of the run that this store began, busy the steps that are
	// at work in it now.
	run  string
	busy map[string]bool
	// now tells the times that are shown; tests set it.
	now func() time.Time
}

// Open opens the state directory of a stack, and creates it, mode 0700, if it
// does not exist. It refuses the directory of another stack, and with a
// *TrustError one whose way or content somebody else could change.
func Open(dir, stack string) (*Store, error) {
	s, err := newStore(dir, stack)
	if err != nil {
		return nil, err
	}
	there, err := checkTrust(s.dir)
	if err == nil && !there {
		if err := makeDir(s.dir); err != nil {
			return nil, fmt.Errorf("create the state directory: %w", err)
		}
		_, err = checkTrust(s.dir) // in a folder like /tmp somebody may have been faster
	}
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{s.records(), s.runs()} {
		if err := makeDir(dir); err != nil {
			return nil, fmt.Errorf("create the state directory: %w", err)
		}
	}
	if err := s.claim(); err != nil {
		return nil, err
	}
	if err := s.readKey(true); err != nil {
		return nil, err
	}
	return s, nil
}

// Look opens a state directory for reading and creates nothing. If there is
// none, every step is pending.
func Look(dir, stack string) (*Store, error) {
	s, err := newStore(dir, stack)
	if err != nil {
		return nil, err
	}
	s.readOnly = true
	if _, err := checkTrust(s.dir); err != nil {
		return nil, err
	}
	if err := s.checkStack(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := s.readKey(false); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(dir, stack string) (*Store, error) {
	if stack == "" || strings.ContainsFunc(stack, func(r rune) bool { return r < ' ' }) {
		return nil, fmt.Errorf("stack %q: not a name", stack)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, stack: stack, busy: map[string]bool{}, now: time.Now}, nil
}

// Dir is the state directory.
func (s *Store) Dir() string { return s.dir }

// Redact sets the function through which every text goes that is recorded or
// journalled: results, messages, the fields of events. Run.Log is not covered:
// it takes bytes, in which a secret may be split over two writes.
func (s *Store) Redact(redact func(string) string) { s.redact = redact }

func (s *Store) clean(text string) string {
	if s.redact != nil {
		text = s.redact(text)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func (s *Store) records() string            { return filepath.Join(s.dir, "checkpoints") }
func (s *Store) cleared() string            { return filepath.Join(s.records(), "cleared") }
func (s *Store) runs() string               { return filepath.Join(s.dir, "runs") }
func (s *Store) recordPath(n string) string { return filepath.Join(s.records(), n+".json") }

// time is what is recorded: without zone and monotonic part, so that it reads
// back as it was written.
func (s *Store) time() time.Time { return s.now().UTC().Round(0) }

// makeDir creates a directory if there is none. Its entry survives a power cut
// only once its parent is synced.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(dir))
}

// claim writes the stack's name into a new directory, and checks it in an old.
func (s *Store) claim() error {
	err := s.checkStack()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = createFile(filepath.Join(s.dir, "stack"), []byte(s.stack+"\n"), 0o600)
	if err != nil && !lostRace(err) {
		return err
	}
	return s.checkStack()
}

func (s *Store) checkStack() error {
	data, err := os.ReadFile(filepath.Join(s.dir, "stack"))
	if err != nil {
		return fmt.Errorf("open the state directory: %w", err)
	}
	if found := strings.TrimSuffix(string(data), "\n"); found != s.stack {
		return fmt.Errorf("state directory %s: %w: it is of %q, not of %q; set STATE_DIR to another", s.dir, ErrOtherStack, found, s.stack)
	}
	return nil
}

// lostRace tells that another process created the file first: it exists, or
// its creator has swept our unfinished one away.
func lostRace(err error) bool {
	return errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist)
}

// readKey reads the key. A missing one is drawn anew if create is set; records
// that were made under the lost one are then refused by name.
func (s *Store) readKey(create bool) error {
	path := filepath.Join(s.dir, "key")
	data, err := os.ReadFile(path) //nolint:gosec // within the state directory
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil
		}
		key := make([]byte, keySize)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("draw a key: %w", err)
		}
		if err := createFile(path, []byte(hex.EncodeToString(key)+"\n"), 0o600); err != nil && !lostRace(err) {
			return err
		}
		data, err = os.ReadFile(path) //nolint:gosec // within the state directory
	}
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSuffix(string(data), "\n"))
	if err != nil || len(key) != keySize {
		return fmt.Errorf("key %s is corrupt; move it aside: a new one is drawn, and the records made under it must be reset", path)
	}
	s.key = key
	return nil
}

// keyName tells keys apart without telling the key.
func (s *Store) keyName() string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("name of the key"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
