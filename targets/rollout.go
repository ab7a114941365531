package targets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/health"
	"slipway/internal/rollout"
)

// rollout brings every service to what the model says, in dependency order. Each service is a step with a checkpoint
// of its own, so that a rollout that ended half way goes on at the service where it ended.
func (s *session) rollout() checkpoints.Step {
	return checkpoints.Step{
		Name:  "rollout",
		After: []string{"migrate", "build", "pull"}, // each can give a service another image
		Inputs: func(ctx context.Context) ([]checkpoints.Input, error) {
			view, err := s.view(ctx)
			if err != nil {
				return nil, err
			}
			var inputs []checkpoints.Input
			for _, service := range view.model.Up() {
				more, err := rollout.Inputs(view.model, service.Name, view.images[service.Image])
				if err != nil {
					return nil, err
				}
				inputs = append(inputs, more...)
			}
			return inputs, nil
		},
		Holds: func(ctx context.Context) (string, error) {
			view, err := s.view(ctx)
			if err != nil {
				return "", err
			}
			for _, service := range view.model.Up() {
				if cause, err := s.holds(ctx, view, service); err != nil || cause != "" {
					return cause, err
				}
			}
			return "", nil
		},
		Run: s.rollOut,
	}
}

// holds says what of a service is not as it was deployed.
func (s *session) holds(ctx context.Context, v view, service compose.Service) (string, error) {
	there, err := s.networks(ctx)
	if err != nil {
		return "", err
	}
	return s.origins().Holds(service, v.containers, v.images[service.Image], rollout.Attached(v.model, service, there))
}

// target is a service as it shall be.
func (s *session) targetOf(v view, name string) (rollout.Target, error) {
	service := v.model.Services[name]
	inputs, err := rollout.Inputs(v.model, name, v.images[service.Image])
	return rollout.Target{
		Service: service, Image: v.images[service.Image], Inputs: inputs,
		Attached: func(ctx context.Context) (map[string]string, error) {
			there, err := s.networks(ctx)
			return rollout.Attached(v.model, service, there), err
		},
	}, err
}

// view is the world that a rollout begins with.
type view struct {
	model      *compose.Model
	images     map[string]compose.Image // by reference
	containers []compose.Container
}

func (s *session) view(ctx context.Context) (view, error) {
	model, err := s.model(ctx)
	if err != nil {
		return view{}, err
	}
	v := view{model: model}
	if v.images, v.containers, err = s.imagesAndContainers(ctx); err != nil {
		return v, err
	}
	return v, nil
}

// stages are the order of a rollout: who depends on whom, who holds what another one wants, which networks are made anew.
func (s *session) stages(ctx context.Context, v view) ([]rollout.Stage, error) {
	world, err := s.world(ctx, v)
	if err != nil {
		return nil, err
	}
	stages, conflicts := rollout.Arrange(v.model, world, s.options.prune)
	if len(conflicts) > 0 { // preflight has said so, unless it was left out or the world has changed since
		return nil, refuse(ctx, fmt.Errorf("rollout: %s", conflicts[0]), conflicts[0].Remedy)
	}
	return stages, nil
}

func (s *session) world(ctx context.Context, v view) (rollout.World, error) {
	world := rollout.World{Containers: v.containers}
	var err error
	if world.Made, err = s.origins().Networks(); err != nil {
		return world, err
	}
	world.Networks, err = s.networks(ctx)
	return world, err
}

