package targets

import (
	"context"
	"fmt"
	"slices"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/rollout"
)

// migrate applies the database's migrations as a job of the stack, with the database started and well before it. A job of
// an earlier run that is still alive is waited for and not started again: deploy.sh does that.
func (s *session) migrate() checkpoints.Step {
	database := s.dest.Database
	return checkpoints.Step{
		Name:  "migrate",
		After: []string{"build"},
		Skip: func(context.Context) (string, error) {
			if database.Job == "" {
				return "the stack has no migrations", nil
			}
			return "", nil
		},
		Inputs: func(ctx context.Context) ([]checkpoints.Input, error) {
			inputs, err := s.migrations(ctx)
			if err != nil {
				return nil, err
			}
			image, err := s.imageOf(ctx, database.Job)
			if err != nil {
				return nil, err
			}
			return append(inputs, checkpoints.Value("image of "+database.Job, image.Content)), nil
		},
		Run: func(ctx context.Context) (string, error) {
			if err := s.networksFirst(ctx); err != nil {
				return "", err
			}
			if database.Service != "" {
				if err := s.startDatabase(ctx); err != nil {
					return "", err
				}
			}
			older, err := s.olderJob(ctx)
			if err != nil {
				return "", err
			}
			if older {
				if err := s.script(ctx, "deploy.sh", "migrate", database.Job); err != nil {
					return "", err
				}
			}
			return "applied by " + database.Job, s.script(ctx, "deploy.sh", "migrate", database.Job)
		},
	}
}

// networksFirst removes the networks of the job that are to be made anew, and stops who is in them: Compose would make them
// anew for the job, under the containers that the rollout has not come to.
func (s *session) networksFirst(ctx context.Context) error {
	view, err := s.view(ctx)
	if err != nil {
		return err
	}
	stages, err := s.stages(ctx, view)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		if len(stage.Networks) > 0 {
			return s.clearWay(ctx, &view, rollout.Stage{Remove: stage.Remove, Stop: stage.Stop, Aside: stage.Aside, Networks: stage.Networks})
		}
	}
	return nil
}

// olderJob tells whether a job of an earlier run is alive that has another image: it is waited for like any other, and does
// not know the newest migrations, so that it is no substitute for the job of this run.
func (s *session) olderJob(ctx context.Context) (bool, error) {
	image, err := s.imageOf(ctx, s.dest.Database.Job)
	if err != nil {
		return false, err
	}
	containers, err := s.project.Containers(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(s.liveJobs(containers), func(c compose.Container) bool { return c.ImageID != image.ID }), nil
}

// liveJobs are those of the containers that migrate.
func (s *session) liveJobs(containers []compose.Container) []compose.Container {
	return slices.DeleteFunc(slices.Clone(containers), func(c compose.Container) bool {
		return c.Service != s.dest.Database.Job || c.Status != "running" && c.Status != "restarting"
	})
}

// migrations are the migration files and the volume that they are applied to. A new volume needs them again; it comes to
// be while the step runs, so it is read again after it.
func (s *session) migrations(ctx context.Context) ([]checkpoints.Input, error) {
	inputs, err := checkpoints.Glob(s.dir, s.dest.Database.Migrations)
	if err != nil {
		return nil, err
	}
	volume, err := s.volume(ctx)
	if err != nil {
		return nil, err
	}
	return append(inputs, checkpoints.Outcome("volume "+s.dest.Database.Volume, volume)), nil
}

// startDatabase makes sure that the database answers. One that runs is left as it is: a migration is no reason to replace
// it. One that does not is rolled out, with its checkpoint, so that the rollout finds it done.
func (s *session) startDatabase(ctx context.Context) error {
	name := s.dest.Database.Service
	view, err := s.view(ctx)
	if err != nil {
		return err
	}
	for _, c := range rollout.Of(name, view.containers) {
		if c.Status == "running" {
			return s.await(ctx, name, nil)
		}
	}
	_, err = s.do(ctx, s.serviceStep(view, name))
	return err
}

// imageOf is the image that a service runs.
func (s *session) imageOf(ctx context.Context, service string) (compose.Image, error) {
	model, err := s.model(ctx)
	if err != nil {
		return compose.Image{}, err
	}
	found, ok := model.Services[service]
	if !ok {
		return compose.Image{}, fmt.Errorf("the compose files have no service %q", service)
	}
	images, err := s.images(ctx)
	return images[found.Image], err
}
