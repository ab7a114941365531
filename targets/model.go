package targets

import (
	"context"
	"fmt"
	"maps"
	"slices"

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
		s.learn(model, nil)
	}
	if err := s.fill(model); err != nil {
		return nil, refuse(ctx, err)
	}
	if err := s.dest.Database.checkModel(model); err != nil {
		return nil, refuse(ctx, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resolved = model; s.judged != model {
		s.engine = s.engine.next() // what is known of it was asked for another model
	}
	return model, nil
}

// fill takes over what a model tells of the destination: before config has run, with stand-ins; then as it is.
func (s *session) fill(model *compose.Model) error {
	if s.filled == model {
		return nil
	}
	filled, err := s.told.Filled(model.Project)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dest, s.filled = of(filled), model
	if err := s.dest.Database.check(); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// serviceNames are the services and jobs of the files, those of profiles that are off too.
func (s *session) serviceNames(ctx context.Context) ([]string, error) {
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(model.Known())), nil
}
