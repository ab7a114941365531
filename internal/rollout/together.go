package rollout

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"slipway/internal/compose"
)

// Clear gets out of the way what a stage says. Each act leaves whole containers and can be repeated; volumes stay.
func Clear(ctx context.Context, acts Acts, model *compose.Model, stage Stage) error {
	if err := Prune(ctx, acts, stage.Remove); err != nil {
		return err
	}
	all, err := acts.Containers(ctx)
	if err != nil {
		return err
	}
	var stopped, aside []string
	for _, name := range stage.Stop {
		running, _ := split(Of(name, all), alive)
		if err := preStop(ctx, acts, model.Services[name], running...); err != nil {
			return err
		}
		stopped = append(stopped, ids(running)...)
	}
	for _, name := range stage.Aside {
		aside = append(aside, ids(Of(name, all))...)
	}
	for _, act := range []struct {
		step string
		args []string
	}{{"halt", stopped}, {"aside", aside}, {"unlink", stage.Networks}} {
		if len(act.args) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before %q: %w", act.step, err)
		}
		if err := acts.Script(ctx, act.step, act.args...); err != nil {
			return err
		}
	}
	return nil
}

// StartAll starts services of which no container runs, in one act: several `docker compose up` at once
// would race for the project's networks. It does not wait: Service, called for each afterwards, finds the
// containers it wants, and waits. Services that have running containers, and those without replicas, are
// left to Service too.
func StartAll(ctx context.Context, acts Acts, origins *Origins, targets []Target) error {
	if err := origins.Begin(); err != nil {
		return err
	}
	all, err := acts.Containers(ctx)
	if err != nil {
		return err
	}
	var fresh, renewed []string
	for _, target := range targets {
		name := target.Service.Name
		found := Of(name, all)
		if slices.ContainsFunc(found, alive) || target.Service.Replicas() == 0 {
			continue
		}
		r := &roll{acts: acts, origins: origins, target: target}
		if err := r.prepare(ctx, all); err != nil {
			return fmt.Errorf("service %q: %w", name, err)
		}
		current, old := split(found, r.current)
		if len(old) == 0 && len(current) > 0 && !slices.ContainsFunc(current, func(c compose.Container) bool { return !settled(target.Service, c) && !r.past.Ended }) {
			continue
		}
		if err := r.begin(found); err != nil {
			return fmt.Errorf("service %q: %w", name, err)
		}
		if len(old) > 0 {
			renewed = append(renewed, name, strconv.Itoa(target.Service.Replicas()))
		} else {
			fresh = append(fresh, name)
		}
	}
	if len(fresh)+len(renewed)/2 < 2 {
		return nil // one alone is started by Service itself
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before the services were started: %w", err)
	}
	if len(renewed) > 0 {
		if err := acts.Script(ctx, "renew", renewed...); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return acts.Script(ctx, "start", fresh...)
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
