package targets

import (
	"context"

	"slipway/checkpoints"
)

// Run runs a step of your own, from a target in your magefile, under the rules of the built-in steps.
//
// It is skipped when it is done, unchanged and still holds; it is recorded before and after the work; one run at a time
// holds the stack; its errors and its result are redacted. A failure ends the target with exit 4, a held lock with 11.
// Package checkpoints has the inputs: files, globs, values, keys of the environment, other steps (After).
func Run(ctx context.Context, step checkpoints.Step) error {
	if err := checkStep(step); err != nil {
		return refuse(ctx, err)
	}
	return enter(ctx, step.Name, true, flags{}, func(ctx context.Context, s *session) error {
		if _, err := s.do(ctx, step); err != nil {
			return fail(ctx, exitFailed, err, "fix it and run the target again; "+command("status"))
		}
		return nil
	})
}
