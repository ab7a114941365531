package rollout

import (
	"encoding/json"
	"fmt"
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

// Choose picks the method for a service. Stateless services that can have a second container beside
// the first surge; services that write to volumes are replaced, for two of them at once on the same
// data are a risk nobody asked for.
func Choose(service compose.Service, containers []compose.Container) (Method, error) {
	against, err := obstacle(service)
	if err != nil {
		return "", err
	}
	found := Of(service.Name, containers)
	wish, labelled := service.Labels[MethodLabel]
	switch {
	case labelled && wish != string(Surge) && wish != string(Replace):
		return "", fmt.Errorf("label %s: %q is neither surge nor replace", MethodLabel, wish)
	case labelled && wish == string(Surge) && against.absolute:
		return "", fmt.Errorf("label %s: it cannot surge: %s", MethodLabel, against.why)
	case len(found) == 0:
		return Start, nil
	case wish == string(Replace), wish == "" && (against.why != "" || writes(found)):
		return Replace, nil
	}
	return Surge, nil
}

// writes tells whether containers write to volumes, those too that only their image declares.
func writes(containers []compose.Container) bool {
	return slices.ContainsFunc(containers, func(c compose.Container) bool { return len(c.WritableVolumes) > 0 })
}

// hindrance is why a service does not surge by itself; an absolute one cannot be overridden by the label.
type hindrance struct {
	why      string
	absolute bool
}

// shape is what of a definition decides about a second container.
type shape struct {
	NetworkMode string   `json:"network_mode"`
	Ipc         string   `json:"ipc"`
	Pid         string   `json:"pid"`
	MacAddress  string   `json:"mac_address"`
	VolumesFrom []string `json:"volumes_from"`
	Networks    map[string]*struct {
		IPv4 string `json:"ipv4_address"`
		IPv6 string `json:"ipv6_address"`
		Mac  string `json:"mac_address"`
	} `json:"networks"`
	Volumes []struct {
		Type     string `json:"type"`
		Source   string `json:"source"`
		Target   string `json:"target"`
		ReadOnly bool   `json:"read_only"`
	} `json:"volumes"`
	DependsOn map[string]struct {
		Restart bool `json:"restart"`
	} `json:"depends_on"`
}

func (s *shape) read(service compose.Service) error {
	if len(service.Raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(service.Raw, s); err != nil {
		return fmt.Errorf("read the definition: %w", err)
	}
	return nil
}

// obstacle finds what stands against a second container.
func obstacle(service compose.Service) (hindrance, error) {
	var s shape
	if err := s.read(service); err != nil {
		return hindrance{}, err
	}
	switch {
	case service.OneShot:
		return hindrance{"it ends by itself", true}, nil
	case service.ContainerName != "":
		return hindrance{"container_name allows one container only", true}, nil
	case len(service.FixedPorts) > 0:
		return hindrance{fmt.Sprintf("host port %d can be taken once only", service.FixedPorts[0]), true}, nil
	case s.MacAddress != "":
		return hindrance{"mac_address allows one container only", true}, nil
	case s.NetworkMode == "host" || sharer(s.NetworkMode) != "":
		return hindrance{"network_mode " + s.NetworkMode + " shares its ports", false}, nil
	}
	for name, network := range s.Networks {
		if network != nil && (network.IPv4 != "" || network.IPv6 != "" || network.Mac != "") {
			return hindrance{"its address in network " + name + " allows one container only", true}, nil
		}
	}
	for _, volume := range s.Volumes {
		if !volume.ReadOnly && (volume.Type == "volume" || volume.Type == "bind") {
			return hindrance{"it writes to " + volume.Target, false}, nil
		}
	}
	return hindrance{}, nil
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
func Follows(service compose.Service) ([]string, error) {
	var s shape
	if err := s.read(service); err != nil {
		return nil, err
	}
	var names []string
	for _, mode := range []string{s.NetworkMode, s.Ipc, s.Pid} {
		if name := sharer(mode); name != "" {
			names = append(names, name)
		}
	}
	for _, from := range s.VolumesFrom {
		name, _, _ := strings.Cut(from, ":")
		if name != "container" {
			names = append(names, name)
		}
	}
	for name, depends := range s.DependsOn {
		if depends.Restart {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
