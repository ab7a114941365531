package checkpoints

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// keepRuns is how many runs the directory keeps, the present one included.
const keepRuns = 100

// Run is one invocation that changes something. It has an id, a journal that
// a machine reads, and a log of what its children printed.
type Run struct {
	store *Store
	id    string
	log   *os.File
	mu    sync.Mutex
	file  *os.File
	size  int64 // of what is whole
	n     int
	// torn is why half a line could not be taken back: nothing may follow it.
	torn error
}

// runID is a sequence number, which alone orders runs, a time, and a random
// part.
var runID = regexp.MustCompile(`^([0-9]{6,12})-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

func sequence(id string) int {
	match := runID.FindStringSubmatch(id)
	if match == nil {
		return 0
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return n
}

func compareRuns(a, b string) int {
	return cmp.Or(cmp.Compare(sequence(a), sequence(b)), strings.Compare(a, b))
}

// Begin begins a run: it names the run in the lock, opens its journal and its
// log, and removes the oldest runs beyond a hundred.
func (s *Store) Begin(lock *Lock, target string) (*Run, error) {
	if err := s.held(lock); err != nil {
		return nil, fmt.Errorf("begin a run: %w", err)
	}
	ids, err := s.runIDs()
	if err != nil {
		return nil, fmt.Errorf("begin a run: %w", err)
	}
	if err := s.tidy(ids); err != nil {
		return nil, fmt.Errorf("begin a run: %w", err)
	}
	last := 0
	if len(ids) > 0 {
		last = sequence(ids[0])
	}
	id := fmt.Sprintf("%06d-%s-%s", last+1, s.time().Format("20060102T150405Z"), draw(3))
	run := &Run{store: s, id: id}
	if err := run.open(lock, target); err != nil {
		return nil, fmt.Errorf("begin run %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = id
	return run, nil
}

func (r *Run) open(lock *Lock, target string) (err error) {
	if err := lock.setRun(r.id); err != nil {
		return err
	}
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | os.O_EXCL
	if r.file, err = os.OpenFile(r.store.journalPath(r.id), flags, 0o600); err != nil {
		return err
	}
	if r.log, err = os.OpenFile(r.store.logPath(r.id), flags, 0o600); err != nil {
		return errors.Join(err, r.file.Close())
	}
	err = r.Event("begin", map[string]any{"target": target, "who": lock.Holder().Who, "pid": lock.Holder().PID})
	if err == nil {
		err = SyncDir(r.store.runs())
	}
	if err != nil {
		return errors.Join(err, r.file.Close(), r.log.Close())
	}
	return nil
}

func (s *Store) journalPath(id string) string { return filepath.Join(s.runs(), id+".jsonl") }
func (s *Store) logPath(id string) string     { return filepath.Join(s.runs(), id+".log") }

// tidy removes the oldest runs and what crashes left of unfinished writes.
func (s *Store) tidy(ids []string) error {
	for _, id := range ids[min(len(ids), keepRuns-1):] {
		for _, path := range []string{s.logPath(id), s.journalPath(id)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := sweep(s.records()); err != nil {
		return err
	}
	return sweep(s.dir, "key", "stack", "id")
}

// ID names the run. Ids sort in the order of the runs.
func (r *Run) ID() string { return r.id }

// Log is where the output of children goes. Whoever writes redacts.
func (r *Run) Log() io.Writer { return r.log }

// Event appends an event to the journal.
func (r *Run) Event(kind string, fields map[string]any) error {
	fields, err := r.store.cleanFields(fields)
	if err != nil {
		return fmt.Errorf("journal %s: %w", kind, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return fmt.Errorf("journal %s: the run has ended", kind)
	}
	if r.torn != nil {
		return fmt.Errorf("journal %s: %w", kind, r.torn)
	}
	line, err := encodeEvent(Event{N: r.n + 1, Time: r.store.time(), Kind: kind, Fields: fields})
	if err != nil {
		return fmt.Errorf("journal %s: %w", kind, err)
	}
	at("journal", r.file.Name())
	if _, err := r.file.Write(line); err != nil {
		r.torn = r.file.Truncate(r.size)
		return fmt.Errorf("journal %s: %w", kind, errors.Join(err, r.torn))
	}
	at("journalled", r.file.Name())
	r.size += int64(len(line))
	r.n++
	return nil
}

func (r *Run) step(kind string, d Decision) error {
	fields := map[string]any{"step": d.Step, "state": d.State, "cause": d.Cause}
	if d.Result != "" {
		fields["result"] = d.Result
	}
	if err := r.Event(kind, fields); err != nil {
		return fmt.Errorf("%s: %w", d.Step, err)
	}
	return nil
}

// End writes the last event, with the error the run ended with or nil, and
// closes journal and log. It returns what went wrong with that, not the run's
// error. A second End does nothing.
func (r *Run) End(outcome error) error {
	r.mu.Lock()
	ended := r.file == nil
	r.mu.Unlock()
	if ended {
		return nil
	}
	fields := map[string]any{"state": Done}
	switch {
	case outcome == nil:
	case interrupted(outcome):
		fields = map[string]any{"state": Interrupted, "error": outcome.Error()}
	default:
		fields = map[string]any{"state": Failed, "error": outcome.Error()}
	}
	err := r.Event("end", fields)
	r.mu.Lock()
	defer r.mu.Unlock()
	err = errors.Join(err, r.file.Sync(), r.file.Close(), r.log.Close())
	r.file = nil
	if err != nil {
		return fmt.Errorf("end run %s: %w", r.id, err)
	}
	return nil
}
