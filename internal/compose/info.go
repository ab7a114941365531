package compose

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Info is what an engine says about itself.
type Info struct {
	Root    string   // where it keeps volumes, containers and, on the classic store, images
	Images  string   // where the containerd store keeps images; empty on the classic store
	Mirrors []string // of Docker Hub, as URLs
	Local   bool     // it is on this machine
	Host    string   // the name of its host

	Runtimes []string // its OCI runtimes
	Networks []string // its network drivers
	Logging  string   // the log driver of containers that say none
	CDI      []string // the folders in which it looks for devices that are described by CDI; none where it does not
	Swarm    bool     // it is in a Swarm
}

// containerdRoot is where containerd keeps images unless its own configuration says otherwise, which the engine does not tell.
const containerdRoot = "/var/lib/containerd"

// EngineInfo asks the engine what it is.
func EngineInfo(ctx context.Context) (Info, error) {
	docker, err := engine()
	if err != nil {
		return Info{}, err
	}
	answer, err := docker.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Info{}, refusal(ctx, "ask the engine about itself", err)
	}
	info := Info{
		Root: answer.Info.DockerRootDir, Local: strings.HasPrefix(docker.DaemonHost(), "unix://"),
		Runtimes: slices.Sorted(maps.Keys(answer.Info.Runtimes)), Swarm: answer.Info.Swarm.LocalNodeState == swarm.LocalNodeStateActive,
		Networks: answer.Info.Plugins.Network, Host: answer.Info.Name, Logging: answer.Info.LoggingDriver, CDI: answer.Info.CDISpecDirs,
	}
	if answer.Info.RegistryConfig != nil {
		info.Mirrors = answer.Info.RegistryConfig.Mirrors
	}
	for _, status := range answer.Info.DriverStatus {
		if status[0] == "driver-type" && strings.HasPrefix(status[1], "io.containerd.snapshotter") {
			info.Images = containerdRoot
		}
	}
	return info, nil
}
