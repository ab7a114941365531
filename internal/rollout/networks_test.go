package rollout

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"

	"slipway/internal/compose"
)

// backIs is a stack whose network back has these keys.
func backIs(t *testing.T, keys string) *compose.Model {
	t.Helper()
	return modelOf(t, "services: {a: {image: x, networks: [back]}}\nnetworks: {back: {"+keys+"}}\n")
}

// engineHas is network back as the engine has it, changed by edits.
func engineHas(edits ...func(*network.Inspect)) map[string]compose.Network {
	found := network.Inspect{Network: network.Network{
		Name: "p_back", ID: "id", Driver: "bridge",
		Labels: map[string]string{"com.docker.compose.network": "back", "com.docker.compose.project": "p", "com.docker.compose.version": "5"},
	}}
	for _, edit := range edits {
		edit(&found)
	}
	return map[string]compose.Network{"p_back": {Inspect: found}}
}

func subnet(prefix, gateway string) func(*network.Inspect) {
	return func(n *network.Inspect) {
		config := network.IPAMConfig{Subnet: netip.MustParsePrefix(prefix)}
		if gateway != "" {
			config.Gateway = netip.MustParseAddr(gateway)
		}
		n.IPAM.Config = append(n.IPAM.Config, config)
	}
}

// Case B4, of a network of which nobody wrote down from what it was made.
func TestCaseB4ANetworkWithoutARecordIsComparedWithWhatTheFilesAskFor(t *testing.T) {
	label := func(n *network.Inspect) { n.Labels["tier"] = "data" }
	option := func(n *network.Inspect) { n.Options = map[string]string{"com.docker.network.driver.mtu": "1400"} }
	for name, c := range map[string]struct {
		keys string
		has  map[string]compose.Network
		old  bool
	}{
		"as it is":                       {"", engineHas(), false},
		"the engine chose the subnet":    {"", engineHas(subnet("172.20.0.0/16", "172.20.0.1")), false},
		"internal":                       {"internal: true", engineHas(), true},
		"internal, as it is":             {"internal: true", engineHas(func(n *network.Inspect) { n.Internal = true }), false},
		"internal no more":               {"", engineHas(func(n *network.Inspect) { n.Internal = true }), true},
		"another driver":                 {"driver: macvlan", engineHas(), true},
		"the same driver":                {"driver: bridge", engineHas(), false},
		"the default driver":             {"driver: default", engineHas(), false},
		"attachable":                     {"attachable: true", engineHas(), true},
		"IPv6":                           {"enable_ipv6: true", engineHas(), true},
		"a label":                        {"labels: {tier: data}", engineHas(), true},
		"a label, as it is":              {"labels: {tier: data}", engineHas(label), false},
		"a label no more":                {"", engineHas(label), true},
		"another subnet":                 {"ipam: {config: [{subnet: 10.9.0.0/24}]}", engineHas(subnet("172.20.0.0/16", "")), true},
		"the same subnet":                {"ipam: {config: [{subnet: 10.9.0.0/24}]}", engineHas(subnet("10.9.0.0/24", "10.9.0.1")), false},
		"the same subnet, as a host":     {"ipam: {config: [{subnet: 10.9.0.7/24}]}", engineHas(subnet("10.9.0.0/24", "10.9.0.1")), false},
		"another gateway":                {"ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.254}]}", engineHas(subnet("10.9.0.0/24", "10.9.0.1")), true},
		"one of two subnets":             {"ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: 10.8.0.0/24}]}", engineHas(subnet("10.9.0.0/24", "")), true},
		"another option":                 {"driver_opts: {com.docker.network.driver.mtu: 1500}", engineHas(option), true},
		"the same option":                {"driver_opts: {com.docker.network.driver.mtu: 1400}", engineHas(option), false},
		"not there":                      {"internal: true", nil, false},
		"external":                       {"external: true, name: p_back", engineHas(func(n *network.Inspect) { n.Internal = true }), false},
		"another name, made by Compose":  {"name: p_other", engineHas(), true},
		"of a record of another network": {"internal: true", engineHas(func(n *network.Inspect) { n.ID = "other" }), true},
	} {
		model := backIs(t, c.keys)
		record := Made{"p_back": {ID: "gone", Definition: definition(model.Networks["back"])}}
		if got := outdated(model, c.has, record, nil); (len(got) > 0) != c.old {
			t.Errorf("%s: outdated %q, want %v", name, got, c.old)
		}
	}
}

// Case B4: with a record, the smallest change of the definition counts, and what the engine adds by itself does not.
func TestCaseB4ANetworkWithARecordIsComparedWithItsOldDefinition(t *testing.T) {
	const old = "ipam: {config: [{subnet: 10.9.0.0/24}]}"
	origins := openOrigins(t)
	if made, err := origins.Networks(); err != nil || len(made) > 0 {
		t.Fatalf("before the first record: %v, %v", made, err)
	}
	has := engineHas(subnet("10.9.0.0/24", ""), func(n *network.Inspect) { n.Labels["added"] = "by hand"; n.Internal = true })
	if err := origins.KeepNetworks(backIs(t, old), has); err != nil {
		t.Fatal(err)
	}
	made, err := origins.Networks()
	if err != nil {
		t.Fatal(err)
	}
	if got := outdated(backIs(t, old), has, made, nil); len(got) > 0 {
		t.Errorf("unchanged, and %q are outdated", got)
	}
	for _, keys := range []string{"", "internal: true, " + old, "labels: {a: b}, " + old, "ipam: {config: [{subnet: 10.8.0.0/24}]}"} {
		if got := outdated(backIs(t, keys), has, made, nil); got["p_back"] == "" {
			t.Errorf("%s: outdated %q", keys, got)
		}
	}
}

func TestOnlyNetworksOfTheProjectAreRecorded(t *testing.T) {
	origins := openOrigins(t)
	model := modelOf(t, `
services: {a: {image: x, networks: [back, front, absent]}}
networks: {back: {}, front: {external: true, name: shared}, absent: {}}
`)
	has := engineHas()
	has["shared"] = compose.Network{Inspect: network.Inspect{Network: network.Network{ID: "s", Name: "shared"}}}
	if err := origins.KeepNetworks(model, has); err != nil {
		t.Fatal(err)
	}
	made, err := origins.Networks()
	if err != nil || len(made) != 1 || made["p_back"].ID != "id" {
		t.Errorf("%+v, %v", made, err)
	}
	if err := os.WriteFile(origins.networksFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := origins.Networks(); err == nil || !strings.Contains(err.Error(), "origins of the networks") {
		t.Errorf("of a damaged record: %v, %v", made, err)
	}
}
