package rollout

import (
	"context"
	"fmt"

	"slipway/internal/compose"
)

// replace serves the methods start and replace: Compose creates the new container, stops the old one,
// and starts the new one, in this order, so that the gap is the old one's stop and the new one's start.
func (r *roll) replace(ctx context.Context, found []compose.Container) (string, error) {
	service := r.target.Service
	found, err := r.heal(ctx, found)
	if err != nil {
		return "", err
	}
	current, old := split(found, r.current)
	settled, unsettled := split(current, func(c compose.Container) bool {
		return settled(service, c) || r.past.Ended && c.Status == "exited" && c.ExitCode == 0
	})

	var result string
	switch {
	case len(found) == 0:
		result = fmt.Sprintf("%d started", service.Replicas())
		err = r.act(ctx, "up", found)
	case len(old) > 0:
		// Compose's own hash knows nothing of the contents of mounted files, so a plain `up` would
		// leave a container with the old ones alone.
		result = fmt.Sprintf("%d replaced", service.Replicas())
		r.note("replace")
		err = r.act(ctx, "renew", found)
	case len(current) != service.Replicas() || len(unsettled) > 0:
		// Those of the right version stay, whatever the installed Compose thinks of a hash that another one wrote.
		result = changed(service.Replicas(), len(settled))
		err = r.act(ctx, "beside", found)
	default:
		result = "already as wanted"
	}
	if err != nil {
		return "", err
	}
	if err := r.wait(ctx, nil); err != nil {
		return "", err
	}
	return result, r.reload(ctx, found)
}

func (r *roll) act(ctx context.Context, step string, found []compose.Container) error {
	if err := r.begin(found); err != nil {
		return err
	}
	return r.compose(ctx, step, r.target.Service.Replicas())
}

// heal removes what an interrupted recreate left beside the container it was to replace. A leftover
// that is alone is kept: it may be the last holder of the service's anonymous volumes, and Compose
// hands these on when it recreates it under its right name.
func (r *roll) heal(ctx context.Context, found []compose.Container) ([]compose.Container, error) {
	names := map[string]bool{}
	for _, c := range found {
		names[c.Name] = true
	}
	waste, rest := split(found, func(c compose.Container) bool {
		original, left := leftover(r.target.Service, c)
		return left && names[original] && c.Status != "running"
	})
	if len(waste) == 0 {
		return found, nil
	}
	r.note("heal an interrupted recreate")
	return rest, r.retire(ctx, waste)
}

// changed says in words how a number of containers became another.
func changed(wanted, had int) string {
	switch {
	case had < wanted:
		return fmt.Sprintf("%d of %d started", wanted-had, wanted)
	default:
		return fmt.Sprintf("%d removed, %d run", had-wanted, wanted)
	}
}
