package compose

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// Model is the resolved project: the active profiles and the jobs.
func (p Project) Model(ctx context.Context) (*Model, error) {
	model, err := p.OwnModel(ctx)
	if err == nil {
		return model, nil
	}
	// It may include what only Compose fetches; and if not, the error is to be Compose's.
	data, err := ask(ctx, "compose config", p.environment(p.withJobs()), "compose", "config", "--format", "json")
	if err != nil {
		return nil, err
	}
	project, err := p.resolve(ctx, data)
	if err != nil {
		return nil, err
	}
	return p.modelOf(project), nil
}

// OwnModel is the same, of files that are all here. It starts no command and asks nobody.
func (p Project) OwnModel(ctx context.Context) (*Model, error) {
	project, err := p.load(ctx, p.withJobs())
	if err != nil {
		return nil, err
	}
	return p.modelOf(project), nil
}

func (p Project) modelOf(project *types.Project) *Model {
	unused := takeUnused(project)
	model := NewModel(project)
	model.unused, model.named = unused, p.Named
	return model
}

// load resolves the project as `docker compose config` does: cmd/compose/config.go of github.com/docker/compose.
func (p Project) load(ctx context.Context, profiles []string) (*types.Project, error) {
	options, err := p.options(profiles)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(ctx) // with the services' environment, which Compose resolves later
	if err != nil {
		return nil, err
	}
	return project, project.CheckContainerNameUnicity()
}

// resolve reads what Compose has resolved.
func (p Project) resolve(ctx context.Context, data []byte) (*types.Project, error) {
	details := types.ConfigDetails{WorkingDir: p.path("."), ConfigFiles: []types.ConfigFile{{Filename: "compose.json", Content: data}}}
	project, err := loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SetProjectName(p.Name, true)
		o.Profiles = []string{"*"} // Compose has left out those that are not active
	})
	if err != nil {
		return nil, &Error{What: "read the answer of compose config", Said: harmless(err.Error()), err: err}
	}
	return project, nil
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

func (p Project) options(profiles []string, more ...cli.ProjectOptionsFn) (*cli.ProjectOptions, error) {
	quiet()
	files := make([]string, len(p.Files))
	for i, file := range p.Files {
		files[i] = p.path(file)
	}
	if p.Named != nil {
		more = append(more, cli.WithWorkingDirectory(p.path(".")))
	}
	return cli.NewProjectOptions(files, append(more,
		cli.WithEnv(p.environment(profiles)), cli.WithEnvFiles(p.envFiles()...), cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...), cli.WithName(p.Name), cli.WithResolvedPaths(true), cli.WithDiscardEnvFile,
		cli.WithLoadOptions(onlyCasts(files)),
	)...)
}

// quiet keeps the library's warnings back: they quote fragments of a password that holds a dollar sign.
func quiet() { logrus.SetOutput(io.Discard) }
