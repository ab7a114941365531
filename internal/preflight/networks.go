package preflight

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"slipway/internal/compose"
)

// external are the networks and volumes that are to be there already.
func external(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(model.Networks)) {
		n := model.Networks[key]
		if _, has := w.Networks[n.Name]; bool(n.External) && !has {
			problems = append(problems, Problem{fmt.Sprintf("external network %s is not there", n.Name), "docker network create " + n.Name})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(model.Volumes)) {
		v := model.Volumes[key]
		if _, has := w.Volumes[v.Name]; bool(v.External) && !has {
			problems = append(problems, Problem{fmt.Sprintf("external volume %s is not there", v.Name), "docker volume create " + v.Name})
		}
	}
	return problems
}

// networks are those that the engine could not make: it would say so when the old one is gone.
func networks(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(model.Networks)) {
		n := model.Networks[key]
		if bool(n.External) {
			continue
		}
		if n.Driver != "" && n.Driver != "default" && len(w.Engine.Networks) > 0 && !slices.Contains(w.Engine.Networks, n.Driver) {
			problems = append(problems, Problem{fmt.Sprintf("network %s wants driver %s, which the engine does not have", n.Name, n.Driver), "install it, or change driver; it has " + strings.Join(w.Engine.Networks, ", ")})
		}
		for _, pool := range n.Ipam.Config {
			if pool == nil || pool.Subnet == "" {
				continue
			}
			subnet, err := netip.ParsePrefix(pool.Subnet)
			if err != nil {
				problems = append(problems, Problem{fmt.Sprintf("network %s wants subnet %q, which is none", n.Name, pool.Subnet), "write it as 10.1.2.0/24"})
				continue
			}
			for _, other := range slices.Sorted(maps.Keys(w.Subnets)) {
				own := w.Networks[other].Labels[compose.NetworkLabel] == key // under another name, and on its way out
				if other != n.Name && !own && slices.ContainsFunc(w.Subnets[other], subnet.Overlaps) {
					problems = append(problems, Problem{fmt.Sprintf("network %s wants subnet %s, which overlaps with that of network %s", n.Name, subnet, other), "give it another subnet"})
				}
			}
			problems = append(problems, outOf(model, key, subnet)...)
		}
	}
	return problems
}

// outOf are the addresses that services want in a network and that its subnet does not have.
func outOf(model *compose.Model, key string, subnet netip.Prefix) []Problem {
	var problems []Problem
	for _, s := range model.Up() {
		place := s.Networks[key]
		if place == nil {
			continue
		}
		address, err := netip.ParseAddr(place.Ipv4Address)
		if err == nil && subnet.Addr().Is4() && !subnet.Contains(address) {
			problems = append(problems, Problem{fmt.Sprintf("service %s wants address %s in network %s, whose subnet is %s", s.Name, address, key, subnet), "give it an address of the subnet"})
		}
	}
	return problems
}
