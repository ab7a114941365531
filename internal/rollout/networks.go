package rollout

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/network"

	"slipway/internal/compose"
)

// Made says from which definition the engine's networks were made, by name.
type Made map[string]made

type made struct {
	ID         string `json:"id"`
	Definition string `json:"definition"` // its digest
}

// Networks are those that the last rollout left.
func (o *Origins) Networks() (Made, error) {
	data, err := os.ReadFile(o.networksFile())
	if errors.Is(err, fs.ErrNotExist) {
		return Made{}, nil
	}
	var record Made
	if err == nil {
		err = json.Unmarshal(data, &record)
	}
	if err != nil {
		return nil, fmt.Errorf("read the origins of the networks: %w", err)
	}
	return record, nil
}

// KeepNetworks records from which definitions the networks were made that have come to be since.
func (o *Origins) KeepNetworks(model *compose.Model, there map[string]compose.Network) error {
	before, err := o.Networks()
	if err != nil {
		return err
	}
	record := Made{}
	for _, config := range model.Networks {
		found, has := there[config.Name]
		switch {
		case !has || bool(config.External):
		case before[config.Name].ID == found.ID:
			record[config.Name] = before[config.Name]
		default:
			record[config.Name] = made{ID: found.ID, Definition: definition(config)}
		}
	}
	data, err := json.MarshalIndent(record, "", "  ")
	if err == nil {
		err = o.keep(o.networksFile(), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the origins of the networks: %w", err)
	}
	return nil
}

// networksFile has a name that no service can have.
func (o *Origins) networksFile() string { return filepath.Join(o.dir, "networks", "made.json") }

// definition is what decides about a network beside its name. It holds no secret.
func definition(config types.NetworkConfig) string {
	data, err := json.Marshal(config)
	if err != nil {
		return ""
	}
	return string(data)
}

// outdated are the networks of the engine that cannot stay as they are, by name, with the name under which the files now have
// them: one of another definition, or of another name. Where it is known from which definition one was made, that is compared;
// else what Compose or the engine says of it.
func outdated(model *compose.Model, there map[string]compose.Network, record Made, containers []compose.Container) map[string]string {
	names := map[string]string{}
	for name, found := range there {
		if found.Labels[compose.ProjectLabel] != model.Name {
			continue
		}
		config, has := model.Networks[found.Labels[compose.NetworkLabel]]
		switch next := successor(model, name, there, containers); {
		case has && config.Name != name:
			names[name] = config.Name
		case !has && next != "":
			names[name] = next
		}
	}
	for _, config := range model.Networks {
		found, has := there[config.Name]
		if !has || bool(config.External) {
			continue
		}
		was, known := record[config.Name]
		known = known && was.ID == found.ID
		if known && was.Definition != definition(config) || !known && !fits(config, found.Inspect) {
			names[config.Name] = config.Name
		}
	}
	return names
}

// successor is the network to which all services move together that are in one that the files no longer have; empty where they do
// not.
func successor(model *compose.Model, name string, there map[string]compose.Network, containers []compose.Container) string {
	next, moving := "", map[string]bool{}
	for _, c := range containers {
		service, wanted := model.Services[c.Service]
		if _, in := c.Networks[name]; !in || !wanted || service.Job {
			continue
		}
		moving[c.Service] = true
		fresh := ""
		for _, network := range model.NetworksOf(service) {
			if _, has := there[network.Name]; !has && !bool(network.External) {
				fresh = network.Name
			}
		}
		if fresh == "" || next != "" && next != fresh {
			return ""
		}
		next = fresh
	}
	if len(moving) < 2 {
		return ""
	}
	return next
}

// Attached are the networks that the containers of a service are to be in, by name, with the ids that the engine has them
// under; none where it has not.
func Attached(model *compose.Model, service compose.Service, there map[string]compose.Network) map[string]string {
	attached := map[string]string{}
	for _, network := range model.NetworksOf(service) {
		attached[network.Name] = there[network.Name].ID
	}
	return attached
}

// outside names a network that a container is to be in and is not: it never was, or the network was made anew since.
func outside(c compose.Container, attached map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(attached)) {
		place, has := c.Networks[name]
		if !has || place.NetworkID != "" && place.NetworkID != attached[name] {
			return name
		}
	}
	return ""
}

// fits reports whether a network is as the files ask.
func fits(config types.NetworkConfig, found network.Inspect) bool {
	if hash := found.Labels[compose.ConfigHashLabel]; hash != "" { // NetworkHash in pkg/compose/hash.go of github.com/docker/compose
		return hash == fmt.Sprintf("%x", sha256.Sum256([]byte(definition(config))))
	}
	labels := maps.Clone(found.Labels)
	maps.DeleteFunc(labels, func(label, _ string) bool { return strings.HasPrefix(label, "com.docker.compose.") })
	switch {
	case config.Driver != "" && config.Driver != "default" && config.Driver != found.Driver,
		config.Internal != found.Internal,
		config.Attachable && !found.Attachable,
		config.EnableIPv6 != nil && *config.EnableIPv6 != found.EnableIPv6,
		!maps.Equal(labels, map[string]string(config.Labels)) && len(labels)+len(config.Labels) > 0:
		return false
	}
	for option, value := range config.DriverOpts {
		if found.Options[option] != value {
			return false
		}
	}
	for _, pool := range config.Ipam.Config {
		if pool != nil && pool.Subnet != "" && !slices.ContainsFunc(found.IPAM.Config, func(c network.IPAMConfig) bool { return same(pool, c) }) {
			return false
		}
	}
	return true
}

func same(pool *types.IPAMPool, found network.IPAMConfig) bool {
	subnet, err := netip.ParsePrefix(pool.Subnet)
	if err != nil || subnet.Masked() != found.Subnet.Masked() {
		return false
	}
	return (pool.Gateway == "" || pool.Gateway == found.Gateway.String()) && (pool.IPRange == "" || pool.IPRange == found.IPRange.String())
}
