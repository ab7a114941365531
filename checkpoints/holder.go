package checkpoints

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"time"

	"golang.org/x/sys/unix"
)

// Holder is who holds the lock.
type Holder struct {
	PID    int       `json:"pid"`
	Who    string    `json:"who"` // user@host
	Target string    `json:"target"`
	Run    string    `json:"run,omitempty"`
	Since  time.Time `json:"since"`
}

// String is one line for an operator.
func (h Holder) String() string {
	if h.PID == 0 {
		return "a process that left no name"
	}
	line := fmt.Sprintf("pid %d, %s", h.PID, h.Who)
	if h.Target != "" {
		line += ", " + h.Target
	}
	if h.Run != "" {
		line += ", run " + h.Run
	}
	return line + ", since " + h.Since.UTC().Format(time.RFC3339)
}

// Holder tells who holds the lock now, without taking it; empty and
// false if nobody.
func (s *Store) Holder() (Holder, bool, error) {
	file, err := os.Open(s.lockPath())
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, err
	}
	free, err := flock(file, unix.LOCK_SH)
	if err := errors.Join(err, file.Close()); err != nil {
		return Holder{}, false, fmt.Errorf("look at %s: %w", s.lockPath(), err)
	}
	if free {
		return Holder{}, false, nil
	}
	return readHolder(s.lockPath()), true, nil
}

// readHolder is empty if the holder left no name, or not yet.
func readHolder(path string) Holder {
	file, err := os.Open(path) //nolint:gosec // the lock file
	if err != nil {
		return Holder{}
	}
	defer file.Close() //nolint:errcheck // read only
	var holder Holder
	if err := json.NewDecoder(file).Decode(&holder); err != nil {
		return Holder{}
	}
	return holder
}

func who() string {
	name := fmt.Sprintf("user %d", os.Getuid())
	if account, err := user.Current(); err == nil {
		name = account.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