// rollOut runs the step of every service, stage by stage.
func (s *session) rollOut(ctx context.Context) (string, error) {
	view, err := s.view(ctx)
	if err != nil {
		return "", err
	}
	stages, err := s.stages(ctx, view)
	if err != nil {
		return "", err
	}
	if err := s.origins().Begin(); err != nil {
		return "", err
	}
	atOnce := 1
	if slices.ContainsFunc(stages, func(stage rollout.Stage) bool { return len(stage.Services) > 1 }) {
		atOnce = s.replacedAtATime(ctx, view)
	}
	changed, untouched := 0, 0
	for _, stage := range stages {
		if err := s.clearWay(ctx, &view, stage); err != nil {
			return "", err
		}
		if stage.Start && len(stage.Services) > 1 {
			if err := s.startTogether(ctx, view, stage.Services); err != nil {
				return "", err
			}
			if err := s.awaitTogether(ctx, view.model, stage.Services); err != nil {
				return "", err
			}
		}
		ran, err := s.sideBySide(ctx, view, stage.Services, atOnce)
		if err != nil {
			return "", err
		}
		changed, untouched = changed+ran, untouched+len(stage.Services)-ran
	}
	there, err := s.networks(ctx)
	if err == nil {
		err = s.origins().KeepNetworks(view.model, there)
	}
	return fmt.Sprintf("%d changed, %d untouched", changed, untouched), err
}

// sideBySide runs the steps of services that do not depend on each other, so many at a time, and returns how many had something to
// do. Whether one has, is decided in their order, while those before it are at work. After a failure none begins; those that have
// begun come to their end.
func (s *session) sideBySide(ctx context.Context, v view, services []string, atOnce int) (ran int, err error) {
	free := make(chan struct{}, atOnce)
	errs := make([]error, len(services))
	var changed atomic.Int32
	var failed atomic.Bool
	var working sync.WaitGroup
	for i, name := range services {
		free <- struct{}{}
		if failed.Load() {
			break
		}
		decided := make(chan struct{})
		decide := sync.OnceFunc(func() { close(decided) })
		step := s.serviceStep(v, name)
		step.Announce = func(checkpoints.Decision) { decide() }
		working.Go(func() {
			defer func() { <-free }()
			defer decide()
			decision, err := s.do(ctx, step)
			if errs[i] = err; err != nil {
				failed.Store(true)
			}
			if decision.Run {
				changed.Add(1)
			}
		})
		<-decided
	}
	working.Wait()
	return int(changed.Load()), errors.Join(errs...)
}

// clearWay gets out of the way what a stage says, and looks at the containers again if it did.
func (s *session) clearWay(ctx context.Context, v *view, stage rollout.Stage) error {
	for _, line := range stage.Way() {
		s.console.Line(console.Note, "rollout", line, 0)
	}
	if err := rollout.Clear(ctx, s.acts(), v.model, stage); err != nil || len(stage.Way()) == 0 {
		return err
	}
	var err error
	v.containers, err = s.containers(ctx)
	return err
}

// origins remember which model each container was made from.
func (s *session) origins() *rollout.Origins {
	return rollout.OpenOrigins(filepath.Join(s.store.Dir(), "origins"))
}

// serviceStep is the step that brings one service to the model. Nothing but the rollout changes the containers of
// the view meanwhile.
func (s *session) serviceStep(v view, name string) checkpoints.Step {
	service := v.model.Services[name]
	step := checkpoints.Step{
		Name: rollout.StepName(name),
		Inputs: func(context.Context) ([]checkpoints.Input, error) {
			return rollout.Inputs(v.model, name, v.images[service.Image])
		},
		Holds: func(ctx context.Context) (string, error) { return s.holds(ctx, v, service) },
		Run: func(ctx context.Context) (string, error) {
			target, err := s.targetOf(v, name)
			if err != nil {
				return "", err
			}
			stopped := s.watchStops(ctx, name, v.containers)
			result, err := rollout.Service(ctx, s.acts(), s.origins(), target)
			stopped()
			if len(rollout.Of(name, v.containers)) == 0 {
				result = console.Count(service.Replicas(), "container") + " started" // with others, maybe: then Service found them there
			}
			return result, err
		},
	}
	for _, other := range rollout.Follows(service) {
		step.After = append(step.After, rollout.StepName(other))
	}
	return step
}

// acts are what a rollout does to the world: deploy.sh acts, health waits.
func (s *session) acts() rollout.Acts {
	return rollout.Acts{
		Script: func(ctx context.Context, step string, args ...string) error {
			var said bytes.Buffer
			err := s.scriptTo(ctx, &said, "deploy.sh", append([]string{step}, args...)...)
			if step == "hooks" {
				for line := range strings.Lines(said.String()) {
					s.console.Line(console.Warn, args[0], strings.TrimSpace(line), 0)
				}
			}
			return err
		},
		Wait:       s.await,
		Reload:     s.reload,
		Containers: s.containers,
		Note:       func(service, line string) { s.console.Line(console.Note, service, line, 0) },
	}
}

