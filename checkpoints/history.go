package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// RunInfo is what the journal of a run says about it.
type RunInfo struct {
	ID     string `json:"id"`
	Target string `json:"target"`
	Who    string `json:"who"`
	// State is done, failed, running, or interrupted.
	State    State     `json:"state"`
	Error    string    `json:"error,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Journal and Log are the paths of its files.
	Journal string `json:"journal"`
	Log     string `json:"log"`
}

// Runs lists the kept runs, the newest first, by their sequence and not by the
// clock. A journal that cannot be read is part of the error; the list is
// complete nevertheless.
func (s *Store) Runs() ([]RunInfo, error) {
	ids, err := s.runIDs()
	if err != nil {
		return nil, err
	}
	holder, held, err := s.Holder()
	if err != nil {
		return nil, err
	}
	var problems []error
	runs := make([]RunInfo, 0, len(ids))
	for _, id := range ids {
		events, err := s.Events(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a run that began meanwhile has removed it
		}
		problems = append(problems, err)
		info := RunInfo{ID: id, State: Interrupted, Journal: s.journalPath(id), Log: s.logPath(id)}
		if held && holder.Run == id {
			info.State = Running
		}
		for _, event := range events {
			info.note(event)
		}
		runs = append(runs, info)
	}
	return runs, errors.Join(problems...)
}

func (i *RunInfo) note(event Event) {
	text := func(field string) string {
		value, _ := event.Fields[field].(string)
		return value
	}
	switch event.Kind {
	case "begin":
		i.Target, i.Who, i.Started = text("target"), text("who"), event.Time
	case "end":
		i.State, i.Error, i.Finished = State(text("state")), text("error"), event.Time
	}
}

// Events reads the journal of a run. What is whole before a corrupt line is
// returned with the error.
func (s *Store) Events(run string) ([]Event, error) {
	if !runID.MatchString(run) {
		return nil, fmt.Errorf("run %q: not the id of a run", run)
	}
	path := s.journalPath(run)
	data, err := os.ReadFile(path) //nolint:gosec // run is a checked id
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	events, err := decodeJournal(data)
	if err != nil {
		return events, fmt.Errorf("journal %s: %w", path, err)
	}
	return events, nil
}

// runIDs are the ids of the kept runs, the newest first.
func (s *Store) runIDs() ([]string, error) {
	entries, err := os.ReadDir(s.runs())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), ".jsonl")
		if ok && runID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return compareRuns(b, a) })
	return ids, nil
}

func interrupted(err error) bool { return errors.Is(err, context.Canceled) }
