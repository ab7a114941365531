package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"

	"slipway/internal/compose"
)

// running is the first container of a service of project p, with what it has.
func running(service string, has ...func(*compose.Container)) compose.Container {
	c := compose.Container{ID: service + "-id", Name: "p-" + service + "-1", Service: service, Number: 1, Status: "running"}
	for _, add := range has {
		add(&c)
	}
	return c
}

func port(number int) func(*compose.Container) { return portAt("", number, "tcp") }

func portAt(address string, number int, proto string) func(*compose.Container) {
	return func(c *compose.Container) {
		c.Ports = append(c.Ports, compose.Binding{Address: address, Port: number, Proto: proto, Target: number})
	}
}

func volumeOf(name string) func(*compose.Container) {
	return func(c *compose.Container) {
		c.Mounts = append(c.Mounts, compose.Mount{Type: "volume", Name: name, Target: "/data", Write: true})
	}
}

func in(network string, fixed ...string) func(*compose.Container) {
	return func(c *compose.Container) {
		if c.Networks == nil {
			c.Networks = map[string]compose.Attachment{}
		}
		c.Networks[network] = compose.Attachment{NetworkID: network + "-id", Fixed: fixed}
	}
}

func called(name string) func(*compose.Container) {
	return func(c *compose.Container) { c.Name = name }
}

func exited(c *compose.Container) { c.Status = "exited" }

func oneOff(c *compose.Container) { c.OneOff = true }

// arranged are the stages in a line each, "stop a; anew n: b, c", and the conflicts' texts.
func arranged(t *testing.T, text string, world World, prune bool) (stages, conflicts []string) {
	t.Helper()
	found, against := Arrange(modelOf(t, text), world, prune)
	for _, stage := range found {
		var way []string
		for _, c := range stage.Remove {
			way = append(way, "remove "+c.Name)
		}
		if len(stage.Stop) > 0 {
			way = append(way, "stop "+strings.Join(stage.Stop, " "))
		}
		if len(stage.Aside) > 0 {
			way = append(way, "aside "+strings.Join(stage.Aside, " "))
		}
		if len(stage.Networks) > 0 {
			way = append(way, "anew "+strings.Join(stage.Networks, " "))
		}
		line := strings.Join(stage.Services, " ")
		if len(way) > 0 {
			line = strings.Join(way, ", ") + ": " + line
		}
		stages = append(stages, line)
	}
	for _, conflict := range against {
		if conflict.Remedy == "" {
			t.Errorf("without a remedy: %s", conflict)
		}
		conflicts = append(conflicts, conflict.String())
	}
	return stages, conflicts
}

func there(containers ...compose.Container) World { return World{Containers: containers} }

func TestStagesPutDependenciesFirstAndStartOnlyNewOnesTogether(t *testing.T) {
	const text = `
services:
  db: {image: x}
  redis: {image: x}
  mail: {image: x}
  setup: {image: x, depends_on: {db: {condition: service_healthy}}}
  backend: {image: x, depends_on: {setup: {condition: service_completed_successfully}}}
  migrate: {image: x, profiles: [jobs]}
`
	for name, c := range map[string]struct {
		world World
		want  []string
	}{
		"first deploy":   {there(), []string{"db mail redis", "setup", "backend"}},
		"with db there":  {there(running("db"), running("migrate")), []string{"mail redis", "db", "setup", "backend"}},
		"with db down":   {there(running("db", exited), running("mail")), []string{"db redis", "mail", "setup", "backend"}},
		"with all of it": {there(running("db"), running("redis"), running("mail"), running("setup", exited), running("backend")), []string{"db", "mail", "redis", "setup", "backend"}},
		"with all of it and its network": {
			World{Containers: []compose.Container{running("db"), running("redis"), running("mail"), running("backend")}, Networks: map[string]compose.Network{"p_default": {}}},
			[]string{"db mail redis", "setup", "backend"},
		},
		"with what is other": {there(running("db", oneOff)), []string{"db mail redis", "setup", "backend"}},
	} {
		if stages, conflicts := arranged(t, text, c.world, false); !slices.Equal(stages, c.want) || len(conflicts) > 0 {
			t.Errorf("%s: %q, %q, want %q", name, stages, conflicts, c.want)
		}
	}
}

