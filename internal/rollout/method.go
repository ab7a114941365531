package rollout

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"slipway/internal/compose"
)

// MethodLabel on a service overrides how it is replaced: surge or replace.
const MethodLabel = "slipway.rollout"

// Method is a way to bring a service to its target.
type Method string

// The methods.
const (
	Start   Method = "start"   // there is nothing yet
	Replace Method = "replace" // the old container stops before the new one starts
	Surge   Method = "surge"   // the new container is ready before the old one stops
)

// The orders of deploy.update_config in the Compose specification.
const (
	startFirst = "start-first"
	stopFirst  = "stop-first"
)

// Choose picks the method for a service: that of deploy.update_config.order or of the label where they say one. Else stateless
// services that can have a second container beside the first surge; services that write to volumes are replaced, for two of
// them at once on the same data are a risk nobody asked for.
func Choose(service compose.Service, containers []compose.Container) (Method, error) {
	wish, said, err := wished(service)
	if err != nil {
		return "", err
	}
	found := Of(service.Name, containers)
	against := obstacle(service)
	switch {
	case wish == Surge && against.absolute:
		return "", fmt.Errorf("%s: a second container cannot start beside the first: %s", said, against.why)
	case wish == Surge && anonymous(found) != "":
		return "", fmt.Errorf("%s: the data in %s would be left behind: only the container that takes the old one's place gets its anonymous volume; give it a name under volumes", said, anonymous(found))
	case len(found) == 0:
		return Start, nil
	case wish != "":
		return wish, nil
	case against.why != "" || writes(found):
		return Replace, nil
	}
	return Surge, nil
}

// wished is the method that the files ask for, and where; empty where they do not.
func wished(service compose.Service) (wish Method, said string, err error) {
	if deploy := service.Deploy; deploy != nil && deploy.UpdateConfig != nil && deploy.UpdateConfig.Order != "" {
		order := deploy.UpdateConfig.Order
		said = "deploy.update_config.order: " + order
		switch order {
		case startFirst:
			wish = Surge
		case stopFirst:
			wish = Replace
		default:
			return "", said, fmt.Errorf("deploy.update_config.order: %q is neither %s nor %s", order, startFirst, stopFirst)
		}
	}
	label, labelled := service.Labels[MethodLabel]
	switch {
	case !labelled:
		return wish, said, nil
	case label != string(Surge) && label != string(Replace):
		return "", said, fmt.Errorf("label %s: %q is neither %s nor %s", MethodLabel, label, Surge, Replace)
	case wish != "" && wish != Method(label):
		return "", said, fmt.Errorf("label %s: %s contradicts %s", MethodLabel, label, said)
	}
	return Method(label), "label " + MethodLabel, nil
}

// StartsFirst reports whether the files want a service's new container to start before the old one stops.
func StartsFirst(service compose.Service) bool {
	wish, _, err := wished(service)
	return err == nil && wish == Surge
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

// hindrance is why a service does not surge by itself; an absolute one cannot be overridden.
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
	for _, name := range slices.Sorted(maps.Keys(service.Networks)) {
		if n := service.Networks[name]; n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || n.MacAddress != "") {
			return hindrance{"its address in network " + name + " allows one container only", true}
		}
	}
	if mounts := service.Writes(); len(mounts) > 0 {
		return hindrance{"it writes to " + mounts[0].Target, false}
	}
	return hindrance{}
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
