package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slipway/internal/compose"
)

// surge starts the new containers beside the old ones, waits until they are well, and only then
// retires the old ones, one by one. A new one that fails is removed; the old ones are never stopped.
func (r *roll) surge(ctx context.Context, found []compose.Container) (string, error) {
	service := r.target.Service
	if err := r.begin(found); err != nil {
		return "", err
	}
	// What does not run serves nobody, and Compose would start it again with the others.
	alive, dead := split(found, alive)
	if err := r.retire(ctx, dead); err != nil {
		return "", err
	}
	keep, old := split(alive, r.current)
	slices.SortStableFunc(keep, func(a, b compose.Container) int { return a.Number - b.Number })
	if len(keep) > 0 && len(old) > 0 {
		// An earlier run started these and did not live to see whether they are well.
		if err := r.prove(ctx, keep, old); err != nil {
			return "", err
		}
	}
	added := max(0, service.Replicas()-len(keep))
	if added > 0 {
		if err := r.add(ctx, keep, old, added); err != nil {
			return "", err
		}
	}
	excess := keep[min(len(keep), service.Replicas()):]
	leaving := append(old, excess...)
	if len(leaving) > 0 {
		// Before they go, for a proxy that knows their addresses only; and after, for it would go on asking them.
		if err := r.reload(ctx, found); err != nil {
			return "", err
		}
	}
	if err := r.retire(ctx, leaving); err != nil {
		return "", err
	}
	if err := r.reload(ctx, found); err != nil {
		return "", err
	}
	if len(old) == 0 && added == 0 && len(excess) == 0 {
		return "already as wanted", r.wait(ctx, nil)
	}
	if len(old) == 0 {
		return changed(service.Replicas(), len(keep)), nil
	}
	return fmt.Sprintf("%d replaced, none before its successor was ready", len(old)), nil
}

// add starts a number of new containers beside those that are there and waits for them.
func (r *roll) add(ctx context.Context, keep, old []compose.Container, added int) error {
	there := len(keep) + len(old)
	r.note(fmt.Sprintf("start %d beside %d", added, there))
	acted := r.compose(ctx, "beside", there+added)
	if errors.Is(acted, context.Canceled) || errors.Is(acted, context.DeadlineExceeded) {
		return acted
	}
	found, err := r.look(ctx)
	if err != nil {
		return errors.Join(acted, err)
	}
	before := append(ids(keep), ids(old)...)
	_, fresh := split(found, func(c compose.Container) bool { return slices.Contains(before, c.ID) })
	if acted != nil {
		return r.fallBack(ctx, fresh, old, acted)
	}
	if len(fresh) < added {
		return r.fallBack(ctx, fresh, old, fmt.Errorf("%d of %d new containers appeared", len(fresh), added))
	}
	return r.prove(ctx, fresh, old)
}

// prove waits for new containers and falls back to the old ones when they fail.
func (r *roll) prove(ctx context.Context, fresh, old []compose.Container) error {
	wanted := ids(fresh)
	if len(old) == 0 { // nobody is retired for them
		wanted = nil
	}
	if err := r.wait(ctx, wanted); err != nil {
		return r.fallBack(ctx, fresh, old, err)
	}
	return nil
}

// fallBack removes new containers that failed, if there are old ones that serve. Without old ones the
// failed ones stay, for the operator to look at.
func (r *roll) fallBack(ctx context.Context, fresh, old []compose.Container, cause error) error {
	if ctx.Err() != nil || len(old) == 0 {
		return cause
	}
	if err := r.retire(ctx, fresh); err != nil {
		return errors.Join(cause, err)
	}
	found, err := r.look(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	var own *named
	if !errors.As(cause, &own) {
		cause = &named{fmt.Errorf("service %q: %w", r.target.Service.Name, cause)}
	}
	before := ids(old)
	serving, _ := split(found, func(c compose.Container) bool { return alive(c) && slices.Contains(before, c.ID) })
	if len(serving) < len(old) {
		return fmt.Errorf("%d of %d old containers still run: %w", len(serving), len(old), cause)
	}
	return fmt.Errorf("%w: %w", ErrStillServes, cause)
}

// alive tells whether a container serves, or may the next moment.
func alive(c compose.Container) bool {
	return c.Status == "running" || c.Status == "restarting" || c.Status == "paused"
}
