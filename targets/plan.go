package targets

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
)

// Plan prints each step of a deployment: skip or run, and the cause. What it says would run is what runs next.
//
// It changes nothing and needs no lock. -json prints the same to stdout as
// {"project":…,"destination":…,"steps":[{"step":…,"run":true,"cause":…,"state":…,"result":…}]}. Exit 3 when it cannot tell: a record that is
// corrupt, compose files that do not resolve. -exit ends with 0 where no step would run, and with 12 where one would, for CI.
func Plan(ctx context.Context, json, exit *bool) error {
	return enter(ctx, "plan", false, flags{json: json, exit: exit}, func(ctx context.Context, s *session) error {
		decisions, err := s.store.Plan(ctx, s.steps())
		if err != nil {
			return refuse(ctx, fmt.Errorf("plan: %w", err))
		}
		decisions, err = s.withServices(ctx, decisions)
		if err != nil {
			return refuse(ctx, fmt.Errorf("plan: %w", err))
		}
		if s.options.json {
			err = s.console.JSON(planned{Project: s.project.Name, Destination: s.dest.Name, Steps: decisions})
		} else {
			err = s.printPlan(ctx, decisions)
		}
		if runs := stepsThatRun(decisions); err == nil && s.options.exit && runs > 0 {
			return fail(ctx, exitChanges, fmt.Errorf("plan: %s would run", console.Count(runs, "step")), command("deploy"))
		}
		return err
	})
}

func (s *session) printPlan(ctx context.Context, decisions []checkpoints.Decision) error {
	for _, d := range decisions {
		word := console.Skip
		if d.Run {
			word = console.Run
		}
		s.console.Table(word, d.Step, d.Cause)
	}
	return s.planUpgraded(ctx)
}

func stepsThatRun(decisions []checkpoints.Decision) int {
	count := 0
	for _, d := range decisions {
		if d.Run {
			count++
		}
	}
	return count
}

// planUpgraded says which containers another Compose made than the one that is here. Its `up` may make them anew, since each
// Compose has a hash of its own; Slipway compares what they were made from.
func (s *session) planUpgraded(ctx context.Context) error {
	containers, err := s.containers(ctx)
	if err != nil {
		return err
	}
	here, err := s.versions()
	if err != nil || here.Compose == "" {
		return nil //nolint:nilerr // who needs the versions says that they are not known
	}
	by := map[string][]string{}
	for _, c := range containers {
		if made := c.Labels[compose.VersionLabel]; made != "" && made != here.Compose && !c.OneOff && !slices.Contains(by[made], c.Service) {
			by[made] = append(by[made], c.Service)
		}
	}
	for _, made := range slices.Sorted(maps.Keys(by)) {
		slices.Sort(by[made])
		s.console.Table(console.Note, "compose", fmt.Sprintf("%s: made by Compose %s, and %s is here; that alone replaces nothing", strings.Join(by[made], ", "), made, here.Compose))
	}
	return nil
}

// planned is what `mage plan -json` prints.
type planned struct {
	Project     string                 `json:"project"`
	Destination string                 `json:"destination"`
	Steps       []checkpoints.Decision `json:"steps"`
}

// withServices puts the decision about each service after that about the rollout, where the rollout runs and what it
// does can be known: not while the images it needs are still to be built.
func (s *session) withServices(ctx context.Context, decisions []checkpoints.Decision) ([]checkpoints.Decision, error) {
	var all []checkpoints.Decision
	building := false
	for _, d := range decisions {
		all = append(all, d)
		building = building || d.Run && (d.Step == "pull" || d.Step == "build")
		if d.Step != "rollout" || !d.Run || building {
			continue
		}
		view, err := s.view(ctx)
		if err != nil {
			return nil, err
		}
		stages, err := s.stages(ctx, view)
		if err != nil {
			return nil, err
		}
		var steps []checkpoints.Step
		for _, stage := range stages {
			for _, name := range stage.Services {
				steps = append(steps, s.serviceStep(view, name))
			}
		}
		services, err := s.store.Plan(ctx, steps)
		if err != nil {
			return nil, err
		}
		all = append(all, services...)
	}
	return all, nil
}
