package targets

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"slipway/internal/compose"
	"slipway/internal/host"
)

// previewLimit bounds what preflight asks Compose and the engine; on a busy machine they are slow.
const previewLimit = 10 * time.Second

// preview is the stack as preflight sees it: before config has run, with stand-ins for settings that are not known yet.
type preview struct {
	model      *compose.Model
	containers []compose.Container
	err        error
}

// modelChecks are the checks that need the compose files resolved: the ports, the registries of images that are not here
// and, where preflight is all that was asked for, which services cannot run twice.
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
				return host.Warn("not looked at: "+firstLine(seen.err), "docker compose config --quiet says more")
			}
			return judge(ctx, seen)
		}
	}
	checks := []host.Check{
		{Name: "ports", Limit: previewLimit, Look: look(freePorts)},
		{Name: "registry", Limit: previewLimit, Look: look(reachableRegistries)},
	}
	if s.target == "preflight" {
		checks = append(checks, host.Check{Name: "scaling", Limit: previewLimit, Look: look(unscalable)})
	}
	return checks
}

func (s *session) preview(ctx context.Context) preview {
	project := s.project
	for _, setting := range s.dest.Settings {
		if setting.File == "" && s.setting(setting.Key) == "" {
			project.Env = append(project.Env, setting.Key+"=unset.invalid")
		}
	}
	var seen preview
	env := s.envContent()
	var wait sync.WaitGroup
	var failure error
	wait.Go(func() { seen.containers, failure = s.project.Containers(ctx) })
	seen.model, seen.err = project.Model(ctx)
	wait.Wait()
	if seen.err == nil && len(project.Env) == len(s.project.Env) {
		s.offer(seen.model, env)
	}
	seen.err = errors.Join(seen.err, failure)
	return seen
}

// freePorts checks that the ports are free or held by this very stack.
func freePorts(ctx context.Context, seen preview) host.Finding {
	own := map[string]bool{}
	for _, c := range seen.containers {
		own[c.Service] = own[c.Service] || c.Status == "running"
	}
	publisher := func(ctx context.Context, p host.Port) string {
		name, _ := compose.Publisher(ctx, p.Number) // unknown is as good as none: then the process is named
		return name
	}
	return host.Ports(publishedPorts(seen.model), func(p host.Port) bool { return own[p.Service] }, publisher).Look(ctx)
}

// publishedPorts are the host ports that the model asks for.
func publishedPorts(model *compose.Model) []host.Port {
	var ports []host.Port
	for name, service := range model.Services {
		var raw struct {
			Ports []struct {
				Published string `json:"published"`
				Protocol  string `json:"protocol"`
				HostIP    string `json:"host_ip"`
			} `json:"ports"`
		}
		if json.Unmarshal(service.Raw, &raw) != nil {
			continue
		}
		for _, p := range raw.Ports {
			if number, err := strconv.Atoi(p.Published); err == nil {
				ports = append(ports, host.Port{Number: number, Proto: p.Protocol, Service: name, Address: p.HostIP})
			}
		}
	}
	return ports
}

// reachableRegistries checks the registries that a pull would ask: those of images that are neither here nor built here.
func reachableRegistries(ctx context.Context, seen preview) host.Finding {
	refs := imagesOf(withoutBuild(seen.model))
	here, err := compose.ImageIDs(ctx, refs...)
	if err != nil {
		return host.Warn("not looked at: "+firstLine(err), "docker image ls")
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool { return here[ref] != "" })
	for _, finding := range askRegistries(ctx, refs, host.DefaultLimit) {
		if finding.State != host.StateOK {
			return finding
		}
	}
	return host.OK("every image is here or its registry answers")
}

// askRegistries asks the registries of these images whether they answer, each once.
func askRegistries(ctx context.Context, refs []string, limit time.Duration) []host.Finding {
	var registries []string
	for _, ref := range refs {
		registries = append(registries, compose.RegistryOf(ref))
	}
	slices.Sort(registries)
	checks := []host.Check{}
	for _, registry := range slices.Compact(registries) {
		check := host.Registry(registry)
		check.Limit = limit
		checks = append(checks, check)
	}
	return host.Run(ctx, checks)
}

// unscalable names the services that are replaced with a gap.
func unscalable(ctx context.Context, seen preview) host.Finding {
	var names []string
	for name, service := range seen.model.Services {
		if service.ContainerName != "" || len(service.FixedPorts) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return host.Scaling(names).Look(ctx)
}
