//go:build engine

package rollout

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"slipway/internal/compose"
)

// rollOut brings every service to the compose file, stage by stage, as the target does.
func (s *stand) rollOut(prune bool) ([]Stage, error) {
	s.t.Helper()
	ctx := s.t.Context()
	model, err := s.project.Model(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	images, err := compose.Images(ctx, s.image)
	if err != nil {
		s.t.Fatal(err)
	}
	world := World{Networks: s.networks(model)}
	if world.Containers, err = s.project.Containers(ctx); err != nil {
		s.t.Fatal(err)
	}
	if world.Made, err = s.origins.Networks(); err != nil {
		s.t.Fatal(err)
	}
	stages, conflicts := Arrange(model, world, prune)
	if len(conflicts) > 0 {
		s.t.Fatalf("conflicts %q", conflicts)
	}
	for _, stage := range stages {
		var targets []Target
		for _, name := range stage.Services {
			inputs, err := Inputs(model, name, images[s.image])
			if err != nil {
				s.t.Fatal(err)
			}
			attached := func(context.Context) (map[string]string, error) {
				return Attached(model, model.Services[name], s.networks(model)), nil
			}
			targets = append(targets, Target{Service: model.Services[name], Image: images[s.image], Inputs: inputs, Attached: attached})
		}
		if err := Clear(ctx, s.acts(), model, stage); err != nil {
			return stages, err
		}
		if err := StartAll(ctx, s.acts(), s.origins, targets); err != nil {
			return stages, err
		}
		for _, target := range targets {
			if _, err := Service(ctx, s.acts(), s.origins, target); err != nil {
				return stages, err
			}
		}
	}
	return stages, s.origins.KeepNetworks(model, s.networks(model))
}

func (s *stand) mustRollOut(prune bool) []Stage {
	s.t.Helper()
	stages, err := s.rollOut(prune)
	if err != nil {
		s.t.Fatal(err)
	}
	return stages
}

func (s *stand) networks(model *compose.Model) map[string]compose.Network {
	s.t.Helper()
	networks, err := s.project.Networks(s.t.Context(), model)
	if err != nil {
		s.t.Fatal(err)
	}
	return networks
}

// file writes a compose file in which IMAGE is the server's, and which sleeps where nothing else is said.
func (s *stand) file(text string) {
	s.t.Helper()
	s.write("compose.yaml", strings.ReplaceAll(text, "IMAGE", fmt.Sprintf("image: %q, stop_grace_period: 1s", s.image)))
}

// up says of each service that runs in which networks of the project its containers have an address, and who it is.
func (s *stand) up() (networks map[string][]string, ids map[string]string) {
	s.t.Helper()
	all, err := s.project.Containers(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	networks, ids = map[string][]string{}, map[string]string{}
	for _, c := range all {
		if c.Status != "running" {
			continue
		}
		ids[c.Service] = c.ID
		networks[c.Service] = []string{}
		for name, place := range c.Networks {
			if len(place.Addresses) > 0 {
				networks[c.Service] = append(networks[c.Service], strings.TrimPrefix(name, s.project.Name+"_"))
			}
		}
		slices.Sort(networks[c.Service])
	}
	return networks, ids
}

func (s *stand) attached(want map[string][]string) {
	s.t.Helper()
	if got, _ := s.up(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("services and their networks: %v, want %v", got, want)
	}
}

// Case D1: the network changes, and one of its services too.
func TestCaseD1OnTheEngineAChangedNetworkIsMadeAnewForAllInIt(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	text := `
services:
  db: {IMAGE, networks: [back]}
  cache: {IMAGE, networks: [back]}
  web: {IMAGE, networks: [back, front], depends_on: [db], environment: {A: "1"}}
  other: {IMAGE, networks: [front]}
networks: {back: {BACK}, front: {}}
`
	s.file(strings.ReplaceAll(text, "BACK", ""))
	s.mustRollOut(false)
	want := map[string][]string{"db": {"back"}, "cache": {"back"}, "web": {"back", "front"}, "other": {"front"}}
	s.attached(want)
	_, before := s.up()

	s.file(strings.NewReplacer("BACK", "internal: true", `A: "1"`, `A: "2"`).Replace(text))
	s.mustRollOut(false)
	s.attached(want)
	if internal := s.docker("network", "inspect", "--format", "{{.Internal}}", s.project.Name+"_back"); internal != "true\n" {
		t.Errorf("network back is not what the files say: internal is %s", internal)
	}
	_, after := s.up()
	for service, id := range before {
		if same := after[service] == id; same != (service == "other") {
			t.Errorf("the container of %s is the same: %v", service, same)
		}
	}
	for _, stage := range s.mustRollOut(false) {
		if len(stage.Way()) > 0 {
			t.Errorf("unchanged, and it says %q", stage.Way())
		}
	}
	if _, last := s.up(); fmt.Sprint(last) != fmt.Sprint(after) {
		t.Errorf("unchanged, and there are other containers: %v, were %v", last, after)
	}
}

// Case D1, at the first deployment of a stack that Compose brought up: nobody wrote down from what its networks were made, and
// Compose, which did, makes one anew whenever its definition differs.
func TestCaseD1OnTheEngineAChangedNetworkThatComposeMadeIsMadeAnewForAllInIt(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	const text = "services:\n  a: {IMAGE}\n  b: {IMAGE, depends_on: [a]}\nnetworks: {default: {OPTIONS}}\n"
	s.file(strings.ReplaceAll(text, "OPTIONS", "driver_opts: {com.docker.network.driver.mtu: '1400'}"))
	s.docker("compose", "up", "-d")
	s.file(strings.ReplaceAll(text, "OPTIONS", ""))
	s.mustRollOut(false)
	s.attached(map[string][]string{"a": {"default"}, "b": {"default"}})
}

// Case D1: Compose knows a network by its key in the files, and makes one of another name anew, too.
func TestCaseD1OnTheEngineANetworkOfAnotherNameIsMadeAnewForAllInIt(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	const text = "services:\n  a: {IMAGE}\n  b: {IMAGE, depends_on: [a]}\nnetworks: {default: {OPTIONS}}\n"
	s.file(strings.ReplaceAll(text, "OPTIONS", ""))
	s.mustRollOut(false)
	t.Cleanup(func() { // of the network that the file named last, and then of the one before
		s.docker("compose", "down", "-t", "0")
		s.file(strings.ReplaceAll(text, "OPTIONS", ""))
	})
	s.file(strings.ReplaceAll(text, "OPTIONS", "name: "+s.project.Name+"_own"))
	s.mustRollOut(false)
	s.attached(map[string][]string{"a": {"own"}, "b": {"own"}})
}

// Case B4: somebody made the network by hand, unlike the files say.
func TestCaseB4OnTheEngineANetworkMadeByHandIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.file("services:\n  a: {IMAGE, volumes: [/data]}\n  b: {IMAGE}\n")
	s.mustRollOut(false)
	want := map[string][]string{"a": {"default"}, "b": {"default"}}
	s.attached(want)
	_, before := s.up()
	network := s.project.Name + "_default"
	for _, id := range before {
		s.docker("network", "disconnect", network, id)
	}
	s.docker("network", "rm", network)
	s.docker("network", "create", "--internal", "--label", "com.docker.compose.network=default", "--label", compose.ProjectLabel+"="+s.project.Name, network)
	for _, id := range before {
		s.docker("network", "connect", network, id)
	}
	s.mustRollOut(false)
	s.attached(want)
	if internal := s.docker("network", "inspect", "--format", "{{.Internal}}", network); internal != "false\n" {
		t.Errorf("network %s is not what the files say: internal is %s", network, internal)
	}
}

// Case D1: one service fails behind a change of the network, and both are taken back. Those whose turn had not come are stopped,
// of the wanted make, and of a network that is gone.
func TestCaseD1OnTheEngineAChangedNetworkThatFailedIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	const text = `
services:
  a: {IMAGE}
  b: {IMAGE, depends_on: [a], environment: {FAIL: "no"}}
  c: {IMAGE, depends_on: [b], volumes: [/data]}
networks: {default: {internal: false}}
`
	s.file(text)
	s.mustRollOut(false)
	s.file(strings.NewReplacer(`FAIL: "no"`, "VERSION: broken", "internal: false", "internal: true").Replace(text))
	if _, err := s.rollOut(false); err == nil {
		t.Fatal("the broken service was deployed")
	}
	s.file(text)
	s.mustRollOut(false)
	s.attached(map[string][]string{"a": {"default"}, "b": {"default"}, "c": {"default"}})
}

