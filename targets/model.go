package targets

import (
	"context"
	"fmt"

	"slipway/internal/compose"
)

// model is the stack as Compose resolves it, asked for once: the files do not change under a run, and if they did, a
// run that began with one description must not end with another.
func (s *session) model(ctx context.Context) (*compose.Model, error) {
	s.mu.Lock()
	known := s.resolved
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	model := s.offered()
	if model == nil {
		var err error
		if model, err = s.project.Model(ctx); err != nil {
			return nil, fmt.Errorf("compose files: %w", err)
		}
	}
	s.mu.Lock()
	s.resolved = model
	s.mu.Unlock()
	return model, nil
}
