package targets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/internal/console"
)

// phase is one link of the chain preflight <- prerequisites <- config <- deploy -> verify. Each is a Mage dependency of
// the next, so that Mage runs it once; each checks that the one before it passed in this invocation, because Mage
// counts a dependency that failed before as done when it is asked for again.
func phase(ctx context.Context, name, after string, code int, body func(context.Context, *session) (string, error)) error {
	s := current
	if s == nil {
		return refuse(ctx, errors.New(name+": a phase runs through its target"))
	}
	if after != "" && !s.passed[after] {
		return refuse(ctx, fmt.Errorf("%s: %s did not pass before it", name, after))
	}
	if s.options.skips(name) {
		s.passed[name] = true
		s.console.Line(console.Skip, name, "asked for with -skip", 0)
		return nil
	}
	started := time.Now()
	s.journal("phase", map[string]any{"phase": name, "state": "running"})
	detail, err := body(ctx, s)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", ctx.Err())
	}
	if err != nil {
		failure := fail(ctx, code, fmt.Errorf("%s: %w", name, err))
		s.failure = failure
		s.journal("phase", map[string]any{"phase": name, "state": "failed", "error": failure.Err.Error()})
		s.console.Line(console.Fail, name, "", time.Since(started))
		return failure
	}
	s.passed[name] = true
	s.journal("phase", map[string]any{"phase": name, "state": "done"})
	if detail != "" {
		s.console.Line(console.OK, name, detail, time.Since(started))
	}
	return nil
}

// journal adds an event to the run, where there is one. What it cannot write, the next record will say.
func (s *session) journal(kind string, fields map[string]any) {
	if s.run == nil {
		return
	}
	if err := s.run.Event(kind, fields); err != nil {
		s.console.Line(console.Warn, "journal", err.Error(), 0)
	}
}