func TestWhoGivesUpWhatAnotherOneWantsActsFirst(t *testing.T) {
	front := "networks: {front: {ipv4_address: 10.9.0.9}}"
	for name, c := range map[string]struct {
		services string // of compose.yaml
		world    World
		want     []string
		conflict string // a part of it
	}{
		"D3 a port moves": {
			`a: {image: x, ports: ["80:80"]}, z: {image: x}`, there(running("a"), running("z", port(80))), []string{"z", "a"}, "",
		},
		"D3 a port moves to a service that is new": {
			`a: {image: x, ports: ["80:80"]}, z: {image: x}`, there(running("z", port(80))), []string{"z", "a"}, "",
		},
		"D3 a port moves on and on": {
			`a: {image: x, ports: ["80:80"]}, b: {image: x, ports: ["81:80"]}, c: {image: x}`,
			there(running("a"), running("b", port(80)), running("c", port(81))), []string{"c", "b", "a"}, "",
		},
		"D3 two ports are swapped": {
			`a: {image: x, ports: ["80:80"]}, b: {image: x, ports: ["81:80"]}`,
			there(running("a", port(81)), running("b", port(80))), []string{"stop a b: a b"}, "",
		},
		"D3 who gives up depends on who takes": {
			`proxy: {image: x, ports: ["80:80"]}, web: {image: x, depends_on: [proxy]}`,
			there(running("proxy"), running("web", port(80))), []string{"stop web: proxy", "web"}, "",
		},
		"D3 the holder is stopped": {
			`a: {image: x, ports: ["80:80"]}, z: {image: x}`, there(running("a"), running("z", port(80), exited)), []string{"z", "a"}, "",
		},
		"another address": {
			`a: {image: x, ports: ["127.0.0.1:80:80"]}, z: {image: x}`,
			there(running("a"), running("z", portAt("127.0.0.2", 80, "tcp"))), []string{"a", "z"}, "",
		},
		"all addresses": {
			`a: {image: x, ports: ["127.0.0.1:80:80"]}, z: {image: x}`,
			there(running("a"), running("z", portAt("0.0.0.0", 80, "tcp"))), []string{"z", "a"}, "",
		},
		"another protocol": {
			`a: {image: x, ports: ["80:80"]}, z: {image: x}`, there(running("a"), running("z", portAt("", 80, "udp"))), []string{"a", "z"}, "",
		},
		"the holder keeps it": {
			`a: {image: x, ports: ["80:80"]}, z: {image: x, ports: ["80:80"]}`, there(running("a"), running("z", port(80))), []string{"a", "z"}, "",
		},
		"no replicas want no port": {
			`a: {image: x, ports: ["80:80"], scale: 0}, z: {image: x}`, there(running("z", port(80))), []string{"a", "z"}, "",
		},
		"the holder is to have no replicas": {
			`a: {image: x, ports: ["80:80"]}, z: {image: x, ports: ["80:80"], scale: 0}`, there(running("z", port(80))), []string{"z", "a"}, "",
		},
		"a volume moves": {
			`a: {image: x, volumes: ["data:/data"]}, z: {image: x}`, there(running("a"), running("z", volumeOf("p_data"))), []string{"z", "a"}, "",
		},
		"a volume that two share": {
			`a: {image: x, volumes: ["data:/data"]}, z: {image: x, volumes: ["data:/data"]}`,
			there(running("a", volumeOf("p_data")), running("z", volumeOf("p_data"))), []string{"a", "z"}, "",
		},
		"a volume that one only reads": {
			`a: {image: x, volumes: ["data:/data:ro"]}, z: {image: x}`, there(running("a"), running("z", volumeOf("p_data"))), []string{"a", "z"}, "",
		},
		"a job's volume": {
			`a: {image: x, volumes: ["data:/data"]}, dump: {image: x, profiles: [jobs]}`, there(running("a"), running("dump", volumeOf("p_data"), oneOff)), []string{"a"}, "",
		},
		"a job's port": {
			`a: {image: x, ports: ["80:80"]}, dump: {image: x, profiles: [jobs]}`, there(running("dump", port(80), oneOff)),
			[]string{"a"}, "a wants port 80, which job container p-dump-1 holds",
		},
		"a container_name moves": {
			`a: {image: x, container_name: edge}, z: {image: x}`, there(running("a"), running("z", called("edge"), exited)), []string{"z", "a"}, "",
		},
		"two container_names are swapped": {
			`a: {image: x, container_name: one}, b: {image: x, container_name: two}`, there(running("a", called("two")), running("b", called("one"))),
			[]string{"stop a b, aside a b: a b"}, "",
		},
		"who gives a name up depends on who takes it": {
			`proxy: {image: x, container_name: edge}, web: {image: x, depends_on: [proxy]}`, there(running("proxy"), running("web", called("edge"))),
			[]string{"stop web, aside web: proxy", "web"}, "",
		},
		"a static address moves": {
			`a: {image: x, ` + front + `}, z: {image: x, networks: [front]}`,
			there(running("a", in("p_front")), running("z", in("p_front", "10.9.0.9"))), []string{"z", "a"}, "",
		},
		"another static address": {
			`a: {image: x, ` + front + `}, z: {image: x, networks: [front]}`,
			there(running("a", in("p_front")), running("z", in("p_front", "10.9.0.8"))), []string{"a", "z"}, "",
		},
	} {
		text := "services: {" + c.services + "}\nvolumes: {data: {}}\nnetworks: {front: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n"
		stages, conflicts := arranged(t, text, c.world, false)
		if c.conflict != "" {
			if len(conflicts) == 0 || !strings.Contains(conflicts[0], c.conflict) {
				t.Errorf("%s: %q, conflicts %q, want %q", name, stages, conflicts, c.conflict)
			}
			continue
		}
		if !slices.Equal(stages, c.want) || len(conflicts) > 0 {
			t.Errorf("%s: %q, conflicts %q, want %q", name, stages, conflicts, c.want)
		}
	}
}

