package targets

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"slipway/internal/buildinput"
	"slipway/internal/compose"
	"slipway/internal/composekeys"
	"slipway/internal/composelint"
	"slipway/internal/datadir"
	"slipway/internal/host"
	"slipway/internal/preflight"
	"slipway/internal/redact"
	"slipway/internal/settings"
)

// problems are everything that stands against a deployment of a model.
func (s *session) problems(ctx context.Context, model *compose.Model) (preflight.World, []preflight.Problem, error) {
	made, err := s.origins().Networks()
	if err != nil {
		return preflight.World{}, nil, err
	}
	info, _ := s.info() // what is not known is not refused
	world, problems, err := preflight.Problems(ctx, s.project, model, made, info, s.options.prune)
	if err != nil {
		return world, nil, err
	}
	unfit, err := s.unfitData(ctx, datadir.World{Model: model, Containers: world.Containers, Images: world.Images})
	return world, slices.Concat(s.unknownKeys(model), problems, unfit, s.exposed(model)), err
}

// soundStack is everything that the last step needs of the files and the engine, looked at before the first one acts.
func (s *session) soundStack(ctx context.Context, seen preview) host.Finding {
	problems := seen.problems
	if other, err := s.adopted(ctx); err == nil && other != "" {
		problems = append(problems, preflight.Problem{
			Text:   fmt.Sprintf("these compose files run already as project %q, and this deployment would begin project %q with empty volumes beside it", other, s.project.Name),
			Remedy: fmt.Sprintf("set Project: %q in the destination, or, if two are meant, name this one: %q there", other, s.project.Name),
		})
	}
	if len(problems) == 0 {
		s.believe(seen.model, seen.world)
	}
	if seen.standIns {
		problems = slices.DeleteFunc(problems, func(p preflight.Problem) bool { return strings.Contains(p.Text, standIn) })
	}
	return judgeProblems(problems)
}

// unknownKeys are the keys of the files that Slipway, the Compose or the engine here cannot carry out: docs/compose.md.
func (s *session) unknownKeys(model *compose.Model) []preflight.Problem {
	world := composekeys.World{}
	if versions, err := s.versions(); err == nil {
		world.Compose, world.API, world.NoModels = versions.Compose, versions.API, !versions.Models
	}
	if info, err := s.info(); err == nil {
		world.Runtimes, world.NoSwarm = info.Runtimes, !info.Swarm
	}
	findings, err := composekeys.Check(model.Project, world)
	if err != nil {
		return []preflight.Problem{{Text: err.Error(), Remedy: "report it"}}
	}
	var problems []preflight.Problem
	for _, f := range findings {
		problems = append(problems, preflight.Problem{Text: f.Key + ": " + f.Why, Remedy: f.Instead})
	}
	return problems
}

// exposed are the builds that would take secrets or our own state along into an image.
func (s *session) exposed(model *compose.Model) []preflight.Problem {
	built := names(servicesOf(model, isBuilt))
	if len(built) == 0 {
		return nil
	}
	sensitive := []string{s.store.Dir()}
	if s.secretsInEnvFile() {
		sensitive = append(sensitive, s.envFile())
	}
	for _, secret := range model.Secrets {
		if secret.File != "" {
			sensitive = append(sensitive, secret.File)
		}
	}
	named := composelint.Names(s.files, s.lookup)
	for _, file := range slices.Concat(named.EnvFiles, named.Secrets) {
		if file = s.path(file); !slices.Contains(sensitive, file) && file != s.envFile() {
			sensitive = append(sensitive, file)
		}
	}
	exposures, err := buildinput.Exposed(model.Project, built, sensitive)
	if err != nil {
		return []preflight.Problem{{Text: err.Error(), Remedy: "correct the build section"}}
	}
	var problems []preflight.Problem
	for _, e := range exposures {
		problems = append(problems, preflight.Problem{
			Text:   fmt.Sprintf("the build of %s would take %s along", e.Service, s.shown(e.Path)),
			Remedy: fmt.Sprintf("echo '%s' >> %s", e.Line, s.shown(e.IgnoreFile)),
		})
	}
	return problems
}

// secretsInEnvFile reports whether the env file holds a secret, or will.
func (s *session) secretsInEnvFile() bool {
	file, err := settings.ReadEnvFile(s.envFile(), s.lookup)
	holds := err == nil && slices.ContainsFunc(file.Keys(), func(key string) bool {
		value, _ := file.Get(key)
		return len(redact.Secrets(key, value)) > 0
	})
	return holds || slices.ContainsFunc(s.dest.Settings, func(setting settings.Setting) bool { return setting.File == "" && setting.IsSecret() })
}

// shown is a path of the stack as the operator knows it.
func (s *session) shown(path string) string {
	if rel, err := filepath.Rel(s.dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.Join(s.stack.Dir, rel)
	}
	return path
}

// soundToAct looks once more after config, which may have changed what the compose files mean, and before the first act.
func (s *session) soundToAct(ctx context.Context) error {
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	problems := preflight.Written(model)
	s.mu.Lock()
	judged := s.judged == model
	s.mu.Unlock()
	if !judged && !s.options.skips("preflight") {
		_, found, err := s.problems(ctx, model)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
	}
	if err := s.refuseFor(ctx, problems); err != nil {
		return err
	}
	return s.rehearse(ctx, model)
}

// refuseFor refuses to go on where there are problems with the stack.
func (s *session) refuseFor(ctx context.Context, problems []preflight.Problem) error {
	finding := judgeProblems(problems)
	if finding.State == host.StateOK {
		return nil
	}
	finding.Name = "stack"
	return refuse(ctx, fmt.Errorf("%s: %w", s.target, findingsError([]host.Finding{finding})))
}

func judgeProblems(problems []preflight.Problem) host.Finding {
	if len(problems) == 0 {
		return host.OK("what it needs is there")
	}
	var texts, remedies []string
	for _, p := range problems {
		texts, remedies = append(texts, p.Text), append(remedies, p.Remedy)
	}
	return host.Fail(strings.Join(texts, "\n  stack: "), strings.Join(slices.Compact(remedies), "\n    "))
}
