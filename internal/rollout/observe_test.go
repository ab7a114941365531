package rollout

import (
	"maps"
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
	renamed := func(name, status string) compose.Container {
		return compose.Container{Name: name, Service: "backend", Number: 1, Status: status, ImageID: "sha256:1"}
	}
	named := func(s compose.Service, name string) compose.Service {
		s.ContainerName = name
		return s
	}
	oneShot := compose.Service{OneShot: true}
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
		{"all run", stateless(2), []compose.Container{up(1), up(2)}, "sha256:1", ""},
		{"numbers after a start-first", stateless(2), []compose.Container{up(3), up(4)}, "sha256:1", ""},
		{"none wanted, none there", stateless(0), nil, "", ""},
		{"the only one gone", stateless(1), nil, "", "the container of backend is gone"},
		{"all gone", stateless(3), nil, "", "0 of 3 containers run"},
		{"one gone", stateless(2), []compose.Container{up(2)}, "", "container backend-1 is gone"},
		{"one gone, numbers do not tell", stateless(2), []compose.Container{up(4)}, "", "1 of 2 containers run"},
		{"two gone", stateless(3), []compose.Container{up(1)}, "", "1 of 3 containers run"},
		{"one too many", stateless(1), []compose.Container{up(1), up(2)}, "", "2 containers run, 1 wanted"},
		{"killed", stateless(1), []compose.Container{container(1, "exited", 137)}, "", "container backend-1 exited (137)"},
		{"ended well", stateless(1), []compose.Container{container(1, "exited", 0)}, "", "container backend-1 exited (0)"},
		{"restart loop", stateless(1), []compose.Container{container(1, "restarting", 2)}, "", "container backend-1 is restarting (exited 2)"},
		{"never started", stateless(1), []compose.Container{container(1, "created", 0)}, "", "container backend-1 was created and never started"},
		{"paused", stateless(1), []compose.Container{container(1, "paused", 0)}, "", "container backend-1 is paused"},
		{"another image", stateless(2), []compose.Container{up(1), up(2)}, "sha256:2", "container backend-1 runs another image"},
		{"image not known", stateless(1), []compose.Container{up(1)}, "", ""},
		{"leftover", stateless(1), []compose.Container{up(1), renamed("1a2b3c4d5e6f_p-backend-1", "created")}, "", "container 1a2b3c4d5e6f_p-backend-1 is left from an interrupted recreate"},
		{"a name that only looks like it", named(stateless(1), "abcdefabcdef_x"), []compose.Container{renamed("abcdefabcdef_x", "running")}, "", ""},
		{"container_name", named(stateless(1), "web"), []compose.Container{renamed("web", "exited")}, "", "container web exited (0)"},
		{"one-shot done", oneShot, []compose.Container{container(1, "exited", 0)}, "", ""},
		{"one-shot runs", oneShot, []compose.Container{up(1)}, "", ""},
		{"one-shot failed", oneShot, []compose.Container{container(1, "exited", 3)}, "", "container backend-1 exited (3)"},
		{"one-off and hook beside it", stateless(1), []compose.Container{up(1), oneOff, hook}, "", ""},
		{"another service's", stateless(1), []compose.Container{up(1), {Service: "db", Status: "exited"}}, "", ""},
	} {
		c.service.Name = "backend"
		if got := (origin{}).holds(c.service, c.containers, compose.Image{ID: c.image}, nil); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOrphansAreContainersOfServicesThatAreNotToBeUp(t *testing.T) {
	model := modelOf(t, `
services:
  backend: {image: x}
  migrate: {image: x, profiles: [jobs]}
  grafana: {image: x, profiles: [monitoring]}
`)
	containers := []compose.Container{
		{Name: "backend-1", Service: "backend"},
		{Name: "migrate", Service: "migrate", OneOff: true},
		{Name: "old-1", Service: "old", Status: "running"},
		{Name: "old-run", Service: "old", OneOff: true, Status: "running"},
		{Name: "old-ran", Service: "old", OneOff: true, Status: "exited"},
		{Name: "grafana-1", Service: "grafana", Status: "running"},
	}
	off := map[string]bool{}
	for _, c := range Orphans(model, containers) {
		off[c.Name] = Off(model, c)
	}
	if want := map[string]bool{"old-1": false, "old-ran": false, "grafana-1": true}; !maps.Equal(off, want) { // case C5
		t.Errorf("orphans, and whether their profile is off: %v, want %v", off, want)
	}
}
