package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"slipway/internal/compose"
)

// stopFirst serves the orders start and stop-first: Compose creates the new container, stops the old one,
// and starts the new one, in this order, so that the gap is the old one's stop and the new one's start.
func (r *roll) stopFirst(ctx context.Context, found []compose.Container) (string, error) {
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
	case r.staggers(current, old):
		result, err = r.stagger(ctx, current, old)
	case len(old) > 0:
		// Compose's own hash knows nothing of the contents of mounted files, so a plain `up` would
		// leave a container with the old ones alone.
		result = fmt.Sprintf("%d replaced", service.Replicas())
		r.note("replace")
		if err = preStop(ctx, r.acts, service, found...); err == nil {
			err = r.act(ctx, "renew", found)
		}
	case len(current) != service.Replicas() || len(unsettled) > 0:
		// Those of the right version stay, whatever the installed Compose thinks of a hash that another one wrote.
		result = changed(service.Replicas(), len(settled))
		if surplus := r.surplus(current); len(surplus) > 0 { // Compose would stop them without their hooks
			if err = r.begin(found); err == nil {
				err = r.retire(ctx, surplus)
			}
		}
		if err == nil {
			err = r.act(ctx, "beside", found)
		}
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

// staggers reports whether some containers can serve while others are replaced. Only a recreate hands an anonymous
// volume on, and Compose recreates all containers of a service together; it runs no pre_start hook for one that it adds to others.
func (r *roll) staggers(current, old []compose.Container) bool {
	running, _ := split(slices.Concat(current, old), alive)
	return len(running) > parallelism(r.target.Service, StopFirst) && len(current) < r.target.Service.Replicas() &&
		anonymous(slices.Concat(current, old)) == "" && !r.target.Service.OneShot && len(r.target.Service.PreStart) == 0
}

// stagger replaces containers a few at a time, while the others serve. One that fails stays, to be looked at, and the old ones
// whose turn had not come run on.
func (r *roll) stagger(ctx context.Context, current, old []compose.Container) (string, error) {
	found := slices.Concat(current, old)
	if err := r.begin(found); err != nil {
		return "", err
	}
	old, dead := split(old, alive) // Compose would start what does not run
	current, gone := split(current, alive)
	excess := min(max(0, len(current)+len(old)-r.target.Service.Replicas()), len(old))
	slices.SortStableFunc(old, func(a, b compose.Container) int { // what does not serve goes first
		return cmp.Or(cmp.Compare(serves(a), serves(b)), a.Number-b.Number)
	})
	if err := r.remove(ctx, slices.Concat(dead, gone)...); err != nil {
		return "", err
	}
	if err := r.retire(ctx, old[:excess]); err != nil {
		return "", err
	}
	old = old[excess:]
	if len(current) > 0 { // an earlier run started these and did not live to see whether they are well
		if err := r.wait(ctx, ids(current)); err != nil {
			return "", r.standing(ctx, old, err)
		}
	}
	atATime := parallelism(r.target.Service, StopFirst)
	for len(current) < r.target.Service.Replicas() {
		lacking := r.target.Service.Replicas() - len(current) - len(old) // as many can come before one has to go
		leaving := old[:min(max(0, atATime-lacking), len(old))]
		old = old[len(leaving):]
		if err := r.retire(ctx, leaving); err != nil {
			return "", err
		}
		there := slices.Concat(current, old)
		fresh, err := r.beside(ctx, there, min(atATime, r.target.Service.Replicas()-len(there)))
		if err == nil {
			err = r.wait(ctx, ids(fresh))
		}
		if err != nil {
			return "", r.standing(ctx, old, err)
		}
		current = append(current, fresh...)
		if len(current) == r.target.Service.Replicas() {
			break
		}
		if err := r.reload(ctx, found); err != nil {
			return "", err
		}
		if err := r.pause(ctx); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d replaced, %d at a time", r.target.Service.Replicas(), atATime), nil
}

// surplus are the containers that a service is not to have any more: those that do not run, then the newest.
func (r *roll) surplus(current []compose.Container) []compose.Container {
	sorted := slices.SortedFunc(slices.Values(current), func(a, b compose.Container) int {
		return cmp.Or(cmp.Compare(serves(b), serves(a)), a.Number-b.Number)
	})
	return sorted[min(len(sorted), r.target.Service.Replicas()):]
}

// serves is 1 for a container that runs, and 0 for one that is only about to.
func serves(c compose.Container) int {
	if c.Status == "running" {
		return 1
	}
	return 0
}

// standing is why a service was not replaced as a whole, with how many of its old containers still run.
func (r *roll) standing(ctx context.Context, old []compose.Container, cause error) error {
	if ctx.Err() != nil || len(old) == 0 {
		return cause
	}
	serving, err := r.serving(ctx, old)
	if err != nil {
		return errors.Join(cause, err)
	}
	return &named{fmt.Errorf("%d of %d containers were not replaced and still run: %w", serving, r.target.Service.Replicas(), r.naming(cause))}
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
	waste, rest := r.waste(found)
	if len(waste) == 0 {
		return found, nil
	}
	r.note("heal an interrupted recreate")
	return rest, r.remove(ctx, waste...)
}

// waste parts what an interrupted recreate left beside its original from the rest.
func (r *roll) waste(found []compose.Container) (waste, rest []compose.Container) {
	names := map[string]bool{}
	for _, c := range found {
		names[c.Name] = true
	}
	return split(found, func(c compose.Container) bool {
		original, left := leftover(r.target.Service, c)
		return left && names[original] && c.Status != "running"
	})
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
