package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
)

// Model is the resolved project: the active profiles and the jobs.
func (p Project) Model(ctx context.Context) (*Model, error) {
	profiles := p.withJobs()
	data, err := p.load(ctx, profiles)
	if err != nil { // it may include what only Compose fetches; and if not, the error is to be Compose's
		if data, err = ask(ctx, "compose config", p.environment(profiles), "compose", "config", "--format", "json"); err != nil {
			return nil, err
		}
	}
	return parseModel(data, p.path("."))
}

// Uninterpolated is the project as its files say it, with every ${…} left as it stands. Of the environment it holds what
// `environment: [KEY]` takes over.
func (p Project) Uninterpolated(ctx context.Context) ([]byte, error) {
	profiles := p.withJobs()
	options, err := p.options(profiles, cli.WithInterpolation(false))
	if err == nil {
		var model map[string]any
		if model, err = options.LoadModel(ctx); err == nil {
			return json.Marshal(model)
		}
	}
	return ask(ctx, "compose config", p.environment(profiles), "compose", "config", "--no-interpolate", "--format", "json")
}

func (p Project) withJobs() []string {
	if slices.Contains(p.Profiles, JobsProfile) {
		return p.Profiles
	}
	return append(slices.Clone(p.Profiles), JobsProfile)
}

// load resolves the project as `docker compose config` does: cmd/compose/config.go of github.com/docker/compose.
func (p Project) load(ctx context.Context, profiles []string) ([]byte, error) {
	options, err := p.options(profiles)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return nil, err
	}
	if project, err = project.WithServicesEnvironmentResolved(true); err != nil {
		return nil, err
	}
	if err := project.CheckContainerNameUnicity(); err != nil {
		return nil, err
	}
	data, err := project.WithoutUnnecessaryResources().MarshalJSON()
	return bytes.ReplaceAll(data, []byte("$"), []byte("$$")), err // as Compose prints it, to be read again
}

func (p Project) options(profiles []string, more ...cli.ProjectOptionsFn) (*cli.ProjectOptions, error) {
	logrus.SetOutput(io.Discard) // the library's warnings quote fragments of a password that holds a dollar sign
	files := make([]string, len(p.Files))
	for i, file := range p.Files {
		files[i] = p.path(file)
	}
	var envFiles []string
	if p.EnvFile != "" {
		envFiles = []string{p.envFile()}
	}
	return cli.NewProjectOptions(files, append(more,
		cli.WithEnv(p.environment(profiles)), cli.WithEnvFiles(envFiles...), cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...), cli.WithName(p.Name), cli.WithResolvedPaths(true), cli.WithDiscardEnvFile,
	)...)
}
