package targets

import (
	"context"
	"fmt"
)

// follow writes down which steps follow which, and which services, before any of them acts: what one does from here on
// counts for those that follow it, even if this run does not live to come to them.
func (s *session) follow(ctx context.Context) error {
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	containers, err := s.containers(ctx)
	if err != nil {
		return err
	}
	steps := s.steps()
	for _, service := range model.Up() {
		if err := s.origins().Follow(service, containers); err != nil {
			return fmt.Errorf("rollout: %w", err)
		}
		steps = append(steps, s.serviceStep(view{model: model, containers: containers}, service.Name))
	}
	return s.store.Follow(s.lock, steps)
}
