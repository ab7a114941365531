// Package buildinput knows what BuildKit would read to build the images of a project.
//
// It is the Dockerfile and the ignore file, wherever they are; the files of the context and of additional local
// contexts, less what their ignore files leave out; and the build definition. What lies elsewhere (a Git repository, a
// URL, an image of a registry) counts by its reference: whether it has moved, only a build can tell. Secrets and SSH
// keys count by name and source, since their content is no part of BuildKit's cache key either.
//
// A context counts as a whole. Which of its files the Dockerfile copies is BuildKit's to find out: a change to another
// one means a build that comes from the cache, and the same image.
package buildinput

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/checkpoints"
)

// Inputs are the checkpoint inputs of building the images of services and jobs, sorted by name. Files are named by
// their path below root, so that two checkouts of the same content have the same inputs. State are the files and
// folders of ours, such as the state directory: they never are an input, wherever they lie. Paths are absolute.
func Inputs(project *types.Project, services []string, root string, state ...string) ([]checkpoints.Input, error) {
	c := collector{names: newNames(root), found: map[string]checkpoints.Input{}}
	for _, path := range state {
		c.state = append(c.state, resolve(path))
	}
	for _, service := range services {
		builds, err := buildsOf(project, service)
		if err != nil {
			return nil, err
		}
		for _, build := range builds {
			if err := c.build(project, build); err != nil {
				return nil, fmt.Errorf("build of %s: %w", build.name, err)
			}
		}
	}
	var inputs []checkpoints.Input
	for _, name := range slices.Sorted(maps.Keys(c.found)) {
		inputs = append(inputs, c.found[name])
	}
	return inputs, nil
}

// collector gathers the inputs of several builds. What two of them read is read once.
type collector struct {
	names names
	state []string // resolved
	found map[string]checkpoints.Input
}

func (c *collector) build(project *types.Project, build build) error {
	definition, err := build.definition(project, c.names)
	if err != nil {
		return err
	}
	name := "build of " + build.name
	c.found[name] = checkpoints.Value(name, definition)
	if dockerfile := build.dockerfile(); dockerfile != "" {
		if err := c.file(dockerfile); err != nil {
			return missing(err, "there is no Dockerfile "+dockerfile)
		}
	}
	contexts, err := build.contexts()
	if err != nil {
		return err
	}
	for _, context := range contexts {
		if err := c.context(context); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) context(context localContext) error {
	if context.ignore.exists {
		if err := c.file(context.ignore.path); err != nil {
			return err
		}
	}
	entries, err := context.entries(c.state)
	if err != nil {
		return err
	}
	for _, rel := range entries {
		if err := c.entry(filepath.Join(context.dir, rel)); err != nil {
			return context.unreadable(err)
		}
	}
	return nil
}

// file adds a file that is read through symbolic links: the link, and the file it leads to.
func (c *collector) file(path string) error {
	if err := c.entry(path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return c.entry(target)
}

func (c *collector) entry(path string) error {
	name := c.names.of(path)
	if _, ok := c.found[name]; ok {
		return nil
	}
	input, err := checkpoints.Entry(name, path)
	c.found[name] = input
	return err
}

func missing(err error, sentence string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(sentence)
	}
	return err
}
