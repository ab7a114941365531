package rollout

import (
	"slices"
	"testing"

	"slipway/internal/compose"
)

func TestTheMethodComesFromTheServiceAndItsContainers(t *testing.T) {
	there := []compose.Container{{Service: "s", Status: "running"}}
	writing := []compose.Container{{Service: "s", Status: "running", WritableVolumes: []string{"/data"}}}
	label := func(value string) map[string]string { return map[string]string{MethodLabel: value} }
	for _, c := range []struct {
		name       string
		service    compose.Service
		raw        string
		containers []compose.Container
		want       Method
		refused    string
	}{
		{"stateless", compose.Service{}, `{}`, there, Surge, ""},
		{"nothing there", compose.Service{}, `{}`, nil, Start, ""},
		{"container_name", compose.Service{ContainerName: "x"}, `{}`, there, Replace, ""},
		{"fixed port", compose.Service{FixedPorts: []int{80}}, `{}`, there, Replace, ""},
		{"one-shot", compose.Service{OneShot: true}, `{}`, there, Replace, ""},
		{"named volume", compose.Service{}, `{"volumes":[{"type":"volume","source":"d","target":"/d"}]}`, there, Replace, ""},
		{"volume to read", compose.Service{}, `{"volumes":[{"type":"volume","source":"d","target":"/d","read_only":true}]}`, there, Surge, ""},
		{"writable directory", compose.Service{}, `{"volumes":[{"type":"bind","source":"./d","target":"/d"}]}`, there, Replace, ""},
		{"tmpfs", compose.Service{}, `{"volumes":[{"type":"tmpfs","target":"/d"}]}`, there, Surge, ""},
		{"volume of the image", compose.Service{}, `{}`, writing, Replace, ""},
		{"host network", compose.Service{}, `{"network_mode":"host"}`, there, Replace, ""},
		{"shared network", compose.Service{}, `{"network_mode":"service:vpn"}`, there, Replace, ""},
		{"fixed address", compose.Service{}, `{"networks":{"a":null,"b":{"ipv4_address":"10.0.0.2"}}}`, there, Replace, ""},
		{"mac address", compose.Service{}, `{"mac_address":"02:42:ac:11:65:43"}`, there, Replace, ""},
		{"label replace", compose.Service{Labels: label("replace")}, `{}`, there, Replace, ""},
		{"label surge over a volume", compose.Service{Labels: label("surge")}, `{"volumes":[{"type":"volume","target":"/d"}]}`, writing, Surge, ""},
		{"label surge, nothing there", compose.Service{Labels: label("surge")}, `{}`, nil, Start, ""},
		{"label surge over a fixed port", compose.Service{Labels: label("surge"), FixedPorts: []int{80}}, `{}`, nil, "",
			`label slipway.rollout: it cannot surge: host port 80 can be taken once only`},
		{"label surge over container_name", compose.Service{Labels: label("surge"), ContainerName: "x"}, `{}`, there, "",
			`label slipway.rollout: it cannot surge: container_name allows one container only`},
		{"label with a slip", compose.Service{Labels: label("serge")}, `{}`, there, "",
			`label slipway.rollout: "serge" is neither surge nor replace`},
	} {
		c.service.Name, c.service.Raw = "s", []byte(c.raw)
		got, err := Choose(c.service, c.containers)
		if got != c.want || (err == nil) != (c.refused == "") || err != nil && err.Error() != c.refused {
			t.Errorf("%s: %q, error %v, want %q, %q", c.name, got, err, c.want, c.refused)
		}
	}
}

func TestFollowsNamesWhatAServiceHangsOn(t *testing.T) {
	service := compose.Service{Raw: []byte(`{
		"network_mode": "service:vpn", "ipc": "service:db", "pid": "host",
		"volumes_from": ["assets:ro", "container:strange"],
		"depends_on": {"db": {"restart": true}, "cache": {"restart": true}, "setup": {"condition": "service_started"}}}`)}
	got, err := Follows(service)
	if want := []string{"assets", "cache", "db", "vpn"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, error %v, want %q", got, err, want)
	}
}

func TestOrderPutsDependenciesFirstAndStartsOnlyNewOnesTogether(t *testing.T) {
	model := &compose.Model{Services: map[string]compose.Service{
		"db":      {Name: "db"},
		"redis":   {Name: "redis"},
		"mail":    {Name: "mail"},
		"setup":   {Name: "setup", OneShot: true, DependsOn: map[string]string{"db": "service_healthy"}},
		"backend": {Name: "backend", DependsOn: map[string]string{"setup": "service_completed_successfully"}},
		"migrate": {Name: "migrate", Job: true, OneShot: true},
	}}
	same := func(got, want [][]string) bool { return slices.EqualFunc(got, want, slices.Equal) }
	want := [][]string{{"db", "mail", "redis"}, {"setup"}, {"backend"}}
	if got := Order(model, nil); !same(got, want) {
		t.Errorf("first deploy: %q, want %q", got, want)
	}
	want = [][]string{{"mail", "redis"}, {"db"}, {"setup"}, {"backend"}}
	if got := Order(model, []compose.Container{{Service: "db"}, {Service: "migrate"}}); !same(got, want) {
		t.Errorf("with db there: %q, want %q", got, want)
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
