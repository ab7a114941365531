package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/buildinput"
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
				if err := s.runJob(ctx); err != nil {
					return "", err
				}
			}
			return "applied by " + database.Job, s.runJob(ctx)
		},
	}
}

// runJob runs the job, or waits for the one that runs, no longer than its limit.
func (s *session) runJob(ctx context.Context) error {
	err := s.script(ctx, "deploy.sh", "migrate", s.dest.Database.Job)
	var script *scriptError
	if !errors.As(err, &script) || script.ExitCode != exitJobRuns {
		return err
	}
	late := &lateJobError{job: s.dest.Database.Job, script: script}
	if model, err := s.model(ctx); err == nil {
		late.limit, _ = model.Services[late.job].Limit()
	}
	if containers, err := s.project.Containers(ctx); err == nil {
		for _, c := range s.liveJobs(containers) {
			late.containers = append(late.containers, c.Name)
		}
	}
	return late
}

// exitJobRuns is how deploy.sh says that a job still runs at its limit.
const exitJobRuns = 12

// lateJobError is a job that still runs at its limit. It is not stopped: a migration that is cut short may be half done, and
// nobody but itself knows.
type lateJobError struct {
	job        string
	limit      time.Duration
	containers []string
	script     *scriptError
}

func (e *lateJobError) Error() string {
	text := fmt.Sprintf("%s still runs after its limit of %s and was not stopped; no step behind it has begun", e.job, shortly(e.limit))
	for _, line := range e.script.Tail {
		text += "\n  | " + line
	}
	return text
}

func (e *lateJobError) Unwrap() error { return e.script }

// Hints say how to go on, the harmless way first.
func (e *lateJobError) Hints() []string {
	names := strings.Join(e.containers, " ")
	return []string{
		"the next deployment waits for it again: " + command("deploy"),
		"give it more time with a label of " + e.job + " in the compose file: " + compose.LimitLabel + ": " + shortly(2*e.limit),
		"if it hangs, end it: docker stop " + names + "   (what it has done by then may be half of a migration; " + command("restore") + " lists the backups)",
	}
}

// shortly is a duration without the parts that are nothing: 1h, not 1h0m0s.
func shortly(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
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
	inputs, err := s.migrationFiles(ctx)
	if err != nil {
		return nil, err
	}
	volume, err := s.volume(ctx)
	if err != nil {
		return nil, err
	}
	return append(inputs, checkpoints.Outcome("volume "+s.dest.Database.Volume, volume)), nil
}

// migrationFiles are the migration files; where none are declared, whatever the job's image is made of.
func (s *session) migrationFiles(ctx context.Context) ([]checkpoints.Input, error) {
	database := s.dest.Database
	if database.Migrations != "" {
		return checkpoints.Glob(s.dir, database.Migrations)
	}
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	job := model.Services[database.Job]
	for _, service := range model.Services { // it may run what another one builds
		if service.Build != nil && service.Image == job.Image {
			return buildinput.Inputs(model.Project, []string{service.Name}, model.Root, s.store.Dir())
		}
	}
	return []checkpoints.Input{checkpoints.Value("reference of "+database.Job, job.Image)}, nil
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
	if err := s.dataFits(ctx); err != nil {
		return err
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
