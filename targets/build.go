package targets

import (
	"context"

	"slipway/checkpoints"
	"slipway/internal/buildinput"
	"slipway/internal/compose"
	"slipway/internal/console"
)

// build builds the images whose contexts are in this checkout.
func (s *session) build() checkpoints.Step {
	return checkpoints.Step{
		Name: "build",
		Skip: func(ctx context.Context) (string, error) {
			services, err := s.built(ctx)
			if err == nil && len(services) == 0 {
				return "no service is built here", nil
			}
			return "", err
		},
		Inputs: func(ctx context.Context) ([]checkpoints.Input, error) {
			services, err := s.built(ctx)
			if err != nil {
				return nil, err
			}
			model, err := s.model(ctx)
			if err != nil {
				return nil, err
			}
			inputs, err := buildinput.Inputs(model.Project, names(services), model.Root, s.store.Dir())
			if err != nil {
				return nil, err
			}
			here, err := s.images(ctx)
			for _, service := range services { // somebody else may have built or tagged another one since
				inputs = append(inputs, checkpoints.Outcome("image "+service.Image, here[service.Image].Content))
			}
			return inputs, err
		},
		Holds: func(ctx context.Context) (string, error) {
			services, err := s.built(ctx)
			if err != nil {
				return "", err
			}
			return s.missingImage(ctx, services)
		},
		Run: func(ctx context.Context) (string, error) {
			services, err := s.built(ctx)
			if err != nil {
				return "", err
			}
			return console.Count(len(services), "image"), s.interruptibleScript(ctx, "deploy.sh", append([]string{"build"}, names(services)...)...)
		},
	}
}

// built are the services with a build section of their own.
func (s *session) built(ctx context.Context) ([]compose.Service, error) {
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	return servicesOf(model, isBuilt), nil
}

func isBuilt(service compose.Service) bool { return service.Build != nil }

// names of services.
func names(services []compose.Service) []string {
	list := make([]string, 0, len(services))
	for _, service := range services {
		list = append(list, service.Name)
	}
	return list
}
