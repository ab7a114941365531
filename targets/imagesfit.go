package targets

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/preflight"
	"slipway/internal/rollout"
)

// imagesFit looks, once every image is here and before anything that runs is touched, whether the images have what the services ask
// of them. It looks into a container of an image that is never started.
func (s *session) imagesFit(ctx context.Context) error {
	if s.options.skips("preflight") {
		return nil
	}
	view, err := s.view(ctx)
	if err != nil {
		return err
	}
	changing, err := s.changing(view)
	if err != nil || len(changing) == 0 {
		return err
	}
	problems, err := s.misfits(ctx, view, changing)
	if err != nil && len(problems) == 0 { // that nobody could look is no refusal
		s.console.Line(console.Warn, "stack", "what is in the images could not be looked at beforehand: "+firstLine(err), 0)
		return nil //nolint:nilerr // said
	}
	return s.refuseFor(ctx, problems)
}

// asksOfImage are the inputs of a service that say what it asks of its image, or that change what is there.
func asksOfImage(service compose.Service, inputs []checkpoints.Input) []checkpoints.Input {
	asking := strings.Fields("command configs devices entrypoint group_add secrets tmpfs user volumes volumes_from working_dir")
	if _, has := service.Environment["PATH"]; has {
		asking = append(asking, "environment")
	}
	return slices.DeleteFunc(inputs, func(input checkpoints.Input) bool {
		key := strings.TrimPrefix(input.Name, service.Name+" ")
		return key != "image content" && !slices.Contains(asking, key)
	})
}

// changing are the services that ask something else of their image than their containers, or that have another image.
func (s *session) changing(v view) ([]compose.Service, error) {
	var list []compose.Service
	services := v.model.Up()
	if job, has := v.model.Services[s.dest.Database.Job]; has {
		services = append(services, job)
	}
	for _, service := range services {
		if _, here := v.images[service.Image]; !here || service.Replicas() == 0 || service.Provider != nil {
			continue
		}
		inputs, err := rollout.Inputs(v.model, service.Name, v.images[service.Image])
		if err != nil {
			return nil, err
		}
		step, asked := rollout.StepName(service.Name), asksOfImage(service, inputs)
		if service.Job {
			step, asked = "migrate", nil
		}
		cause, err := s.store.Differs(step, asked)
		if err != nil {
			return nil, err
		}
		if cause != "" {
			list = append(list, service)
		}
	}
	return list, nil
}

// misfits are what these services ask of their images and the images have not.
func (s *session) misfits(ctx context.Context, v view, services []compose.Service) (problems []preflight.Problem, err error) {
	ids := map[string]string{} // of the container, by the id of its image
	for _, service := range services {
		ids[v.images[service.Image].ID] = ""
	}
	images := slices.Sorted(maps.Keys(ids))
	defer func() { err = errors.Join(err, s.script(context.WithoutCancel(ctx), "deploy.sh", "unstage")) }()
	var made strings.Builder
	if err := s.scriptTo(ctx, &made, "deploy.sh", append([]string{"stage"}, images...)...); err != nil {
		return nil, err
	}
	for i, id := range strings.Fields(made.String()) {
		ids[images[i]] = id
	}
	for _, service := range services {
		image := v.images[service.Image]
		found, err := preflight.Misfits(ctx, service, image, preflight.Inside{
			Entry: func(ctx context.Context, path string) (compose.Entry, error) {
				return compose.EntryOf(ctx, ids[image.ID], path)
			},
			Head: func(ctx context.Context, path string, limit int64) ([]byte, error) {
				return compose.Head(ctx, ids[image.ID], path, limit)
			},
		})
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}
