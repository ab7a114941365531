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
	"slipway/internal/rollout"
)

// Plan prints each step of a deployment: skip or run, and the cause. What it says would run is what runs next.
//
// Of each service that would be touched it says which containers are replaced, in which order and why in that one, and what has to be
// stopped or removed for it, unless an image is still to be pulled or built.
//
// It changes nothing and needs no lock. -json prints the same to stdout as
// {"project":…,"destination":…,"steps":[{"step":…,"run":true,"cause":…,"state":…,"result":…,"first":[…],"operation":
// {"replace":[…],"remove":[…],"start":1,"order":…,"why":…}}]}. Exit 3 when it cannot tell: a record that is
// corrupt, compose files that do not resolve. -exit ends with 0 where no step would run, and with 12 where one would, for CI.
func Plan(ctx context.Context, json, exit *bool) error {
	return enter(ctx, "plan", false, flags{json: json, exit: exit}, func(ctx context.Context, s *session) error {
		decisions, err := s.store.Plan(ctx, s.steps())
		if err != nil {
			return refuse(ctx, fmt.Errorf("plan: %w", err))
		}
		steps, err := s.withServices(ctx, decisions)
		if err != nil {
			return refuse(ctx, fmt.Errorf("plan: %w", err))
		}
		if s.options.json {
			err = s.console.JSON(planned{Project: s.project.Name, Destination: s.dest.Name, Steps: steps})
		} else {
			err = s.printPlan(ctx, steps)
		}
		if runs := stepsThatRun(steps); err == nil && s.options.exit && runs > 0 {
			return fail(ctx, exitChanges, fmt.Errorf("plan: %s would run", console.Count(runs, "step")), command("deploy"))
		}
		return err
	})
}

func (s *session) printPlan(ctx context.Context, steps []plannedStep) error {
	for _, step := range steps {
		word := console.Skip
		if step.Run {
			word = console.Run
		}
		for _, line := range step.First {
			s.console.Table(console.Note, "rollout", line)
		}
		s.console.Table(word, step.Step, strings.TrimSuffix(step.Cause+": "+step.Operation.String(), ": "))
	}
	return s.planUpgraded(ctx)
}

func stepsThatRun(steps []plannedStep) int {
	count := 0
	for _, step := range steps {
		if step.Run {
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
	Project     string        `json:"project"`
	Destination string        `json:"destination"`
	Steps       []plannedStep `json:"steps"`
}

// plannedStep is a step with what it does to containers, where that is the step of a service.
type plannedStep struct {
	checkpoints.Decision
	First     []string          `json:"first,omitempty"` // what has to be out of the way
	Operation rollout.Operation `json:"operation,omitzero"`
}

// withServices puts the decision about each service after that about the rollout, where the rollout runs and what it
// does can be known: not while the images it needs are still to be built.
func (s *session) withServices(ctx context.Context, decisions []checkpoints.Decision) ([]plannedStep, error) {
	var all []plannedStep
	building := false
	for _, d := range decisions {
		all = append(all, plannedStep{Decision: d})
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
		services, err := s.planServices(ctx, view, stages)
		if err != nil {
			return nil, err
		}
		all = append(all, services...)
	}
	return all, nil
}

// planServices decides about each service of a rollout, and foresees what is done with its containers.
func (s *session) planServices(ctx context.Context, v view, stages []rollout.Stage) ([]plannedStep, error) {
	var steps []checkpoints.Step
	var names []string
	first, stopped := map[string][]string{}, map[string]bool{}
	for _, stage := range stages {
		first[stage.Services[0]] = stage.Way()
		for _, name := range stage.Stop {
			stopped[name] = true
		}
		for _, name := range stage.Services {
			names, steps = append(names, name), append(steps, s.serviceStep(v, name))
		}
	}
	decisions, err := s.store.Plan(ctx, steps)
	if err != nil {
		return nil, err
	}
	planned := make([]plannedStep, len(decisions))
	for i, d := range decisions {
		planned[i] = plannedStep{Decision: d, First: first[names[i]]}
		if !d.Run {
			continue
		}
		target, err := s.targetOf(v, names[i])
		if err != nil {
			return nil, err
		}
		if planned[i].Operation, err = rollout.Foresee(ctx, s.acts(), s.origins(), target, stopped[names[i]]); err != nil {
			return nil, err
		}
	}
	return planned, nil
}
