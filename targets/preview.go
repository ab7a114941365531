package targets

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/buildinput"
	"slipway/internal/compose"
	"slipway/internal/composekeys"
	"slipway/internal/composelint"
	"slipway/internal/host"
	"slipway/internal/preflight"
	"slipway/internal/redact"
	"slipway/internal/settings"
)

// previewLimit bounds what preflight asks Compose and the engine; on a busy machine they are slow.
const previewLimit = 10 * time.Second

// preview is the stack as preflight sees it: before config has run, with stand-ins for settings that are not known yet.
type preview struct {
	model    *compose.Model
	world    preflight.World
	problems []preflight.Problem
	standIns bool
	err      error
}

// standIn is what a setting is taken for that is not known yet.
const standIn = "unset.invalid"

// modelChecks are the checks that need the compose files resolved: the stack itself, the ports, the registries of images
// that are not here and, where preflight is all that was asked for, which services cannot run twice.
func (s *session) modelChecks() []host.Check {
	var once sync.Once
	var seen preview
	look := func(judge func(context.Context, preview) host.Finding) func(context.Context) host.Finding {
		return func(ctx context.Context) host.Finding {
			once.Do(func() { seen = s.preview(ctx) })
			switch {
			case errors.Is(seen.err, compose.ErrNoDocker) || errors.Is(seen.err, compose.ErrNoEngine):
				return host.OK("not looked at: there is no engine yet")
			case seen.err != nil:
				return host.OK("not looked at: the stack is not sound")
			}
			return judge(ctx, seen)
		}
	}
	sound := func(ctx context.Context) host.Finding {
		once.Do(func() { seen = s.preview(ctx) })
		switch {
		case errors.Is(seen.err, compose.ErrNoDocker) || errors.Is(seen.err, compose.ErrNoEngine):
			return host.OK("not looked at: there is no engine yet")
		case seen.err != nil && seen.standIns: // config has still to write what the files need
			return host.Warn("not looked at yet: "+firstLine(seen.err), "none: it is looked at again before the first act")
		case seen.err != nil:
			return host.Fail(firstLine(seen.err), "docker compose config --quiet says more")
		}
		return s.soundStack(ctx, seen)
	}
	checks := []host.Check{
		{Name: "stack", Limit: previewLimit, Look: sound},
		{Name: "compose values", Look: s.valuesThatArrive},
		{Name: "ports", Limit: previewLimit, Look: look(freePorts)},
		{Name: "registry", Limit: previewLimit, Look: look(s.reachableRegistries)},
	}
	if s.target == "preflight" {
		checks = append(checks, host.Check{Name: "scaling", Limit: previewLimit, Look: look(unscalable)})
	}
	return checks
}

// valuesThatArrive warns of what a service gets otherwise than the files seem to say: values that YAML rewrites, and variables
// that nobody has set. Compose says the latter itself, more than once, and with fragments of passwords.
func (s *session) valuesThatArrive(context.Context) host.Finding {
	values, err := s.values()
	if err != nil {
		return host.OK("not looked at: config says what is wrong with the env file")
	}
	var lines []string
	for _, rewritten := range composelint.Rewrites(s.files) {
		lines = append(lines, rewritten.String())
	}
	for _, unset := range composelint.Unsets(s.files, values) {
		lines = append(lines, unset.String())
	}
	if len(lines) == 0 {
		return host.OK("they arrive as they are written")
	}
	return host.Warn(strings.Join(lines, "\n      "), "none, if that is meant")
}

// preview resolves the stack and asks the engine what it needs, with stand-ins for what config has still to ask for.
func (s *session) preview(ctx context.Context) preview {
	project := s.project
	declared, err := s.allSettings(ctx)
	if err != nil {
		declared = s.dest.Settings
	}
	env := s.envContent()
	var seen preview
	for _, setting := range declared {
		if setting.File != "" {
			continue
		}
		seen.standIns = seen.standIns || env == "" // config will write it
		if s.setting(setting.Key) == "" {
			project.Env = append(project.Env, setting.Key+"="+standIn)
			seen.standIns = true
		}
	}
	if seen.model, seen.err = project.Model(ctx); seen.err == nil {
		seen.err = s.dest.Database.checkModel(seen.model)
	}
	if seen.err != nil {
		return seen
	}
	if len(project.Env) == len(s.project.Env) {
		s.offer(seen.model, env)
	}
	seen.world, seen.problems, seen.err = s.problems(ctx, seen.model)
	s.mu.Lock()
	s.readers = readers(seen.model, seen.world.Images)
	s.mu.Unlock()
	return seen
}

