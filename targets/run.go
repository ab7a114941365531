package targets

import (
	"context"

	"slipway/checkpoints"
)

// run is slipway.Run.
func run(ctx context.Context, step checkpoints.Step) error {
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
