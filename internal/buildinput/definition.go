package buildinput

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// build is how the image of one service or job comes about.
type build struct {
	name     string
	image    string
	platform string
	config   *types.BuildConfig
}

// buildsOf are the build of a service or job, and those of the services whose images it takes as additional contexts.
func buildsOf(project *types.Project, name string) ([]build, error) {
	var builds []build
	for wanted := []string{name}; len(wanted) > 0; wanted = wanted[1:] {
		if slices.ContainsFunc(builds, func(b build) bool { return b.name == wanted[0] }) {
			continue
		}
		b, err := find(project, wanted[0])
		if err != nil {
			return nil, err
		}
		builds = append(builds, b)
		for _, context := range sorted(b.config.AdditionalContexts) {
			if service, ok := strings.CutPrefix(context, types.ServicePrefix); ok {
				wanted = append(wanted, service)
			}
		}
	}
	return builds, nil
}

func find(project *types.Project, name string) (build, error) {
	b := build{name: name}
	if service, ok := project.AllServices()[name]; ok {
		b.image, b.platform, b.config = service.Image, service.Platform, service.Build
	} else if job, ok := project.AllJobs()[name]; ok {
		b.image, b.platform, b.config = job.Image, job.Platform, job.Build
	} else {
		return b, fmt.Errorf("no service and no job is called %s", name)
	}
	if b.config == nil {
		return b, fmt.Errorf("%s has no build section", name)
	}
	b.image = cmp.Or(b.image, project.Name+"-"+name)
	return b, nil
}

// definition is everything that the compose files say about the build, with the paths of the checkout made relative.
// Arguments that are taken from the environment hold its values: the library has resolved them.
func (b build) definition(project *types.Project, names names) (string, error) {
	config := *b.config
	config.Context = names.ofLocal(config.Context)
	config.Dockerfile = names.ofLocal(config.Dockerfile)
	config.AdditionalContexts = maps.Clone(config.AdditionalContexts)
	for name, context := range config.AdditionalContexts {
		config.AdditionalContexts[name] = names.ofLocal(context)
	}
	config.SSH = nil // the library cannot encode it
	ssh := map[string]string{}
	for _, key := range b.config.SSH {
		ssh[key.ID] = names.ofLocal(key.Path)
	}
	sources := map[string][2]string{}
	for _, ref := range config.Secrets {
		secret := project.Secrets[ref.Source]
		sources[ref.Source] = [2]string{names.ofLocal(secret.File), secret.Environment}
	}
	platform := cmp.Or(project.Environment["DOCKER_DEFAULT_PLATFORM"], b.platform)
	text, err := json.Marshal([]any{project.Name, b.name, b.image, platform, config, ssh, sources})
	return string(text), err
}

// dockerfile is the path of the Dockerfile; none where it is written in the compose file or comes with a remote context.
// Compose resolves its folder, not the file, and BuildKit takes `dockerfile` where there is no `Dockerfile`.
func (b build) dockerfile() string {
	if b.config.DockerfileInline != "" {
		return ""
	}
	path := cmp.Or(b.config.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(path) {
		if !local(b.config.Context) {
			return ""
		}
		path = filepath.Join(b.config.Context, path)
	}
	if _, err := os.Lstat(path); err != nil && filepath.Base(path) == "Dockerfile" {
		lower := filepath.Join(filepath.Dir(path), "dockerfile")
		if _, err := os.Lstat(lower); err == nil {
			return lower
		}
	}
	return path
}

// contexts are the folders that BuildKit reads: the context and the additional ones.
func (b build) contexts() ([]localContext, error) {
	var contexts []localContext
	add := func(dir string, ignoreFiles ...string) error {
		if !local(dir) {
			return nil
		}
		context, err := openContext(dir, ignoreFiles...)
		contexts = append(contexts, context)
		return err
	}
	var ignoreFiles []string
	if dockerfile := b.dockerfile(); dockerfile != "" {
		ignoreFiles = append(ignoreFiles, dockerfile+".dockerignore")
	}
	if err := add(b.config.Context, ignoreFiles...); err != nil {
		return nil, err
	}
	for _, dir := range sorted(b.config.AdditionalContexts) {
		if err := add(dir); err != nil {
			return nil, err
		}
	}
	return contexts, nil
}

// local says whether a context is a folder of this machine: the library has made all of those absolute, and left
// references (https://…, git@…, github.com/…, docker-image://…, service:…) as they are.
func local(context string) bool { return filepath.IsAbs(context) }

func sorted(m types.Mapping) []string {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}
