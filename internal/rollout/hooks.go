package rollout

import (
	"context"
	"fmt"

	"slipway/internal/compose"
)

// preStop runs the pre_stop hooks of a service in those of its containers that run and are about to be stopped. A run that
// is killed between hook and stop has it run again.
func preStop(ctx context.Context, acts Acts, service compose.Service, containers ...compose.Container) error {
	running, _ := split(containers, func(c compose.Container) bool { return c.Status == "running" })
	if len(service.PreStop) == 0 || len(running) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before the pre_stop hooks of %s: %w", service.Name, err)
	}
	return acts.Script(ctx, "hooks", append([]string{service.Name}, ids(running)...)...)
}