// Cases D2 and D3: a service is renamed, and the container under its old name holds what the new one wants.
func TestCasesD2AndD3AnOrphanThatHoldsWhatIsWantedIsRefusedOrRemovedFirst(t *testing.T) {
	for name, c := range map[string]struct {
		services string
		orphan   compose.Container
		conflict string
	}{
		"D2 a volume": {
			`postgres: {image: x, volumes: ["data:/data"]}`, running("db", volumeOf("p_data")),
			"postgres wants volume p_data, which container p-db-1 holds, whose service is no longer in the compose files",
		},
		"D2 a folder": {
			`postgres: {image: x, volumes: ["/srv/data:/data"]}`,
			running("db", func(c *compose.Container) {
				c.Mounts = []compose.Mount{{Type: "bind", Source: "/srv/data", Target: "/data", Write: true}}
			}),
			"postgres wants folder /srv/data, which container p-db-1 holds, whose service is no longer in the compose files",
		},
		"D2 a folder, through a volume that leads to it": {
			`postgres: {image: x, volumes: ["led:/data"]}`,
			running("db", func(c *compose.Container) {
				c.Mounts = []compose.Mount{{Type: "bind", Source: "/srv/data/inner", Target: "/data", Write: true}}
			}),
			"postgres wants volume p_led, which leads to /srv/data, which container p-db-1 holds, whose service is no longer in the compose files",
		},
		"D2 a volume that leads to a folder": {
			`postgres: {image: x, volumes: ["/srv/data:/data"]}`,
			running("db", volumeOf("p_old"), func(c *compose.Container) { c.Mounts[0].Folder = "/srv/data" }),
			"postgres wants folder /srv/data, which container p-db-1 holds, whose service is no longer in the compose files",
		},
		"D2 a share under two names": {
			`postgres: {image: x, volumes: ["share:/data"]}`,
			running("db", volumeOf("p_old"), func(c *compose.Container) { c.Mounts[0].Share = "10.0.0.9:/export" }),
			"postgres wants volume p_share, which leads to 10.0.0.9:/export, which container p-db-1 holds, whose service is no longer in the compose files",
		},
		"D3 a port": {
			`postgres: {image: x, ports: ["127.0.0.1:5432:5432"]}`, running("db", portAt("127.0.0.1", 5432, "tcp")),
			"postgres wants port 127.0.0.1:5432, which container p-db-1 holds, whose service is no longer in the compose files",
		},
		"a name, though it is stopped": {
			`postgres: {image: x, container_name: data}`, running("db", called("data"), exited),
			"postgres wants the name data, which container data holds, whose service is no longer in the compose files",
		},
		"C5 a port of a service whose profile is off": {
			`postgres: {image: x, ports: ["80:80"]}, db: {image: x, profiles: [off]}`, running("db", port(80)),
			"postgres wants port 80, which container p-db-1 holds, whose profile is off",
		},
	} {
		text := "services: {first: {image: x}, " + c.services + `}
volumes:
  data: {}
  led: {driver_opts: {type: none, o: bind, device: /srv/data}}
  share: {driver_opts: {type: nfs, o: "addr=10.0.0.9,rw", device: ":/export"}}
`
		world := there(running("first"), c.orphan)
		if stages, conflicts := arranged(t, text, world, false); !slices.Equal(conflicts, []string{c.conflict}) {
			t.Errorf("%s: %q, conflicts %q", name, stages, conflicts)
		}
		want := []string{"remove " + c.orphan.Name + ": postgres", "first"}
		if stages, conflicts := arranged(t, text, world, true); !slices.Equal(stages, want) || len(conflicts) > 0 {
			t.Errorf("%s, with prune: %q, conflicts %q, want %q", name, stages, conflicts, want)
		}
	}
}

