package compose

import (
	"maps"

	"github.com/compose-spec/compose-go/v2/types"
)

// takeUnused takes out of a project the networks, volumes, secrets, configs and models that nobody uses, and returns them. The
// library's own way to do that copies the whole project, and overlooks what only jobs use.
func takeUnused(project *types.Project) types.Project {
	networks, volumes, secrets, configs, models := used{}, used{}, used{}, used{}, used{}
	uses := func(c types.ContainerSpec, build *types.BuildConfig) {
		for key := range c.Networks {
			networks[key] = true
		}
		for _, volume := range c.Volumes {
			if volume.Type == types.VolumeTypeVolume {
				volumes[volume.Source] = true
			}
		}
		for _, secret := range c.Secrets {
			secrets[secret.Source] = true
		}
		if build != nil {
			for _, secret := range build.Secrets {
				secrets[secret.Source] = true
			}
		}
		for _, config := range c.Configs {
			configs[config.Source] = true
		}
		for key := range c.Models {
			models[key] = true
		}
	}
	for _, service := range project.Services {
		uses(service.ContainerSpec, service.Build)
	}
	for _, job := range project.Jobs {
		uses(job.ContainerSpec, job.Build)
	}
	return types.Project{
		Networks: take(project.Networks, networks),
		Volumes:  take(project.Volumes, volumes),
		Secrets:  take(project.Secrets, secrets),
		Configs:  take(project.Configs, configs),
		Models:   take(project.Models, models),
	}
}

// used are the keys of what is used.
type used map[string]bool

// take takes out what is not wanted.
func take[M ~map[string]V, V any](all M, wanted used) M {
	taken := M{}
	maps.DeleteFunc(all, func(key string, value V) bool {
		if !wanted[key] {
			taken[key] = value
		}
		return !wanted[key]
	})
	return taken
}
