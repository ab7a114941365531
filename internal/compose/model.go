package compose

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
)

// Model is a stack as its compose files say it: the project that compose-go resolves, of the active profiles, with the jobs.
// It is the only truth about a stack. It holds secrets in the clear.
type Model struct {
	*types.Project
	// Services are those of the active profiles and every job. It stands before the project's own, which has no top-level jobs.
	Services map[string]Service
	// Root is the checkout: the folder that holds the compose files and whatever belongs to them.
	Root string

	unused  types.Project     // what the files have and nobody uses
	named   map[string]string // of a release: what the checkout calls a file, by its path
	copies  map[string]string // what is read in the place of a path of the checkout
	tracked func() map[string]bool
}

// ReadFrom has copies read in the place of files of the checkout, by their paths: what changes there later is not seen.
func (m *Model) ReadFrom(copies map[string]string) { m.copies = copies }

// Holds reports whether a path is in the checkout.
func (m *Model) Holds(path string) bool { return Within(m.Root, path) }

// Tracked reports whether git tracks a file of the checkout.
func (m *Model) Tracked(path string) bool { return m.tracked()[path] }

// TrackedIn are the files in a folder that git tracks, relative to it.
func (m *Model) TrackedIn(folder string) []string {
	var files []string
	for file := range m.tracked() {
		if Within(folder, file) {
			if rel, err := filepath.Rel(folder, file); err == nil {
				files = append(files, rel)
			}
		}
	}
	slices.Sort(files)
	return files
}

// NewModel is the model of a resolved project.
func NewModel(project *types.Project) *Model {
	m := &Model{Project: project, Services: make(map[string]Service, len(project.Services)+len(project.Jobs)), Root: checkout(project.WorkingDir)}
	m.tracked = sync.OnceValue(func() map[string]bool { return tracked(m.Root) })
	awaited := map[string]bool{}
	for _, s := range project.Services {
		for name, dependency := range s.DependsOn {
			awaited[name] = awaited[name] || dependency.Condition == types.ServiceConditionCompletedSuccessfully
		}
	}
	for name, config := range project.Services {
		s := Service{ServiceConfig: config, Job: slices.Contains(config.Profiles, JobsProfile)}
		s.Name = name
		s.Image = m.image(s)
		_, labelled := s.Labels[JobLabel]
		s.OneShot = s.Job || awaited[name] || labelled && s.once() || s.Deploy != nil && strings.HasSuffix(s.Deploy.Mode, "-job")
		m.Services[name] = s
	}
	for name, job := range project.Jobs {
		s := Service{
			ServiceConfig: types.ServiceConfig{
				Name: name, Profiles: job.Profiles, ContainerSpec: job.ContainerSpec, WorkloadSpec: job.WorkloadSpec, Extensions: job.Extensions,
			},
			Job: true, OneShot: true,
		}
		s.Image = m.image(s)
		m.Services[name] = s
	}
	return m
}

// image is the reference of a service's image: what the files say, else the name that Compose gives to what it builds,
// GetImageNameOrDefault in pkg/api of github.com/docker/compose.
func (m *Model) image(s Service) string {
	if s.Image == "" {
		return m.Name + "-" + s.Name
	}
	return s.Image
}

// Known are the names of all services and jobs of the files, those of profiles that are not active too.
func (m *Model) Known() map[string]bool {
	known := map[string]bool{}
	for name := range m.Services {
		known[name] = true
	}
	for name := range m.DisabledServices {
		known[name] = true
	}
	for name := range m.DisabledJobs {
		known[name] = true
	}
	return known
}

// Up are the services that are to be up, by name: all but the jobs and what a provider, not a container, runs.
func (m *Model) Up() []Service {
	var up []Service
	for _, name := range slices.Sorted(maps.Keys(m.Services)) {
		if s := m.Services[name]; !s.Job && s.Provider == nil {
			up = append(up, s)
		}
	}
	return up
}

// NetworksOf a service are those it is attached to, by the names that the engine knows them by.
func (m *Model) NetworksOf(s Service) []types.NetworkConfig {
	var networks []types.NetworkConfig
	for _, key := range slices.Sorted(maps.Keys(s.Networks)) {
		if network, has := m.Networks[key]; has {
			networks = append(networks, network)
		}
	}
	return networks
}

// relative is a path as the checkout has it: relative to the folder of the compose files if it is inside the checkout,
// so that another checkout of the same content has the same.
func (m *Model) relative(path string) string {
	if name, copied := m.named[path]; copied {
		return name
	}
	if !Within(m.Root, path) {
		return path
	}
	if rel, err := filepath.Rel(m.WorkingDir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}