func TestAnOrphanThatHoldsNothingWantedIsInNobodysWay(t *testing.T) {
	const text = "services: {postgres: {image: x, volumes: ['data:/data'], ports: ['5432:5432']}}\nvolumes: {data: {}}\n"
	for name, orphan := range map[string]compose.Container{
		"stopped":        running("db", volumeOf("p_data"), port(5432), exited),
		"another volume": running("db", volumeOf("p_old"), port(5433)),
	} {
		if stages, conflicts := arranged(t, text, there(orphan), true); !slices.Equal(stages, []string{"postgres"}) || len(conflicts) > 0 {
			t.Errorf("%s: %q, conflicts %q", name, stages, conflicts)
		}
	}
}

func TestAnOrphanThatTwoServicesWantSomethingOfIsRemovedBeforeTheFirst(t *testing.T) {
	const text = "services: {a: {image: x, ports: ['80:80', '82:82']}, b: {image: x, ports: ['81:81']}}\n"
	world := there(running("old", port(80), port(81), port(82)))
	if stages, conflicts := arranged(t, text, world, true); !slices.Equal(stages, []string{"remove p-old-1: a b"}) || len(conflicts) > 0 {
		t.Errorf("%q, conflicts %q", stages, conflicts)
	}
	_, conflicts := Arrange(modelOf(t, text), world, false)
	if len(conflicts) != 3 || conflicts[0].Service != "a" || conflicts[2].Service != "b" {
		t.Errorf("%q", conflicts)
	}
}

// networked is a stack whose network back is internal now, and whose services but other are in it.
const networked = `
services:
  db: {image: x, networks: [back]}
  cache: {image: x, networks: [back]}
  api: {image: x, networks: [back], depends_on: [db]}
  web: {image: x, networks: [back, front], depends_on: [api]}
  other: {image: x, networks: [front]}
networks:
  back: {internal: true}
  front: {}
`

// withNetworks has the engine's networks back, not internal, and front, with these containers attached to back.
func withNetworks(attached map[string]string, containers ...compose.Container) World {
	engines := func(name string) compose.Network {
		return compose.Network{Inspect: network.Inspect{Network: network.Network{Name: name, ID: name + "-id", Driver: "bridge"}}, Attached: map[string]string{}}
	}
	back := engines("p_back")
	for _, c := range containers {
		if _, is := c.Networks["p_back"]; is && alive(c) {
			back.Attached[c.ID] = c.Name
		}
	}
	for id, name := range attached {
		back.Attached[id] = name
	}
	return World{Containers: containers, Networks: map[string]compose.Network{"p_back": back, "p_front": engines("p_front")}}
}

