package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// lastJournal reads the journal of the newest run in a state directory.
func lastJournal(state string) (journal, error) {
	found, err := filepath.Glob(filepath.Join(state, "runs", "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("find the journal: %w", err)
	}
	if len(found) == 0 {
		return nil, errors.New("find the journal: there is no run")
	}
	file, err := os.Open(slices.Max(found))
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	return readJournal(file)
}

// journal is when each step of a run was done.
type journal map[string]time.Time

func readJournal(from io.Reader) (journal, error) {
	done := journal{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Time   time.Time
			Kind   string
			Fields struct{ Step string }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		if event.Kind == "done" {
			done[event.Fields.Step] = event.Time
		}
	}
	return done, lines.Err()
}

// done says when a step was done in this run.
func (j journal) done(step string) (time.Time, error) {
	at, ok := j[step]
	if !ok {
		return at, fmt.Errorf("the journal does not say that %s was done", step)
	}
	return at, nil
}
