package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"slipway/checkpoints"
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
			return s.contexts(services)
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
			args := []string{"build"}
			for _, service := range services {
				args = append(args, service.Name)
			}
			return console.Count(len(services), "image"), s.interruptibleScript(ctx, "deploy.sh", args...)
		},
	}
}

// built are the services with a build section of their own.
func (s *session) built(ctx context.Context) ([]compose.Service, error) {
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	return servicesOf(model, func(service compose.Service) bool { return service.Context != "" }), nil
}

// contexts are the files of the build contexts, less what .dockerignore leaves out, and how each image is built.
func (s *session) contexts(services []compose.Service) ([]checkpoints.Input, error) {
	var inputs []checkpoints.Input
	seen := map[string]bool{}
	for _, service := range services {
		inputs = append(inputs, checkpoints.Value("build of "+service.Name, buildDefinition(service)+service.Image))
		if seen[service.Context] {
			continue
		}
		seen[service.Context] = true
		kept, err := contextMatch(service.Context)
		if err != nil {
			return nil, err
		}
		prefix, err := filepath.Rel(s.dir, service.Context)
		if err != nil {
			return nil, fmt.Errorf("build context of %s: %w", service.Name, err)
		}
		files, err := checkpoints.Tree(filepath.Join(s.stack.Dir, prefix), service.Context, kept)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, files...)
	}
	return inputs, nil
}

// buildDefinition is how the compose files say that a service is built.
func buildDefinition(service compose.Service) string {
	var raw struct {
		Build json.RawMessage `json:"build"`
	}
	if json.Unmarshal(service.Raw, &raw) != nil {
		return ""
	}
	return string(raw.Build)
}

// contextMatch says which files of a build context the builder gets: those that .dockerignore does not leave out.
func contextMatch(dir string) (func(rel string) bool, error) {
	file, err := os.Open(filepath.Join(dir, ".dockerignore")) //nolint:gosec // the stack's own build context
	if errors.Is(err, fs.ErrNotExist) {
		return func(string) bool { return true }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	defer func() { _ = file.Close() }()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	return func(rel string) bool {
		ignored, err := matcher.MatchesOrParentMatches(rel)
		return err != nil || !ignored
	}, nil
}
