package targets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/internal/console"
)

// Down stops the stack and removes its containers and networks. Every volume is kept.
//
// The next deploy finds the containers gone and runs the rollout again; the data is still there. Exit 3 while a job runs, such
// as the migration of a run that was killed, 4 when Docker refuses, 11 while a deployment holds the lock.
func Down(ctx context.Context) error {
	return enter(ctx, "down", true, flags{}, func(ctx context.Context, s *session) error {
		started := time.Now()
		err := s.script(ctx, "deploy.sh", "down")
		if said := refusal(err); said != "" {
			return refuse(ctx, errors.New("down: "+said))
		}
		if err != nil {
			return fail(ctx, exitFailed, fmt.Errorf("down: %w", err), s.advice(err)...)
		}
		s.console.Line(console.OK, "down", "stopped; every volume is kept", time.Since(started))
		return nil
	})
}
