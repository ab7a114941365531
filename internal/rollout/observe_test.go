package rollout

import (
	"testing"

	"slipway/internal/compose"
)

func container(number int, status string, exit int) compose.Container {
	return compose.Container{
		ID: string(rune('a' + number)), Name: "p-backend-" + string(rune('0'+number)), Service: "backend",
		Number: number, Status: status, ExitCode: exit, ImageID: "sha256:1",
	}
}

func TestHoldsSaysWhatIsWrong(t *testing.T) {
	up := func(number int) compose.Container { return container(number, "running", 0) }
	named := func(name, status string) compose.Container {
		return compose.Container{Name: name, Service: "backend", Number: 1, Status: status, ImageID: "sha256:1"}
	}
	oneOff := up(2)
	oneOff.OneOff = true
	hook := up(2)
	hook.Labels = map[string]string{hookLabel: "pre_start"}
	for _, c := range []struct {
		name       string
		service    compose.Service
		containers []compose.Container
		image      string
		want       string
	}{
		{"all run", compose.Service{Replicas: 2}, []compose.Container{up(1), up(2)}, "sha256:1", ""},
		{"numbers after a surge", compose.Service{Replicas: 2}, []compose.Container{up(3), up(4)}, "sha256:1", ""},
		{"none wanted, none there", compose.Service{}, nil, "", ""},
		{"the only one gone", compose.Service{Replicas: 1}, nil, "", "the container of backend is gone"},
		{"all gone", compose.Service{Replicas: 3}, nil, "", "0 of 3 containers run"},
		{"one gone", compose.Service{Replicas: 2}, []compose.Container{up(2)}, "", "container backend-1 is gone"},
		{"one gone, numbers do not tell", compose.Service{Replicas: 2}, []compose.Container{up(4)}, "", "1 of 2 containers run"},
		{"two gone", compose.Service{Replicas: 3}, []compose.Container{up(1)}, "", "1 of 3 containers run"},
		{"one too many", compose.Service{Replicas: 1}, []compose.Container{up(1), up(2)}, "", "2 containers run, 1 wanted"},
		{"killed", compose.Service{Replicas: 1}, []compose.Container{container(1, "exited", 137)}, "", "container backend-1 exited (137)"},
		{"ended well", compose.Service{Replicas: 1}, []compose.Container{container(1, "exited", 0)}, "", "container backend-1 exited (0)"},
		{"restart loop", compose.Service{Replicas: 1}, []compose.Container{container(1, "restarting", 2)}, "", "container backend-1 is restarting (exited 2)"},
		{"never started", compose.Service{Replicas: 1}, []compose.Container{container(1, "created", 0)}, "", "container backend-1 was created and never started"},
		{"paused", compose.Service{Replicas: 1}, []compose.Container{container(1, "paused", 0)}, "", "container backend-1 is paused"},
		{"another image", compose.Service{Replicas: 2}, []compose.Container{up(1), up(2)}, "sha256:2", "container backend-1 runs another image"},
		{"image not known", compose.Service{Replicas: 1}, []compose.Container{up(1)}, "", ""},
		{"leftover", compose.Service{Replicas: 1}, []compose.Container{up(1), named("1a2b3c4d5e6f_p-backend-1", "created")}, "", "container 1a2b3c4d5e6f_p-backend-1 is left from an interrupted recreate"},
		{"a name that only looks like it", compose.Service{Replicas: 1, ContainerName: "abcdefabcdef_x"}, []compose.Container{named("abcdefabcdef_x", "running")}, "", ""},
		{"container_name", compose.Service{Replicas: 1, ContainerName: "web"}, []compose.Container{named("web", "exited")}, "", "container web exited (0)"},
		{"one-shot done", compose.Service{Replicas: 1, OneShot: true}, []compose.Container{container(1, "exited", 0)}, "", ""},
		{"one-shot runs", compose.Service{Replicas: 1, OneShot: true}, []compose.Container{up(1)}, "", ""},
		{"one-shot failed", compose.Service{Replicas: 1, OneShot: true}, []compose.Container{container(1, "exited", 3)}, "", "container backend-1 exited (3)"},
		{"one-off and hook beside it", compose.Service{Replicas: 1}, []compose.Container{up(1), oneOff, hook}, "", ""},
		{"another service's", compose.Service{Replicas: 1}, []compose.Container{up(1), {Service: "db", Status: "exited"}}, "", ""},
	} {
		c.service.Name = "backend"
		if got := Holds(c.service, c.containers, c.image); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOrphansAreContainersOfServicesThatAreGone(t *testing.T) {
	model := &compose.Model{Services: map[string]compose.Service{"backend": {}, "migrate": {Job: true}}}
	containers := []compose.Container{
		{Name: "backend-1", Service: "backend"},
		{Name: "migrate", Service: "migrate", OneOff: true},
		{Name: "old-1", Service: "old", Status: "running"},
		{Name: "old-run", Service: "old", OneOff: true, Status: "running"},
		{Name: "old-ran", Service: "old", OneOff: true, Status: "exited"},
		{Name: "grafana-1", Service: "grafana"},
	}
	var names []string
	for _, c := range Orphans(model, containers, "grafana") {
		names = append(names, c.Name)
	}
	if len(names) != 2 || names[0] != "old-1" || names[1] != "old-ran" {
		t.Errorf("orphans %q, want old-1 and old-ran", names)
	}
}
