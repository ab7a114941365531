package rollout

import (
	"context"
	"fmt"

	"slipway/internal/compose"
)

// StartAll starts services that have no containers yet, in one act: several `docker compose up` at once
// would race for the project's networks. It does not wait: Service, called for each afterwards, finds the
// containers it wants, and waits. Services that have containers by now, and those without replicas, are
// left to Service too.
func StartAll(ctx context.Context, acts Acts, origins *Origins, targets []Target) error {
	all, err := acts.Containers(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, target := range targets {
		if len(Of(target.Service.Name, all)) > 0 || target.Service.Replicas == 0 {
			continue
		}
		r := &roll{acts: acts, origins: origins, target: target}
		if err := r.prepare(all); err != nil {
			return fmt.Errorf("service %q: %w", target.Service.Name, err)
		}
		if err := r.begin(nil); err != nil {
			return fmt.Errorf("service %q: %w", target.Service.Name, err)
		}
		names = append(names, target.Service.Name)
	}
	if len(names) < 2 {
		return nil // one alone is started by Service itself
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before the services were started: %w", err)
	}
	return acts.Script(ctx, "start", names...)
}

// Prune removes orphans, one by one. Their volumes stay.
func Prune(ctx context.Context, acts Acts, orphans []compose.Container) error {
	for _, c := range orphans {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before orphan %s was removed: %w", c.Name, err)
		}
		if err := acts.Script(ctx, "retire", c.ID); err != nil {
			return fmt.Errorf("remove orphan %s: %w", c.Name, err)
		}
	}
	return nil
}