// problems are everything that stands against a deployment of a model.
func (s *session) problems(ctx context.Context, model *compose.Model) (preflight.World, []preflight.Problem, error) {
	made, err := s.origins().Networks()
	if err != nil {
		return preflight.World{}, nil, err
	}
	var drivers []string
	if info, err := s.info(); err == nil {
		drivers = info.Networks
	}
	world, problems, err := preflight.Problems(ctx, s.project, model, made, drivers, s.options.prune)
	return world, slices.Concat(s.unknownKeys(model), problems, s.exposed(model)), err
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
	exposures, err := buildinput.Exposed(model.Project, names(servicesOf(model, isBuilt)), sensitive)
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
	if finding := judgeProblems(problems); finding.State != host.StateOK {
		finding.Name = "stack"
		return refuse(ctx, fmt.Errorf("deploy: %w", findingsError([]host.Finding{finding})))
	}
	return nil
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

// freePorts checks that the ports are free or held by this very project, whose rollout knows who gives up before who takes.
func freePorts(ctx context.Context, seen preview) host.Finding {
	own := map[host.Port]bool{}
	for _, c := range seen.world.Containers {
		for _, b := range c.Ports {
			if c.Status == "running" || c.Status == "paused" {
				own[host.Port{Number: b.Port, Proto: b.Proto}] = true
			}
		}
	}
	publisher := func(ctx context.Context, p host.Port) string {
		name, _ := compose.Publisher(ctx, p.Number) // unknown is as good as none: then the process is named
		return name
	}
	held := func(p host.Port) bool { return own[host.Port{Number: p.Number, Proto: p.Proto}] }
	return host.Ports(publishedPorts(seen.model), held, publisher).Look(ctx)
}

// publishedPorts are the single host ports that the model asks for; of a range the engine takes one that is free.
func publishedPorts(model *compose.Model) []host.Port {
	var ports []host.Port
	for _, service := range model.Up() {
		for _, p := range service.Published() {
			if p.Fixed() {
				ports = append(ports, host.Port{Number: p.First, Proto: p.Proto, Service: service.Name, Address: p.Address})
			}
		}
	}
	return ports
}

// reachableRegistries checks the registries that a pull would ask: those of images that are neither here nor built here.
func (s *session) reachableRegistries(ctx context.Context, seen preview) host.Finding {
	refs := slices.DeleteFunc(imagesOf(withoutBuild(seen.model)), func(ref string) bool { _, has := seen.world.Images[ref]; return has })
	for _, finding := range s.askRegistries(ctx, refs) {
		if finding.State != host.StateOK {
			return finding
		}
	}
	return host.OK("every image is here or its registry answers")
}

// askRegistries asks the registries of these images whether they answer, each once. Where the engine has mirrors of Docker
// Hub, one of them is as good.
func (s *session) askRegistries(ctx context.Context, refs []string) []host.Finding {
	var registries []string
	for _, ref := range refs {
		registries = append(registries, compose.RegistryOf(ref))
	}
	slices.Sort(registries)
	checks := []host.Check{}
	for _, registry := range slices.Compact(registries) {
		var mirrors []string
		if info, err := s.info(); err == nil && registry == "docker.io" {
			mirrors = info.Mirrors
		}
		checks = append(checks, host.Registry(registry, mirrors...))
	}
	return host.Run(ctx, checks)
}

// imagesOf are the references of the services' images.
func imagesOf(services []compose.Service) []string {
	var refs []string
	for _, service := range services {
		refs = append(refs, service.Images()...)
	}
	return refs
}

// unscalable names the services that are replaced with a gap.
func unscalable(ctx context.Context, seen preview) host.Finding {
	var names []string
	for _, service := range seen.model.Up() {
		if service.ContainerName != "" || slices.ContainsFunc(service.Published(), compose.Published.Fixed) {
			names = append(names, service.Name)
		}
	}
	return host.Scaling(names).Look(ctx)
}
