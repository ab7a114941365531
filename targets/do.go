package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/backup"
	"slipway/internal/console"
	"slipway/internal/release"
)

// do decides about one step, runs it where it must run, and prints what came of it.
func (s *session) do(ctx context.Context, step checkpoints.Step) (checkpoints.Decision, error) {
	started := time.Now()
	work := step.Run
	var result string
	step.Run = func(ctx context.Context) (string, error) {
		defer s.act(step.Name)()
		s.mu.Lock()
		s.acted = true
		s.mu.Unlock()
		if !strings.HasPrefix(step.Name, "rollout.") { // which forgets with each of its acts
			defer s.forget() // whatever the step is, it was not asked what it changes
		}
		var err error
		result, err = work(ctx)
		if err != nil {
			return "", s.fault(ctx, err)
		}
		return result, nil
	}
	announced := step.Announce
	step.Announce = func(d checkpoints.Decision) {
		s.console.Line(console.Run, step.Name, d.Cause, 0)
		if announced != nil {
			announced(d)
		}
	}
	decision, err := s.store.Do(ctx, s.lock, s.run, step)
	s.mu.Lock()
	s.stepsDone = append(s.stepsDone, release.Step{
		Name: step.Name, Result: cmp.Or(result, decision.Cause), Took: time.Since(started).Round(time.Millisecond), Skipped: !decision.Run,
	})
	s.mu.Unlock()
	switch {
	case err != nil && ctx.Err() != nil:
		s.console.Line(console.Note, step.Name, "interrupted; resumes here", time.Since(started))
	case err != nil:
		said := strings.TrimPrefix(firstLine(err), step.Name+": ") // the line begins with the step's name already
		s.console.Line(console.Fail, step.Name, said, time.Since(started))
	case decision.Run:
		s.console.Line(console.OK, step.Name, result, time.Since(started))
	default:
		s.console.Line(console.Skip, step.Name, decision.Cause, 0)
	}
	return decision, err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// explain makes the failure of a step say what runs now and what to do next.
func (s *session) explain(ctx context.Context, step string, err error) error {
	var record *checkpoints.RecordError
	if errors.As(err, &record) {
		return fail(ctx, exitRefused, fmt.Errorf("deploy: %w", err))
	}
	resume := fmt.Sprintf("%s   (resumes at %s)", command("deploy"), step)
	var script *scriptError
	if ctx.Err() != nil && !errors.As(err, &script) {
		return fail(ctx, exitInterrupted, fmt.Errorf("deploy: %s: interrupted%s", step, s.running(ctx)), resume)
	}
	hints := s.advice(err)
	for _, unwell := range unwellIn(err) {
		hints = append(hints, unwell.hint())
	}
	hints = append(append(hints, "fix it and run: "+resume), s.wayBack(ctx, step)...)
	failed := fail(ctx, exitFailed, fmt.Errorf("deploy: %w", err), hints...)
	if failed.now == "" {
		failed.now = s.running(ctx)
	}
	return failed
}

// wayBack names the backup from before a migration that has failed, or that this run has done before its rollout failed.
func (s *session) wayBack(ctx context.Context, step string) []string {
	var before backup.Backup
	var found bool
	var err error
	switch step {
	case "migrate":
		before, found, err = s.standing(context.WithoutCancel(ctx))
	case "rollout":
		before, found, err = s.backups().Of(s.run.ID())
	}
	if err != nil || !found {
		return nil
	}
	return []string{fmt.Sprintf("back to the data from before the migration, of %s: %s -backup=%s", stamp(before.Time), command("restore"), before.ID)}
}

// running says what of the stack is up, looked at now.
func (s *session) running(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	containers, err := s.project.Containers(ctx)
	if err != nil {
		return "\n  running now: unknown: " + firstLine(err)
	}
	var up []string
	for _, c := range containers {
		if c.Status == "running" {
			up = append(up, c.Name)
		}
	}
	if len(up) == 0 {
		return "\n  running now: nothing of this stack"
	}
	return "\n  running now: " + strings.Join(up, ", ")
}
