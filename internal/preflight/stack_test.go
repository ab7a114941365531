package preflight

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"

	"slipway/internal/compose"
	"slipway/internal/rollout"
)

// inFolder writes files of these contents below a folder.
func inFolder(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// stack is the model of project p whose services are these, in a folder that has files, and the folder.
func stack(t *testing.T, services string, files ...string) (*compose.Model, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stack")
	content := map[string]string{"compose.yaml": "services: {" + services + `}
volumes: {data: {}, kept: {external: true, name: shop_data}}
networks: {front: {}, proxy: {external: true, name: edge}}
configs: {routes: {file: routes.conf}}
secrets: {password: {file: secrets/password}}
`}
	for _, name := range files {
		content[name] = ""
	}
	inFolder(t, dir, content)
	model, err := compose.Project{Name: "p", Dir: dir, Files: []string{"compose.yaml"}}.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return model, dir
}

// expectation is what is to be found of a stack; no words where nothing is wrong.
type expectation struct {
	services string
	files    []string
	change   func(*compose.Model) // what Compose's own loader does not let through
	world    World
	prune    bool
	want     []string // all problems; DIR stands for the stack's folder
}

func check(t *testing.T, find func(*compose.Model, World, bool) []Problem, table map[string]expectation) {
	t.Helper()
	for name, c := range table {
		model, dir := stack(t, c.services, c.files...)
		if c.change != nil {
			c.change(model)
		}
		var got []string
		for _, problem := range find(model, c.world, c.prune) {
			got = append(got, problem.Text)
			if problem.Remedy == "" {
				t.Errorf("%s: without a remedy: %s", name, problem.Text)
			}
		}
		var want []string
		for _, text := range c.want {
			want = append(want, strings.ReplaceAll(text, "DIR", dir))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// edited changes service web of a model.
func edited(edit func(*compose.Service)) func(*compose.Model) {
	return func(m *compose.Model) {
		s := m.Services["web"]
		edit(&s)
		m.Services["web"] = s
	}
}

func TestCaseF4WhatNoEngineCouldCarryOutIsAFault(t *testing.T) {
	check(t, func(m *compose.Model, _ World, _ bool) []Problem { return Faults(m) }, map[string]expectation{
		"nothing wrong": {services: `web: {image: "x:1@sha256:` + strings.Repeat("0", 64) + `", healthcheck: {test: [CMD, a]}, ports: ["80:80"]}`},
		"no service":    {services: `migrate: {image: x, profiles: [jobs]}`, want: []string{"the compose files have no service to run"}},
		"a profile that is off": {
			services: `web: {image: x, profiles: [off]}`, want: []string{"the compose files have no service to run"},
		},
		"replicas below nothing": {
			services: `web: {image: x}`, change: edited(func(s *compose.Service) { n := -1; s.Scale = &n }),
			want: []string{"service web wants -1 replicas"},
		},
		"no replicas": {services: `web: {image: x, scale: 0, container_name: edge, ports: ["80:80"]}`},
		"an image with a space": {
			services: `web: {image: "shop web"}`, want: []string{`service web has image "shop web", which is no name of an image`},
		},
		"an image in capitals": {
			services: `web: {image: Shop}`, want: []string{`service web has image "Shop", which is no name of an image`},
		},
		"a job's image": {
			services: `web: {image: x}, migrate: {image: "a b", profiles: [jobs]}`, want: []string{`service migrate has image "a b", which is no name of an image`},
		},
		"a provider has no image": {services: `web: {image: x}, model: {provider: {type: model}}`},
		"a healthcheck without CMD": {
			services: `web: {image: x, healthcheck: {test: [CMD, localhost]}}`, change: edited(func(s *compose.Service) { s.HealthCheck.Test[0] = "curl" }),
			want: []string{`service web has a healthcheck that begins with "curl" instead of CMD, CMD-SHELL or NONE`},
		},
		"a negative monitor period": {
			services: `web: {image: x, deploy: {update_config: {monitor: -5s}}}`, want: []string{"service web has deploy.update_config.monitor -5s"},
		},
		"a healthcheck without a command": {
			services: `web: {image: x, healthcheck: {test: [CMD]}}`, want: []string{"service web has a healthcheck without a command"},
		},
		"healthchecks that are none, and of one string": {
			services: `web: {image: x, healthcheck: {test: [NONE]}}, db: {image: x, healthcheck: {test: curl localhost}}, mail: {image: x, healthcheck: {disable: true}}`,
		},
		"two of one name": {
			services: `web: {image: x, container_name: edge}`, change: edited(func(s *compose.Service) { n := 2; s.Scale = &n }),
			want: []string{"service web wants 2 replicas, and container_name allows one"},
		},
		"two of one port": {
			services: `web: {image: x, scale: 2, ports: ["127.0.0.1:80:80"]}`,
			want:     []string{"service web wants 2 replicas, and port 127.0.0.1:80 allows 1"},
		},
		"three of two ports": {
			services: `web: {image: x, scale: 3, ports: ["80-81:80"]}`, want: []string{"service web wants 3 replicas, and port 80-81 allows 2"},
		},
		"two of two ports, and of a port that the engine chooses": {services: `web: {image: x, scale: 2, ports: ["80-81:80", "443"]}`},
		"one port of two services": {
			services: `a: {image: x, ports: ["80:80"]}, b: {image: x, ports: ["127.0.0.1:80:8080"]}`,
			want:     []string{"services a and b both want port 80"},
		},
		"one port of two addresses": {services: `a: {image: x, ports: ["127.0.0.1:80:80"]}, b: {image: x, ports: ["127.0.0.2:80:80"]}`},
		"one port of two protocols": {services: `a: {image: x, ports: ["53:53"]}, b: {image: x, ports: ["53:53/udp"]}`},
		"one port of a service that is off": {
			services: `a: {image: x, ports: ["80:80"]}, b: {image: x, scale: 0, ports: ["80:80"]}, c: {image: x, profiles: [jobs], ports: ["80:80"]}`,
		},
		"several": {
			services: `a: {image: "a b", ports: ["80:80"]}, b: {image: x, ports: ["80:80"], healthcheck: {test: [CMD]}}`,
			want: []string{
				`service a has image "a b", which is no name of an image`, "service b has a healthcheck without a command",
				"services a and b both want port 80",
			},
		},
	})
}

// had is a world with these volumes and networks of the engine.
func had(names ...string) World {
	w := World{Volumes: map[string]volume.Volume{}}
	w.Networks = map[string]compose.Network{}
	for _, name := range names {
		if kind, name, _ := strings.Cut(name, " "); kind == "volume" {
			w.Volumes[name] = volume.Volume{Name: name, Driver: "local"}
		} else {
			w.Networks[name] = compose.Network{Inspect: network.Inspect{Network: network.Network{Name: name, Driver: "bridge"}}}
		}
	}
	return w
}

func TestCaseF1WhatIsExternalHasToBeThere(t *testing.T) {
	const services = `web: {image: x, networks: [front, proxy], volumes: ["kept:/kept:ro", "data:/data"]}`
	check(t, Stack, map[string]expectation{
		"neither": {services: services, want: []string{"external network edge is not there", "external volume shop_data is not there"}},
		"both":    {services: services, world: had("network edge", "volume shop_data")},
		"another of a similar name": {
			services: services, world: had("network proxy", "volume kept", "volume p_kept", "network p_proxy"),
			want: []string{"external network edge is not there", "external volume shop_data is not there"},
		},
		"of no use to any service": {services: `web: {image: x}`},
	})
}

func TestCaseF2AFileThatIsMountedHasToBeThere(t *testing.T) {
	check(t, Stack, map[string]expectation{
		"a file": {
			services: `web: {image: x, volumes: ["./app.conf:/app.conf"]}`, want: []string{"service web mounts DIR/app.conf: it is not there"},
		},
		"a file that is there": {services: `web: {image: x, volumes: ["./app.conf:/app.conf"]}`, files: []string{"app.conf"}},
		"a folder that is read": {
			services: `web: {image: x, volumes: ["./theme:/theme:ro"]}`, want: []string{"service web mounts DIR/theme: it is not there"},
		},
		"a folder to write to, which the engine makes": {services: `web: {image: x, volumes: ["./uploads:/uploads"]}`},
		"a folder that nobody may make": {
			services: `web: {image: x, volumes: [{type: bind, source: ./uploads, target: /uploads, bind: {create_host_path: false}}]}`,
			want:     []string{"service web mounts DIR/uploads: it is not there"},
		},
		"a folder below a file": {
			services: `web: {image: x, volumes: ["./app.conf/x:/x:ro"]}`, files: []string{"app.conf"},
			want: []string{"service web mounts DIR/app.conf/x: not a directory"},
		},
		"the whole machine": {services: `web: {image: x, volumes: ["/:/host:ro"]}`},
		"of a job": {
			services: `web: {image: x}, migrate: {image: x, profiles: [jobs], volumes: ["./one.sql:/one.sql"]}`,
			want:     []string{"service migrate mounts DIR/one.sql: it is not there"},
		},
		"twice of one service": {
			services: `web: {image: x, volumes: ["./app.conf:/a.conf", "./app.conf:/b.conf"]}`,
			want:     []string{"service web mounts DIR/app.conf: it is not there"},
		},
		"F4 a build folder": {services: `web: {build: ./app}`, want: []string{"service web is built in DIR/app: it is not there"}},
		"F4 a Dockerfile": {
			services: `web: {build: ./app}`, files: []string{"app/main.go"}, want: []string{"service web is built with DIR/app/Dockerfile: it is not there"},
		},
		"a Dockerfile beside the build folder":    {services: `web: {build: {context: ./app, dockerfile: ../app.Dockerfile}}`, files: []string{"app/main.go", "app.Dockerfile"}},
		"a Dockerfile in the compose file":        {services: `web: {build: {context: ./app, dockerfile_inline: FROM scratch}}`, files: []string{"app/main.go"}},
		"a build folder somewhere on the network": {services: `web: {build: "https://example.com/shop.git"}`},
		"secrets and configs are still to come":   {services: `web: {image: x, secrets: [password], configs: [routes]}`},
	})
}

func TestFilesOfSecretsAndConfigsHaveToBeWritten(t *testing.T) {
	const services = `web: {image: x, secrets: [password], configs: [routes]}`
	check(t, func(m *compose.Model, _ World, _ bool) []Problem { return Written(m) }, map[string]expectation{
		"neither": {services: services, want: []string{
			"secret password is in DIR/secrets/password: it is not there", "config routes is in DIR/routes.conf: it is not there",
		}},
		"both":          {services: services, files: []string{"secrets/password", "routes.conf"}},
		"of no service": {services: `web: {image: x}`},
	})
}

func TestCaseF3AContainerNameOfAnotherIsNamedWithItsHolder(t *testing.T) {
	const services = `web: {image: x, container_name: edge}, db: {image: x}`
	holder := func(project string) World { return World{Holders: map[string]string{"edge": project}} }
	check(t, Stack, map[string]expectation{
		"of another project": {services: services, world: holder("other"), want: []string{"service web wants the name edge, which a container of project other has"}},
		"of no project":      {services: services, world: holder(""), want: []string{"service web wants the name edge, which a container of no project has"}},
		"our own":            {services: services, world: holder("p")},
		"free":               {services: services},
	})
}

func TestAVolumeThatIsThereWithOtherOptionsIsRefused(t *testing.T) {
	has := func(driver string, options map[string]string) World {
		w := had()
		w.Volumes["p_data"] = volume.Volume{Name: "p_data", Driver: driver, Options: options}
		return w
	}
	given := func(driver string, options map[string]string) func(*compose.Model) {
		return func(m *compose.Model) {
			v := m.Volumes["data"]
			v.Driver, v.DriverOpts = driver, options
			m.Volumes["data"] = v
		}
	}
	const services = `web: {image: x, volumes: ["data:/data"]}`
	nfs := map[string]string{"type": "nfs", "o": "addr=10.0.0.1", "device": ":/srv"}
	want := []string{"volume p_data is there with another driver or other options than the compose files give; to change them, its data would be lost"}
	check(t, Stack, map[string]expectation{
		"as it is":         {services: services, world: has("local", nil)},
		"the same driver":  {services: services, world: has("local", map[string]string{}), change: given("local", nil)},
		"another driver":   {services: services, world: has("local", nil), change: given("rexray", nil), want: want},
		"new options":      {services: services, world: has("local", nil), change: given("", nfs), want: want},
		"the same options": {services: services, world: has("local", nfs), change: given("local", nfs)},
		"options no more":  {services: services, world: has("local", nfs), want: want},
		"not there":        {services: services, change: given("rexray", nfs)},
	})
}

func TestCaseC3AnImageThatMustNotBePulledHasToBeThere(t *testing.T) {
	missing := []string{"image shop:1 of service web is not here, and pull_policy: never forbids to pull it"}
	check(t, Stack, map[string]expectation{
		"missing":         {services: `web: {image: "shop:1", pull_policy: never}`, want: missing},
		"here":            {services: `web: {image: "shop:1", pull_policy: never}`, world: World{Images: map[string]compose.Image{"shop:1": {ID: "i"}}}},
		"may be pulled":   {services: `web: {image: "shop:1", pull_policy: missing}`},
		"is to be built":  {services: `web: {image: "shop:1", pull_policy: never, build: ./app}`, files: []string{"app/Dockerfile"}},
		"another builds":  {services: `web: {image: "shop:1", build: ./app}, worker: {image: "shop:1", pull_policy: never}`, files: []string{"app/Dockerfile"}},
		"of a job, as it": {services: `web: {image: x}, migrate: {image: "a:1", pull_policy: never, profiles: [jobs]}`, want: []string{"image a:1 of service migrate is not here, and pull_policy: never forbids to pull it"}},
	})
}

// What only the rollout would meet is a problem of the preflight too.
func TestWhatARolloutWouldMeetIsFoundBeforehand(t *testing.T) {
	orphan := func(c compose.Container) World {
		c.ID, c.Name, c.Service, c.Status = "id", "p-db-1", "db", "running"
		return World{World: rollout.World{Containers: []compose.Container{c}}}
	}
	data := compose.Container{Mounts: []compose.Mount{{Type: "volume", Name: "p_data", Target: "/data", Write: true}}}
	held := []string{"postgres wants volume p_data, which container p-db-1 holds, whose service is no longer in the compose files"}
	check(t, Stack, map[string]expectation{
		"D2 an orphan holds the volume": {services: `postgres: {image: x, volumes: ["data:/data"]}`, world: orphan(data), want: held},
		"D2 and is removed":             {services: `postgres: {image: x, volumes: ["data:/data"]}`, world: orphan(data), prune: true},
		"A3 the volume has another name": {
			services: `db: {image: x, volumes: ["data:/data"]}`,
			world:    orphan(compose.Container{Mounts: []compose.Mount{{Type: "volume", Name: "p_old", Target: "/data", Write: true}}}),
			want:     []string{"db has its data in volume p_old (container p-db-1, /data), and the compose files now give it volume p_data, which is empty"},
		},
		"C4 a method that cannot be": {
			services: `web: {image: x, ports: ["80:80"], deploy: {update_config: {order: start-first}}}`,
			want: []string{"service web: deploy.update_config.order: start-first: a second container cannot start beside the first: " +
				"host port 80 can be taken once only"},
		},
	})
}
