package rollout

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// resource is something that only one container at a time can have: a port of the host, a name, an address in a network, or,
// for services that do not both ask for it, a volume or a folder to write to.
type resource struct {
	kind  string // port, name, address, volume, folder, share
	key   string
	port  compose.Published // a fixed one
	words string            // for the operator
}

// place is the same for any two resources that clash.
func (r resource) place() string {
	switch r.kind {
	case "port":
		return fmt.Sprintf("port %d/%s", r.port.First, r.port.Proto)
	case "folder":
		return r.kind // one may be inside another
	}
	return r.kind + " " + r.key
}

// nested reports whether one of two folders is the other or inside it.
func nested(a, b string) bool { return compose.Within(a, b) || compose.Within(b, a) }

// data reports whether it is something that is written to.
func (r resource) data() bool { return r.kind == "volume" || r.kind == "folder" || r.kind == "share" }

// real is a path without links, as far as it is there.
func real(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// clashes reports whether two resources exclude each other.
func (r resource) clashes(other resource) bool {
	switch {
	case r.place() != other.place():
		return false
	case r.kind == "port":
		return Overlap(r.port.Address, other.port.Address)
	case r.kind == "folder":
		return nested(r.key, other.key)
	}
	return true
}

// Overlap reports whether two addresses that are listened on exclude each other: the same one, or one of them means all.
func Overlap(a, b string) bool {
	first, second := listened(a), listened(b)
	if !first.IsValid() || !second.IsValid() {
		return true
	}
	return first == second || first.Is4() == second.Is4() && (first.IsUnspecified() || second.IsUnspecified())
}

// listened is an address; not valid where it means all of both families.
func listened(text string) netip.Addr {
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap()
}

// wants are the resources that a service asks for.
func wants(model *compose.Model, s compose.Service) []resource {
	if s.Replicas() == 0 {
		return nil
	}
	var list []resource
	for _, port := range s.Published() {
		if port.Fixed() {
			list = append(list, resource{kind: "port", port: port, words: "port " + port.String()})
		}
	}
	if s.ContainerName != "" {
		list = append(list, resource{kind: "name", key: s.ContainerName, words: "the name " + s.ContainerName})
	}
	for _, key := range slices.Sorted(maps.Keys(s.Networks)) {
		network := s.Networks[key]
		if network == nil {
			continue
		}
		for _, address := range []string{network.Ipv4Address, network.Ipv6Address} {
			if address != "" {
				list = append(list, addressIn(model.Networks[key].Name, address))
			}
		}
	}
	return append(list, writesTo(model, s)...)
}

// writesTo are the volumes and folders that a service writes to.
func writesTo(model *compose.Model, s compose.Service) []resource {
	var list []resource
	for _, mount := range s.Writes() {
		if info, err := os.Stat(mount.Source); mount.Type != types.VolumeTypeBind || err != nil || info.IsDir() { // a socket is no data
			list = append(list, volumeAt(model, mount))
		}
	}
	return list
}

func addressIn(network, address string) resource {
	return resource{kind: "address", key: network + " " + address, words: fmt.Sprintf("address %s in network %s", address, network)}
}

// volumeAt is what a mount of the files writes to: a folder, a share, or, where it is neither in disguise, a volume.
func volumeAt(model *compose.Model, mount types.ServiceVolumeConfig) resource {
	if mount.Type == types.VolumeTypeBind {
		return resource{kind: "folder", key: real(mount.Source), words: "folder " + mount.Source}
	}
	v := model.Volumes[mount.Source]
	r := writtenAt(compose.Elsewhere(v.Driver, v.DriverOpts))
	if r.kind == "" {
		r = resource{kind: "volume", key: v.Name}
	}
	r.words = "volume " + v.Name
	if r.kind != "volume" {
		r.words += ", which leads to " + r.key
	}
	return r
}

// writtenAt is a folder or a share; neither where both are empty.
func writtenAt(folder, share string) resource {
	switch {
	case folder != "":
		return resource{kind: "folder", key: real(folder)}
	case share != "":
		return resource{kind: "share", key: share}
	}
	return resource{}
}

// holds are the resources that a container has or takes back when it starts.
func holds(c compose.Container) []resource {
	list := []resource{{kind: "name", key: c.Name}}
	if !alive(c) {
		return list // what is stopped listens nowhere, has no address and writes to nothing
	}
	for _, port := range c.Ports {
		list = append(list, resource{kind: "port", port: compose.Published{
			First: port.Port, Last: port.Port, Proto: port.Proto, Address: port.Address, Target: port.Target,
		}})
	}
	for network, place := range c.Networks {
		for _, address := range place.Fixed {
			list = append(list, addressIn(network, address))
		}
	}
	for _, m := range c.Mounts {
		switch {
		case !m.Write:
		case m.Folder != "" || m.Share != "":
			list = append(list, writtenAt(m.Folder, m.Share))
		case m.Type == "volume":
			list = append(list, resource{kind: "volume", key: m.Name})
		case m.Type == "bind":
			list = append(list, resource{kind: "folder", key: real(m.Source)})
		}
	}
	return list
}
