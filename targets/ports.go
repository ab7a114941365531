package targets

import (
	"context"
	"slices"

	"slipway/internal/compose"
	"slipway/internal/host"
)

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
