package targets

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/console"
	"slipway/internal/release"
)

// History prints the runs and the releases that are kept, the newest first: by whom, when, of which revision, and how it ended.
//
// -release=ID prints one release: its steps with their times, and what it has otherwise than the one before it, never a value. It
// changes nothing and needs no lock. -json prints the same to stdout, with the paths of each run's journal and log. A journal that
// cannot be read is a warning.
func History(ctx context.Context, json *bool, release *string) error {
	return enter(ctx, "history", false, flags{json: json, release: release}, func(ctx context.Context, s *session) error {
		all, err := s.releases().All()
		if err != nil {
			s.console.Line(console.Warn, "history", err.Error(), 0)
		}
		if s.options.release != "" {
			return s.oneRelease(ctx, all)
		}
		runs, err := s.store.Runs()
		if err != nil {
			s.console.Line(console.Warn, "history", err.Error(), 0)
		}
		entries := s.entries(runs, all)
		if s.options.json {
			return s.console.JSON(entries)
		}
		if len(entries) == 0 {
			s.console.Print("no run is recorded\n")
		}
		for _, e := range entries {
			s.console.Table(word(e.State), e.Target, e.String())
		}
		return nil
	})
}

// entry is a run, and the release that it made or brought up.
type entry struct {
	checkpoints.RunInfo
	Release *kept `json:"release,omitempty"`
}

// kept is a release with what came of it.
type kept struct {
	release.Release
	Outcome release.Outcome `json:"outcome"`
}

// entries are the runs, each with its release; then the releases whose runs are no longer kept.
func (s *session) entries(runs []checkpoints.RunInfo, all []release.Release) []entry {
	byRun := map[string]*kept{}
	for _, r := range all {
		outcome, err := s.releases().Outcome(r.ID)
		if err != nil {
			s.console.Line(console.Warn, "history", err.Error(), 0)
		}
		byRun[r.ID] = &kept{r, outcome}
	}
	entries := []entry{}
	for _, run := range runs {
		entries = append(entries, entry{run, byRun[run.ID]})
		delete(byRun, run.ID)
	}
	for _, r := range all {
		if old := byRun[r.ID]; old != nil {
			entries = append(entries, entry{checkpoints.RunInfo{
				ID: r.ID, Target: "deploy", Who: r.Who, State: checkpoints.Done, Started: r.Made, Finished: old.Outcome.Finished,
			}, old})
		}
	}
	return entries
}

func (e entry) String() string {
	text := fmt.Sprintf("%s  %-24s", stamp(e.Started), e.Who)
	if !e.Finished.IsZero() {
		text += "  " + e.Finished.Sub(e.Started).Round(time.Second).String()
	}
	if e.Release != nil {
		text += "  release " + e.Release.String()
	}
	first, _, _ := strings.Cut(e.Error, "\n")
	return strings.TrimRight(text+"  "+first, " ")
}

// String is the release in a line: its id, its revision and what came of it.
func (k kept) String() string {
	text := k.ID
	if commit := k.Commit(); commit != "" {
		text += " " + commit
	}
	text += ", " + string(k.Outcome.State)
	if k.BackTo != "" {
		text += ", back to " + k.BackTo
	}
	if k.Outcome.ReturnTo != "" {
		text += " to " + k.Outcome.ReturnTo
	}
	return text
}

// told is what `mage history -release=ID -json` prints.
type told struct {
	kept
	Before  string               `json:"before,omitempty"`  // the release that it is compared with
	Changes []release.Difference `json:"changes,omitempty"` // since that
}

// oneRelease prints a release.
func (s *session) oneRelease(ctx context.Context, all []release.Release) error {
	r, err := s.releases().Find(s.options.release)
	if err != nil {
		return refuse(ctx, fmt.Errorf("history: %w", err), command("history"))
	}
	outcome, err := s.releases().Outcome(r.ID)
	if err != nil {
		return refuse(ctx, fmt.Errorf("history: %w", err))
	}
	found := told{kept: kept{r, outcome}}
	for _, other := range all {
		if other.ID < r.ID {
			found.Before, found.Changes = other.ID, r.Since(other)
			break
		}
	}
	if s.options.json {
		return s.console.JSON(found)
	}
	s.console.Table(console.Note, "release", found.String()+", "+stamp(r.Made)+", "+r.Who)
	if outcome.Backup != "" {
		s.console.Table(console.Note, "backup", outcome.Backup+" is from before its migration")
	}
	if outcome.Error != "" {
		s.console.Table(console.Fail, "error", outcome.Error)
	}
	for _, step := range outcome.Steps {
		word := console.OK
		if step.Skipped {
			word = console.Skip
		}
		s.console.Table(word, step.Name, fmt.Sprintf("%6.1fs  %s", step.Took.Seconds(), step.Result))
	}
	if found.Before != "" {
		s.console.Table(console.Note, "since", found.Before)
	}
	for _, change := range found.Changes {
		s.console.Table(console.Note, change.Kind, change.Name+" "+change.How)
	}
	return nil
}