// Case D3, and D2 beside it: ports are swapped, and a service is renamed that has one.
func TestCaseD3OnTheEnginePortsMoveFromServiceToService(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	ports := freePorts(t, 3)
	file := func(text string) {
		for i, number := range ports {
			text = strings.ReplaceAll(text, fmt.Sprintf("PORT%d", i), fmt.Sprintf("'127.0.0.1:%d:8080'", number))
		}
		s.file(text)
	}
	holds := func(want ...string) {
		t.Helper()
		all, err := s.project.Containers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range all {
			for _, p := range c.Ports {
				got = append(got, fmt.Sprintf("%s %d %s", c.Service, slices.Index(ports, p.Port), c.Status))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	file("services:\n  a: {IMAGE, ports: [PORT0]}\n  b: {IMAGE, ports: [PORT1]}\n  c: {IMAGE, ports: [PORT2], volumes: ['data:/data']}\nvolumes: {data: {}}\n")
	s.mustRollOut(false)
	holds("a 0 running", "b 1 running", "c 2 running")
	file("services:\n  a: {IMAGE, ports: [PORT1]}\n  b: {IMAGE, ports: [PORT0]}\n  renamed: {IMAGE, ports: [PORT2], volumes: ['data:/data']}\nvolumes: {data: {}}\n")
	s.mustRollOut(true)
	holds("a 1 running", "b 0 running", "renamed 2 running")
	file("services:\n  a: {IMAGE, ports: [PORT0]}\n  b: {IMAGE}\n  renamed: {IMAGE, ports: [PORT1], volumes: ['data:/data']}\nvolumes: {data: {}}\n")
	s.mustRollOut(false)
	holds("a 0 running", "renamed 1 running")
}

// freePorts are ports of 127.0.0.1 that nobody listens on.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() // all are held until all are found
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
