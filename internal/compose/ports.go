package compose

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/moby/moby/client"
)

// Publishing is a running container that publishes TCP ports.
type Publishing struct {
	PID       int // of its main process, on the engine's machine
	StartedAt time.Time
	Ports     []Port
	Datagrams bool // it publishes ports of UDP or SCTP, too
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
	ports := map[string][]Port{}
	datagrams := map[string]bool{}
	for _, item := range listed.Items {
		for _, summary := range item.Ports {
			port := Port{Inside: summary.PrivatePort, Outside: summary.PublicPort}
			switch {
			case port.Outside == 0:
			case summary.Type != "tcp":
				datagrams[item.ID] = true
			case !slices.Contains(ports[item.ID], port): // IPv4 and IPv6 are listed apart
				ports[item.ID] = append(ports[item.ID], port)
			}
		}
	}
	found, err := each(ctx, what, slices.Collect(maps.Keys(ports)), func(ctx context.Context, id string) (Publishing, error) {
		answer, err := docker.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err != nil || answer.Container.State == nil || !answer.Container.State.Running {
			return Publishing{}, err
		}
		state := answer.Container.State
		started, err := time.Parse(time.RFC3339Nano, state.StartedAt)
		return Publishing{PID: state.Pid, StartedAt: started, Ports: ports[id], Datagrams: datagrams[id]}, err
	})
	maps.DeleteFunc(found, func(_ string, p Publishing) bool { return p.Ports == nil })
	return found, err
}
