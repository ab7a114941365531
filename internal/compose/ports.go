package compose

import (
	"context"
	"slices"

	"github.com/moby/moby/client"
)

// Publishing is a running container that publishes TCP ports.
type Publishing struct {
	PID   int // of its main process, on the engine's machine
	Ports []Port
}

// Port is a TCP port inside a container, and the one that it is published as.
type Port struct{ Inside, Outside uint16 }

// PublishedPorts returns the running containers of the project that publish TCP ports, by their ids.
func (p Project) PublishedPorts(ctx context.Context) (map[string]Publishing, error) {
	const what = "list the published ports"
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	listed, err := docker.ContainerList(ctx, client.ContainerListOptions{
		Filters: make(client.Filters).Add("label", ProjectLabel+"="+p.Name),
	})
	if err != nil {
		return nil, refusal(ctx, what, err)
	}
	found := map[string]Publishing{}
	for _, item := range listed.Items {
		var ports []Port
		for _, summary := range item.Ports {
			port := Port{Inside: summary.PrivatePort, Outside: summary.PublicPort}
			if summary.Type == "tcp" && port.Outside != 0 && !slices.Contains(ports, port) { // IPv4 and IPv6 are listed apart
				ports = append(ports, port)
			}
		}
		if len(ports) == 0 {
			continue
		}
		answer, err := docker.ContainerInspect(ctx, item.ID, client.ContainerInspectOptions{})
		if err != nil {
			return nil, refusal(ctx, what, err)
		}
		if state := answer.Container.State; state != nil && state.Running {
			found[item.ID] = Publishing{PID: state.Pid, Ports: ports}
		}
	}
	return found, nil
}
