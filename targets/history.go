package targets

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/console"
)

// History prints the runs that are kept, the newest first: what was asked for, by whom, when, and how it ended.
//
// It changes nothing and needs no lock. -json prints the same to stdout, with the paths of each run's journal and log.
// A journal that cannot be read is a warning.
func History(ctx context.Context, json *bool) error {
	return enter(ctx, "history", false, flags{json: json}, func(ctx context.Context, s *session) error {
		runs, err := s.store.Runs()
		if err != nil {
			s.console.Line(console.Warn, "history", err.Error(), 0)
		}
		if s.options.json {
			if runs == nil {
				runs = []checkpoints.RunInfo{}
			}
			return s.console.JSON(runs)
		}
		if len(runs) == 0 {
			s.console.Print("no run is recorded\n")
		}
		for _, run := range runs {
			text := fmt.Sprintf("%s  %-24s", stamp(run.Started), run.Who)
			if !run.Finished.IsZero() {
				text += "  " + run.Finished.Sub(run.Started).Round(time.Second).String()
			}
			first, _, _ := strings.Cut(run.Error, "\n")
			s.console.Table(word(run.State), run.Target, strings.TrimRight(text+"  "+first, " "))
		}
		return nil
	})
}
