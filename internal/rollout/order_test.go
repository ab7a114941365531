package rollout

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"slipway/internal/compose"
)

// serviceOf is service s with these keys, in a stack that has what they may name.
func serviceOf(t *testing.T, keys string) compose.Service {
	t.Helper()
	return modelOf(t, fmt.Sprintf(`
services:
  s: {image: x, %s}
  vpn: {image: x}
  db: {image: x}
networks: {a: {}, b: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}
volumes: {data: {}}
`, keys)).Services["s"]
}

func TestTheOrderComesFromTheServiceAndItsContainers(t *testing.T) {
	there := []compose.Container{{Service: "s", Status: "running"}}
	writing := []compose.Container{{Service: "s", Status: "running", Mounts: []compose.Mount{{Type: "volume", Name: "anonymous", Target: "/data", Write: true}}}}
	reading := []compose.Container{{Service: "s", Status: "running", Mounts: []compose.Mount{
		{Type: "volume", Name: "p_data", Target: "/data"}, {Type: "bind", Source: "/x", Target: "/x", Write: true},
	}}}
	for _, c := range []struct {
		name       string
		keys       string
		containers []compose.Container
		want       Order
		refused    string
	}{
		{"stateless", ``, there, StartFirst, ""},
		{"nothing there", ``, nil, Start, ""},
		{"container_name", `container_name: edge`, there, StopFirst, ""},
		{"fixed port", `ports: ["80:80"]`, there, StopFirst, ""},
		{"port that the engine chooses", `ports: ["80"]`, there, StartFirst, ""},
		{"range of ports", `ports: ["8000-8010:80"]`, there, StartFirst, ""},
		{"one-shot", `restart: "no", labels: {slipway.job: ""}`, there, StopFirst, ""},
		{"named volume", `volumes: ["data:/d"]`, there, StopFirst, ""},
		{"volume to read", `volumes: ["data:/d:ro"]`, there, StartFirst, ""},
		{"writable directory", `volumes: ["./d:/d"]`, there, StopFirst, ""},
		{"tmpfs", `volumes: [{type: tmpfs, target: /d}]`, there, StartFirst, ""},
		{"volume of the image", ``, writing, StopFirst, ""},
		{"a volume that is read, a folder that is no longer written to", ``, reading, StartFirst, ""},
		{"host network", `network_mode: host`, there, StopFirst, ""},
		{"shared network", `network_mode: "service:vpn"`, there, StopFirst, ""},
		{"fixed address", `networks: {a: null, b: {ipv4_address: 10.0.0.2}}`, there, StopFirst, ""},
		{"mac address", `mac_address: "02:42:ac:11:65:43"`, there, StopFirst, ""},
		{"the label that said it once", `labels: {slipway.rollout: surge}`, there, "",
			`label slipway.rollout no longer means anything: write deploy.update_config.order: start-first or stop-first`},

		{"C4 stop-first", `deploy: {update_config: {order: stop-first}}`, there, StopFirst, ""},
		{"C4 stop-first, nothing there", `deploy: {update_config: {order: stop-first}}`, nil, Start, ""},
		{"C4 start-first, nothing there", `deploy: {update_config: {order: start-first}}`, nil, Start, ""},
		{"C4 start-first over a volume", `deploy: {update_config: {order: start-first}}, volumes: ["data:/d"]`, writing, StartFirst, ""},
		{"C4 update_config without an order", `deploy: {update_config: {parallelism: 1}}`, there, StartFirst, ""},
		{"C4 start-first over container_name", `deploy: {update_config: {order: start-first}}, container_name: edge`, there, "",
			`deploy.update_config.order: start-first: a second container cannot start beside the first: container_name allows one container only`},
		{"C4 start-first over a fixed port", `deploy: {update_config: {order: start-first}}, ports: ["80:80"]`, there, "",
			`deploy.update_config.order: start-first: a second container cannot start beside the first: host port 80 can be taken once only`},
		{"pre_start hook", `pre_start: [{image: y, command: [a]}]`, there, StopFirst, ""},
		{"pre_start hook and start-first", `pre_start: [{image: y, command: [a]}], deploy: {update_config: {order: start-first}}`, there, "",
			`deploy.update_config.order: start-first: a second container cannot start beside the first: ` +
				`Compose runs no pre_start hook for a container that it adds beside a running one`},
	} {
		got, err := Choose(serviceOf(t, c.keys), c.containers)
		if got != c.want || (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused {
			t.Errorf("%s: %q, error %v, want %q, %q", c.name, got, err, c.want, c.refused)
		}
	}
}

func TestCaseC4AnOrderWithASlipIsRefused(t *testing.T) {
	s := serviceOf(t, `deploy: {update_config: {order: stop-first}}`)
	s.Deploy.UpdateConfig.Order = "stop-frist"
	if _, err := Choose(s, nil); err == nil || err.Error() != `deploy.update_config.order: "stop-frist" is neither start-first nor stop-first` {
		t.Errorf("error %v", err)
	}
}

func TestFollowsNamesWhatAServiceHangsOn(t *testing.T) {
	model := modelOf(t, `
services:
  s:
    image: x
    network_mode: "service:vpn"
    ipc: "service:db"
    pid: host
    volumes_from: ["assets:ro", "container:strange"]
    depends_on:
      db: {restart: true, condition: service_started}
      cache: {restart: true, condition: service_started}
      setup: {condition: service_started}
  vpn: {image: x}
  db: {image: x}
  assets: {image: x}
  cache: {image: x}
  setup: {image: x}
`)
	got := Follows(model.Services["s"])
	if want := []string{"assets", "cache", "db", "vpn"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNoTwoServicesShareAStepName(t *testing.T) {
	seen := map[string]string{}
	for _, service := range []string{"backend", "node-exporter", "node_exporter", "node.exporter", "Backend", "BACKEND"} {
		name := StepName(service)
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %s", service, other, name)
		}
		seen[name] = service
	}
	if StepName("node-exporter") != "rollout.node-exporter" {
		t.Error("a plain name is not kept")
	}
}

func TestHowManyAreReplacedAtATime(t *testing.T) {
	for keys, want := range map[string][2]int{ // start-first, stop-first
		``: {math.MaxInt, 1},
		`deploy: {update_config: {order: start-first}}`: {math.MaxInt, 1},
		`deploy: {update_config: {parallelism: 2}}`:     {2, 2},
		`deploy: {update_config: {parallelism: 0}}`:     {math.MaxInt, math.MaxInt},
	} {
		s := serviceOf(t, keys)
		if got := [2]int{parallelism(s, StartFirst), parallelism(s, StopFirst)}; got != want {
			t.Errorf("%s: %v, want %v", keys, got, want)
		}
	}
}
