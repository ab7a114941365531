package targets

import (
	"context"

	"slipway/internal/compose"
	"slipway/internal/health"
	"slipway/internal/rollout"
)

// startTogether starts the services of a group that have no containers yet in one act.
func (s *session) startTogether(ctx context.Context, v view, origins *rollout.Origins, group []string) error {
	var targets []rollout.Target
	for _, name := range group {
		service := v.model.Services[name]
		inputs, err := rollout.Inputs(s.project, v.model, name, v.images[service.Image])
		if err != nil {
			return err
		}
		targets = append(targets, rollout.Target{Service: service, ImageID: v.images[service.Image], Inputs: inputs})
	}
	return rollout.StartAll(ctx, s.acts(), origins, targets)
}

// awaitTogether waits once for all services of a group that was started together: a wait for each would ask about all
// containers as often as there are services.
func (s *session) awaitTogether(ctx context.Context, model *compose.Model, group []string) error {
	containers, err := s.containers(ctx)
	if err != nil {
		return err
	}
	expected := health.Expected(model)
	wanted := map[string]health.Expect{}
	for _, name := range group {
		if len(rollout.Of(name, containers)) > 0 { // else it was left to a step of its own
			wanted[name] = expected[name]
		}
	}
	if err := s.awaitAll(ctx, model, wanted); err != nil {
		return err
	}
	well := map[string]bool{}
	for name := range wanted {
		well[name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.well = well
	return nil
}
