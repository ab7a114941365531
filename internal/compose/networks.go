package compose

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Network is a network as the engine has it.
type Network struct {
	network.Inspect
	Attached map[string]string // id -> name of the containers that are in it and run
}

// NetworkLabel is the key under which the files have a network that Compose made.
const NetworkLabel = "com.docker.compose.network"

// Networks are the networks that the engine has of a project, and those that its model names, by name.
func (p Project) Networks(ctx context.Context, model *Model) (map[string]Network, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, network := range model.Networks {
		wanted[network.Name] = true
	}
	listed, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("label", ProjectLabel+"="+p.Name)})
	if err != nil {
		return nil, refusal(ctx, "list networks", err)
	}
	for _, item := range listed.Items {
		wanted[item.Name] = true
	}
	return each(ctx, "inspect networks", slices.Collect(maps.Keys(wanted)), func(ctx context.Context, name string) (Network, error) {
		answer, err := docker.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
		found := Network{Inspect: answer.Network, Attached: map[string]string{}}
		for id, endpoint := range answer.Network.Containers {
			found.Attached[id] = endpoint.Name
		}
		return found, err
	})
}

// Subnets are those of all networks of the engine, by the networks' names.
func Subnets(ctx context.Context) (map[string][]netip.Prefix, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	listed, err := docker.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, refusal(ctx, "list networks", err)
	}
	subnets := map[string][]netip.Prefix{}
	for _, item := range listed.Items {
		for _, config := range item.IPAM.Config {
			if config.Subnet.IsValid() {
				subnets[item.Name] = append(subnets[item.Name], config.Subnet)
			}
		}
	}
	return subnets, nil
}