// noWindow makes a wait end with the first answer of a healthcheck: verify watches all services for a while at the end,
// and asks each as often as is wanted. A service without one gives no answer but to stay up, and is watched at once, so
// that nothing goes on over a crash loop.
const noWindow = -1

// await waits until the containers of a service are well; all of them where ids is nil.
func (s *session) await(ctx context.Context, service string, ids []string) error {
	if ids == nil && s.remembered().well[service] {
		return nil // together with others, a moment ago
	}
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	wanted := health.Expected(model)[service]
	wanted.Containers, wanted.Engine = ids, ids != nil // a proxy that follows the engine has to know the new ones before the old ones go
	return s.awaitAll(ctx, model, map[string]health.Expect{service: wanted})
}

// awaitAll waits until the containers of all these services are well.
func (s *session) awaitAll(ctx context.Context, model *compose.Model, wanted map[string]health.Expect) error {
	for name, expect := range wanted {
		if model.Services[name].HasHealthcheck() {
			expect.Window = noWindow
			wanted[name] = expect
		}
	}
	s.journal("wait", map[string]any{"service": strings.Join(slices.Sorted(maps.Keys(wanted)), ", ")})
	defer s.forget() // containers come and go while they are waited for
	tell, done := s.progress(ctx)
	defer done()
	report, err := health.Wait(ctx, health.Options{
		Project: s.project, Services: wanted, Passes: 1, Window: s.dest.MonitorPeriod, Timeout: s.options.timeout, Progress: tell,
	})
	if err != nil {
		return err
	}
	return verdictError(report)
}

// verdictError says which services are not well, why, and shows their last lines and healthcheck answers.
func verdictError(report health.Report) error {
	failed := report.Failed()
	if len(failed) == 0 {
		return nil
	}
	var text strings.Builder
	for i, v := range failed {
		if i > 0 {
			text.WriteString("\n  ")
		}
		fmt.Fprintf(&text, "service %q: %s", v.Service, v.Reason)
		for _, line := range v.Checks {
			text.WriteString("\n  healthcheck | " + line)
		}
		for _, line := range v.Logs {
			text.WriteString("\n  " + v.Service + " | " + line)
		}
	}
	unwell := &unwellError{exists: failed[0].Container != "", text: text.String()}
	for _, v := range failed {
		unwell.services = append(unwell.services, v.Service)
	}
	return unwell
}

// unwellError is what a wait found wrong with the stack.
type unwellError struct {
	services []string
	exists   bool // the first of them has a container
	text     string
}

// hint is the command to go on with.
func (e *unwellError) hint() string {
	if !e.exists {
		return command("deploy")
	}
	return command("logs") + " " + e.services[0]
}

// unwellIn is what an error has of waits that found something wrong; more than one, where services were replaced side by side.
func unwellIn(err error) []*unwellError {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var all []*unwellError
		for _, one := range several.Unwrap() {
			all = append(all, unwellIn(one)...)
		}
		return all
	}
	var unwell *unwellError
	if errors.As(err, &unwell) {
		return []*unwellError{unwell}
	}
	return nil
}

func (e *unwellError) Error() string { return e.text }

// orphans reports the containers whose service the compose files no longer have; with -prune it removes them.
func (s *session) orphans(ctx context.Context) error {
	view, err := s.view(ctx)
	if err != nil {
		return err
	}
	found := rollout.Orphans(view.model, view.containers)
	if s.options.prune {
		return rollout.Prune(ctx, s.acts(), found)
	}
	for _, orphan := range found {
		why := "its service is not in the compose files"
		if rollout.Off(view.model, orphan) {
			why = "the profile of its service is off"
		}
		s.console.Line(console.Warn, orphan.Name, why+"; -prune removes it", 0)
	}
	return nil
}
