package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/internal/compose"
)

// startFirst starts new containers beside the old ones, waits until they are well, and only then retires the old ones, one by
// one; as many at a time as the service says. A new one that fails is removed; the old ones are never stopped for it.
func (r *roll) startFirst(ctx context.Context, found []compose.Container) (string, error) {
	service := r.target.Service
	if err := r.begin(found); err != nil {
		return "", err
	}
	// What does not run serves nobody, and Compose would start it again with the others.
	alive, dead := split(found, alive)
	if err := r.remove(ctx, dead...); err != nil {
		return "", err
	}
	keep, old := split(alive, r.current)
	slices.SortStableFunc(keep, func(a, b compose.Container) int { return a.Number - b.Number })
	had, replaced := len(keep), len(old)
	if had > 0 && replaced > 0 {
		// An earlier run started these and did not live to see whether they are well.
		if err := r.wait(ctx, ids(keep)); err != nil {
			if replaced < service.Replicas() { // some of these serve in the place of old ones that are gone
				return "", r.standing(ctx, old, err)
			}
			return "", r.fallBack(ctx, keep, old, err)
		}
	}
	atATime := parallelism(service, StartFirst)
	for len(keep) < service.Replicas() {
		fresh, err := r.add(ctx, keep, old, min(atATime, service.Replicas()-len(keep)))
		if err != nil {
			return "", err
		}
		keep = append(keep, fresh...)
		if len(keep) == service.Replicas() {
			break
		}
		leaving := old[:min(len(fresh), len(old))]
		old = old[len(leaving):]
		if err := r.handOver(ctx, found, leaving); err != nil {
			return "", err
		}
		if err := r.pause(ctx); err != nil {
			return "", err
		}
	}
	excess := keep[service.Replicas():]
	if err := r.handOver(ctx, found, append(old, excess...)); err != nil {
		return "", err
	}
	switch {
	case replaced > 0:
		return fmt.Sprintf("%d replaced, none before its successor was ready", replaced), nil
	case had == service.Replicas():
		return "already as wanted", r.wait(ctx, nil)
	}
	return changed(service.Replicas(), had), nil
}

// handOver retires containers whose successors are well. Proxies that know their addresses only are told before they go; and
// after, for they would go on asking them.
func (r *roll) handOver(ctx context.Context, found, leaving []compose.Container) error {
	if len(leaving) > 0 {
		if err := r.reload(ctx, found); err != nil {
			return err
		}
	}
	if err := r.retire(ctx, leaving); err != nil {
		return err
	}
	return r.reload(ctx, found)
}

// add starts a number of new containers beside those that are there and waits for them.
func (r *roll) add(ctx context.Context, keep, old []compose.Container, added int) ([]compose.Container, error) {
	r.note(fmt.Sprintf("start %d beside %d", added, len(keep)+len(old)))
	fresh, err := r.beside(ctx, slices.Concat(keep, old), added)
	if err != nil {
		return nil, r.fallBack(ctx, fresh, old, err)
	}
	return fresh, r.prove(ctx, fresh, old)
}

// beside starts a number of new containers beside those that are there, and returns them.
func (r *roll) beside(ctx context.Context, there []compose.Container, added int) ([]compose.Container, error) {
	acted := r.compose(ctx, "beside", len(there)+added)
	if errors.Is(acted, context.Canceled) || errors.Is(acted, context.DeadlineExceeded) {
		return nil, acted
	}
	found, err := r.look(ctx)
	if err != nil {
		return nil, errors.Join(acted, err)
	}
	before := ids(there)
	_, fresh := split(found, func(c compose.Container) bool { return slices.Contains(before, c.ID) })
	if acted == nil && len(fresh) < added {
		acted = fmt.Errorf("%d of %d new containers appeared", len(fresh), added)
	}
	return fresh, acted
}

// pause waits for as long as deploy.update_config.delay says.
func (r *roll) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("stopped before the next containers were replaced: %w", ctx.Err())
	case <-time.After(time.Duration(updateConfig(r.target.Service).Delay)):
		return nil
	}
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
	if err := r.remove(ctx, fresh...); err != nil {
		return errors.Join(cause, err)
	}
	serving, err := r.serving(ctx, old)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case serving < len(old):
		return fmt.Errorf("%d of %d old containers still run: %w", serving, len(old), r.naming(cause))
	}
	return fmt.Errorf("%w: %w", ErrStillServes, r.naming(cause))
}

// serving is how many of these containers run, as the engine says now.
func (r *roll) serving(ctx context.Context, old []compose.Container) (int, error) {
	found, err := r.look(ctx)
	before := ids(old)
	serving, _ := split(found, func(c compose.Container) bool { return alive(c) && slices.Contains(before, c.ID) })
	return len(serving), err
}

// naming is an error whose text names the service.
func (r *roll) naming(cause error) error {
	var own *named
	if errors.As(cause, &own) {
		return cause
	}
	return &named{fmt.Errorf("service %q: %w", r.target.Service.Name, cause)}
}

// alive tells whether a container serves, or may the next moment.
func alive(c compose.Container) bool {
	return c.Status == "running" || c.Status == "restarting" || c.Status == "paused"
}