// Case D1: a changed network is one act for all that are in it.
func TestCaseD1AChangedNetworkIsMadeAnewOnceAllInItAreStopped(t *testing.T) {
	back := in("p_back")
	for name, c := range map[string]struct {
		world World
		want  []string
	}{
		"all run": {
			withNetworks(nil, running("db", back), running("cache", back), running("api", back), running("web", back, in("p_front")), running("other", in("p_front"))),
			[]string{"stop api cache db web, anew p_back: cache db", "other", "api", "web"},
		},
		"some are down": {
			withNetworks(nil, running("db", back), running("cache", back, exited), running("web", back), running("other")),
			[]string{"stop db web, anew p_back: cache db", "other", "api", "web"},
		},
		"none is in it any more": {
			withNetworks(nil, running("db", back, exited), running("other")), []string{"anew p_back: cache db", "other", "api", "web"},
		},
		"a container that is new to it": {
			withNetworks(nil, running("db"), running("cache", back)), []string{"stop cache db, anew p_back: cache db other", "api", "web"},
		},
	} {
		if stages, conflicts := arranged(t, networked, c.world, false); !slices.Equal(stages, c.want) || len(conflicts) > 0 {
			t.Errorf("%s: %q, conflicts %q, want %q", name, stages, conflicts, c.want)
		}
	}
}

func TestCaseD1AServiceThatLeavesAChangedNetworkIsStoppedToo(t *testing.T) {
	world := withNetworks(nil, running("a", in("p_back")), running("b", in("p_back"), in("p_front")))
	const text = "services: {a: {image: x, networks: [back]}, b: {image: x, networks: [front]}}\nnetworks: {back: {internal: true}, front: {}}\n"
	if stages, conflicts := arranged(t, text, world, false); !slices.Equal(stages, []string{"stop a b, anew p_back: a b"}) || len(conflicts) > 0 {
		t.Errorf("%q, conflicts %q", stages, conflicts)
	}
}

func TestCaseD1ANetworkWithStrangersIsNotMadeAnew(t *testing.T) {
	back := in("p_back")
	for name, c := range map[string]struct {
		world    World
		prune    bool
		conflict string
	}{
		"another project's": {
			withNetworks(map[string]string{"foreign-id": "monitor"}, running("db", back)), true,
			"network p_back is to be made anew, and container monitor of another project is in it",
		},
		"a job's": {
			withNetworks(nil, running("db", back), running("migrate", back, oneOff)), true,
			"network p_back is to be made anew, and job container p-migrate-1 runs in it",
		},
		"an orphan": {
			withNetworks(nil, running("db", back), running("old", back)), false,
			"network p_back is to be made anew, and container p-old-1 is in it, whose service is not to be up",
		},
	} {
		if stages, conflicts := arranged(t, networked, c.world, c.prune); !slices.Equal(conflicts, []string{c.conflict}) {
			t.Errorf("%s: %q, conflicts %q", name, stages, conflicts)
		}
	}
}

func TestCaseD1AnOrphanInAChangedNetworkIsRemovedBeforeTheNetwork(t *testing.T) {
	world := withNetworks(nil, running("db", in("p_back")), running("old", in("p_back")))
	want := []string{"remove p-old-1, stop db, anew p_back: cache db other", "api", "web"}
	if stages, conflicts := arranged(t, networked, world, true); !slices.Equal(stages, want) || len(conflicts) > 0 {
		t.Errorf("%q, conflicts %q, want %q", stages, conflicts, want)
	}
}

func TestTheWayOfAStageIsSaidInWords(t *testing.T) {
	stage := Stage{Remove: []compose.Container{running("db")}, Stop: []string{"a", "b"}, Aside: []string{"b"}, Networks: []string{"p_back"}, Services: []string{"postgres", "a"}}
	want := []string{"remove p-db-1, which is in the way of postgres, a", "stop a, b", "free the names of b", "make network p_back anew"}
	if got := stage.Way(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := (Stage{Services: []string{"a"}}).Way(); len(got) > 0 {
		t.Errorf("nothing is in the way, and it says %q", got)
	}
}

func TestAddressesThatAreListenedOnOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "127.0.0.1", true},
		{"0.0.0.0", "127.0.0.1", true},
		{"0.0.0.0", "::1", false},
		{"::", "::1", true},
		{"", "::1", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "10.0.0.1", false},
		{"::ffff:127.0.0.1", "127.0.0.1", true},
		{"[::1]", "::1", true},
	} {
		if Overlap(c.a, c.b) != c.want || Overlap(c.b, c.a) != c.want {
			t.Errorf("%s: want %v", fmt.Sprintf("%q and %q", c.a, c.b), c.want)
		}
	}
}
