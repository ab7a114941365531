package targets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"

	"slipway/internal/compose"
	"slipway/internal/composelint"
	"slipway/internal/host"
	"slipway/internal/preflight"
)

// previewLimit bounds what preflight asks Compose and the engine; on a busy machine they are slow.
const previewLimit = 30 * time.Second

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
		{Name: "secrets", Limit: previewLimit, Look: look(s.weakSecrets)},
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
	if name := s.override(); name != "" {
		lines = append(lines, name+" is there, and destination "+s.dest.Name+" does not name it: `docker compose up` would read it, and this deployment does not")
	}
	if len(lines) == 0 {
		return host.OK("they arrive as they are written")
	}
	return host.Warn(strings.Join(lines, "\n      "), "none, if that is meant")
}

// override is the file that Compose lays over the first one by itself where nobody names the files; empty where there is none, or
// where the destination says which files are meant, that one too.
func (s *session) override() string {
	if len(s.dest.Files) != 1 || !slices.Contains(cli.DefaultFileNames, filepath.Base(s.dest.Files[0])) {
		return ""
	}
	for _, name := range cli.DefaultOverrideFileNames {
		name = filepath.Join(filepath.Dir(s.dest.Files[0]), name)
		if _, err := os.Stat(s.path(name)); err == nil {
			return name
		}
	}
	return ""
}

// preview resolves the stack and asks the engine what it needs, with stand-ins for what config has still to ask for.
func (s *session) preview(ctx context.Context) preview {
	env := s.envContent()
	project, pending := s.withStandIns(ctx)
	seen := preview{standIns: pending && env == ""} // config will write it
	if len(project.Env) == len(s.project.Env) {
		seen.model = s.offered()
	} else {
		seen.standIns = true
	}
	if seen.model == nil {
		seen.model, seen.err = project.Model(ctx)
	}
	if seen.err == nil {
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

// withStandIns is the project with a stand-in for each setting that has no value yet, and whether there are settings at all.
func (s *session) withStandIns(ctx context.Context) (project compose.Project, some bool) {
	declared, err := s.allSettings(ctx)
	if err != nil {
		declared = s.dest.Settings
	}
	project = s.project
	for _, setting := range declared {
		if setting.File != "" {
			continue
		}
		some = true
		if s.setting(setting.Key) == "" {
			project.Env = append(slices.Clone(project.Env), setting.Key+"="+standIn)
		}
	}
	return project, some
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
