package targets

import (
	"context"

	"slipway/internal/compose"
	"slipway/internal/health"
	"slipway/internal/rollout"
)

// startTogether starts the services of a stage of which nothing runs in one act.
func (s *session) startTogether(ctx context.Context, v view, group []string) error {
	var targets []rollout.Target
	for _, name := range group {
		target, err := s.targetOf(v, name)
		if err != nil {
			return err
		}
		targets = append(targets, target)
	}
	return rollout.StartAll(ctx, s.acts(), s.origins(), targets)
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
