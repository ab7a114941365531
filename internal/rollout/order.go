package rollout

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// goneLabel is how a service said its order before Compose's own key did.
const goneLabel = "slipway.rollout"

// Order is in which order a service's containers are replaced.
type Order string

// The orders: Start, and those of deploy.update_config.order in the Compose specification.
const (
	Start      Order = "start"       // there is nothing yet
	StopFirst  Order = "stop-first"  // the old container stops before the new one starts
	StartFirst Order = "start-first" // the new container is ready before the old one stops
)

// Choose picks the order for a service: that of deploy.update_config.order where it says one. Else stateless services that can
// have a second container beside the first start it first; services that write to volumes stop first, for two of them at once
// on the same data are a risk nobody asked for.
func Choose(service compose.Service, containers []compose.Container) (Order, error) {
	wish, err := wished(service)
	if err != nil {
		return "", err
	}
	found := Of(service.Name, containers)
	against := obstacle(service)
	const said = "deploy.update_config.order: start-first"
	switch {
	case wish == StartFirst && against.absolute:
		return "", fmt.Errorf("%s: a second container cannot start beside the first: %s", said, against.why)
	case wish == StartFirst && anonymous(found) != "":
		return "", fmt.Errorf("%s: the data in %s would be left behind: only the container that takes the old one's place gets its anonymous volume; give it a name under volumes", said, anonymous(found))
	case len(found) == 0:
		return Start, nil
	case wish != "":
		return wish, nil
	case against.why != "" || writes(found):
		return StopFirst, nil
	}
	return StartFirst, nil
}

// wished is the order that the files ask for; empty where they do not.
func wished(service compose.Service) (Order, error) {
	if _, labelled := service.Labels[goneLabel]; labelled {
		return "", fmt.Errorf("label %s no longer means anything: write deploy.update_config.order: %s or %s", goneLabel, StartFirst, StopFirst)
	}
	switch order := Order(updateConfig(service).Order); order {
	case "", StartFirst, StopFirst:
		return order, nil
	default:
		return "", fmt.Errorf("deploy.update_config.order: %q is neither %s nor %s", order, StartFirst, StopFirst)
	}
}

// StartsFirst reports whether the files want a service's new container to start before the old one stops.
func StartsFirst(service compose.Service) bool {
	wish, err := wished(service)
	return err == nil && wish == StartFirst
}

// parallelism is how many containers of a service are replaced at a time: what deploy.update_config.parallelism says, where 0 is
// all of them. Without it, all where nobody has to stop for it, and else one after the other.
func parallelism(service compose.Service, order Order) int {
	n := 0
	if order == StopFirst {
		n = 1
	}
	if config := updateConfig(service); config.Parallelism != nil {
		n = int(min(*config.Parallelism, math.MaxInt32)) //nolint:gosec // it fits now
	}
	if n == 0 {
		return math.MaxInt
	}
	return n
}

func updateConfig(service compose.Service) types.UpdateConfig {
	if service.Deploy == nil || service.Deploy.UpdateConfig == nil {
		return types.UpdateConfig{}
	}
	return *service.Deploy.UpdateConfig
}

// writes tells whether containers write to volumes, those too that only their image declares.
func writes(containers []compose.Container) bool {
	return slices.ContainsFunc(containers, func(c compose.Container) bool {
		return slices.ContainsFunc(c.Mounts, func(m compose.Mount) bool { return m.Type == "volume" && m.Write })
	})
}

// anonymousName is the name of a volume that nobody named.
var anonymousName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// anonymous is where a container has an anonymous volume that it can write to; empty where none has.
func anonymous(containers []compose.Container) string {
	for _, c := range containers {
		for _, m := range c.Mounts {
			if isAnonymous(m) {
				return m.Target
			}
		}
	}
	return ""
}

// isAnonymous reports whether a mount is a volume that nobody named and that is written to.
func isAnonymous(m compose.Mount) bool {
	return m.Type == "volume" && m.Write && anonymousName.MatchString(m.Name)
}

// hindrance is why a service does not start first by itself; an absolute one cannot be overridden.
type hindrance struct {
	why      string
	absolute bool
}

// obstacle finds what stands against a second container.
func obstacle(service compose.Service) hindrance {
	switch {
	case service.OneShot:
		return hindrance{"it ends by itself", true}
	case exclusive(service):
		return hindrance{"it is to write alone (label " + ExclusiveLabel + ")", true}
	case service.ContainerName != "":
		return hindrance{"container_name allows one container only", true}
	case service.MacAddress != "":
		return hindrance{"mac_address allows one container only", true}
	case len(service.PreStart) > 0:
		return hindrance{"Compose runs no pre_start hook for a container that it adds beside a running one", true}
	case service.NetworkMode == "host" || sharer(service.NetworkMode) != "":
		return hindrance{"network_mode " + service.NetworkMode + " shares its ports", false}
	}
	for _, port := range service.Published() {
		if port.Fixed() {
			return hindrance{"host port " + port.String() + " can be taken once only", true}
		}
		if port.Last-port.First+1 < 2*service.Replicas() {
			return hindrance{"host ports " + port.String() + " leave no room for it", true}
		}
	}
	if name, fixed := fixedAddress(service); fixed {
		return hindrance{"its address in network " + name + " allows one container only", true}
	}
	if mounts := service.Writes(); len(mounts) > 0 {
		return hindrance{"it writes to " + mounts[0].Target, false}
	}
	return hindrance{}
}

// fixedAddress is the first network in which a service has an address of its own.
func fixedAddress(service compose.Service) (network string, fixed bool) {
	for _, name := range slices.Sorted(maps.Keys(service.Networks)) {
		if n := service.Networks[name]; n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || n.MacAddress != "") {
			return name, true
		}
	}
	return "", false
}

// sharer is the service in a mode like "service:db", or "".
func sharer(mode string) string {
	name, found := strings.CutPrefix(mode, "service:")
	if !found {
		return ""
	}
	return name
}

// Follows names the services whose new containers make this one's be replaced too: those whose
// namespaces or volumes it shares, and those it depends on with `restart: true`. Their steps belong
// into After of this one's.
func Follows(service compose.Service) []string {
	var names []string
	for _, mode := range []string{service.NetworkMode, service.Ipc, service.Pid} {
		if name := sharer(mode); name != "" {
			names = append(names, name)
		}
	}
	for _, from := range service.VolumesFrom {
		if name, _, _ := strings.Cut(from, ":"); name != "container" {
			names = append(names, name)
		}
	}
	for name, depends := range service.DependsOn {
		if depends.Restart {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
