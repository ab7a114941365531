package compose

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// demo is a stack with a service of every kind.
const demo = `
services:
  db:
    image: postgres
    restart: always
    healthcheck: {test: [CMD, pg_isready]}
    secrets: [password]
    volumes: ["data:/data", "./writable:/w", "/etc/localtime:/etc/localtime:ro"]
  setup:
    image: setup
    depends_on: {db: {condition: service_healthy}}
  web:
    build: ./app
    scale: 2
    depends_on: {db: {condition: service_healthy}, setup: {condition: service_completed_successfully}}
    configs: [routes]
    labels: {slipway.limit: 5m}
    environment: {HOME_PAGE: "https://example.com/DIR", DATA: "DIR/data:DIR"}
    healthcheck: {disable: true}
    volumes: ["./conf:/conf:ro", "./one.txt:/one.txt", "./absent:/absent", "../shared:/shared:ro", "../config/app.conf:/app.conf:ro"]
  proxy:
    image: caddy
    container_name: edge
    deploy: {replicas: 1}
    depends_on: [web]
    ports: ["80:80", "81", "8000-8010:82", "127.0.0.1:53:53/udp"]
  idle: {image: x, deploy: {replicas: 0}}
  seed: {image: x, restart: "no", labels: {slipway.job: ""}}
  migrate: {image: x, profiles: [jobs], depends_on: {db: {condition: service_healthy}}}
  vpn: {provider: {type: tunnel}}
volumes: {data: {}}
secrets: {password: {file: secrets/password}}
configs: {routes: {file: routes.conf}}
`

// inFolder writes files of these contents below a folder.
func inFolder(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// model is that of demo, in a folder of its own.
func model(t *testing.T) (*Model, string) {
	t.Helper()
	t.Setenv("PATH", t.TempDir()) // compose-go resolves it, and no git is asked
	dir := filepath.Join(t.TempDir(), "stack")
	inFolder(t, dir, map[string]string{
		"compose.yaml": strings.ReplaceAll(demo, "DIR", "/elsewhere"), "conf/a": "", "one.txt": "", "writable/data": "", "app/Dockerfile": "FROM scratch",
		"secrets/password": "", "routes.conf": "", "../shared/a": "", "../config/app.conf": "",
	})
	m, err := Project{Name: "demo", Dir: dir, Files: []string{"compose.yaml"}}.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m, dir
}

func TestModelTellsWhatARolloutNeeds(t *testing.T) {
	m, dir := model(t)
	web := m.Services["web"]
	if web.Build == nil || web.Build.Context != dir+"/app" || web.Replicas() != 2 || web.HasHealthcheck() || web.OneShot ||
		web.Labels["slipway.limit"] != "5m" || web.DependsOn["db"].Condition != "service_healthy" || len(web.Volumes) != 5 {
		t.Errorf("%+v", web)
	}
	if web.Image != "demo-web" || !slices.Equal(web.Images(), []string{"demo-web"}) {
		t.Errorf("image %q, want the name that Compose gives it", web.Image)
	}
	proxy := m.Services["proxy"]
	ports := []Published{
		{First: 80, Last: 80, Proto: "tcp", Target: 80}, {First: 8000, Last: 8010, Proto: "tcp", Target: 82},
		{First: 53, Last: 53, Proto: "udp", Address: "127.0.0.1", Target: 53},
	}
	if got := proxy.Published(); proxy.ContainerName != "edge" || !slices.Equal(got, ports) {
		t.Errorf("%+v, want the ports %+v", got, ports)
	}
	if ports[0].Fixed() != true || ports[1].Fixed() || ports[2].String() != "127.0.0.1:53/udp" || ports[1].String() != "8000-8010" {
		t.Errorf("%s %s %s", ports[0], ports[1], ports[2])
	}
	if db := m.Services["db"]; !db.HasHealthcheck() || db.Restart != "always" || db.Replicas() != 1 {
		t.Errorf("%+v", db)
	}
	if n := m.Services["idle"].Replicas(); n != 0 {
		t.Errorf("idle has %d replicas", n)
	}
	for name, want := range map[string]bool{"setup": true, "migrate": true, "seed": true, "db": false, "web": false} {
		if got := m.Services[name].OneShot; got != want {
			t.Errorf("%s: one-shot is %v", name, got)
		}
	}
}

func TestUpLeavesOutJobsAndWhatAProviderRuns(t *testing.T) {
	m, _ := model(t)
	var names []string
	for _, s := range m.Up() {
		names = append(names, s.Name)
	}
	if want := []string{"db", "idle", "proxy", "seed", "setup", "web"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

func TestTopLevelJobsAreServicesThatEnd(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	m, err := written(t, "services:\n  web: {image: x}\njobs:\n  clean: {image: y, triggers: {manual: true}}\n", "").Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if job := m.Services["clean"]; !job.Job || !job.OneShot || job.Image != "y" || job.Name != "clean" || len(m.Up()) != 1 {
		t.Errorf("%+v", m.Services)
	}
}

func TestWhatIsWrittenToIsAMountThatOutlivesTheContainer(t *testing.T) {
	m, dir := model(t)
	targets := func(service string) []string {
		var list []string
		for _, mount := range m.Services[service].Writes() {
			list = append(list, mount.Target)
		}
		return list
	}
	if got := targets("db"); !slices.Equal(got, []string{"/data", "/w"}) {
		t.Errorf("db writes to %q in %s", got, dir)
	}
	if got := targets("web"); !slices.Equal(got, []string{"/one.txt", "/absent"}) {
		t.Errorf("web writes to %q", got)
	}
}

// Case B3: a file counts wherever in the checkout it lies. A folder beside the stack, in no checkout, is the machine's.
func TestCaseB3ReadsAreWhatContainersReadOfTheCheckout(t *testing.T) {
	m, dir := model(t)
	beside := filepath.Join(filepath.Dir(dir), "config", "app.conf")
	names := func(service string) []string {
		var list []string
		for _, read := range m.Reads(m.Services[service]) {
			list = append(list, read.Name)
		}
		return list
	}
	for service, want := range map[string][]string{
		"web": {beside, "conf", "one.txt", "routes.conf"}, "db": {"secrets/password", "writable"}, "proxy": nil,
	} {
		if got := names(service); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
	}
	for _, read := range m.Reads(m.Services["web"]) {
		if read.Folder != (read.Name == "conf") || read.Writable != (read.Name == "one.txt") {
			t.Errorf("%+v", read)
		}
	}
}

func TestCaseB3TheCheckoutIsTheWorkTreeOfGit(t *testing.T) {
	root := t.TempDir()
	inFolder(t, root, map[string]string{
		"shop/config/app.conf": "", "shop/shared/a": "",
		"shop/deploy/compose.yaml": "services:\n  app: {image: x, volumes: ['../config/app.conf:/app.conf', '../shared:/shared', '/etc/hostname:/name']}\n",
	})
	git(t, root, "init", "-q")
	git(t, root, "add", "shop/config", "shop/deploy")
	m, err := Project{Name: "shop", Dir: filepath.Join(root, "shop", "deploy"), Files: []string{"compose.yaml"}}.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Root != root {
		t.Errorf("the checkout is %s, want %s", m.Root, root)
	}
	reads := m.Reads(m.Services["app"])
	if len(reads) != 2 || reads[0].Name != "../config/app.conf" || reads[1].Name != "../shared" {
		t.Errorf("%+v", reads)
	}
	if !m.Tracked(filepath.Join(root, "shop/config/app.conf")) || m.Tracked(filepath.Join(root, "shop/shared/a")) {
		t.Error("git tracks the file in config, and not the one in shared")
	}
	if in := m.TrackedIn(filepath.Join(root, "shop")); !slices.Equal(in, []string{"config/app.conf", "deploy/compose.yaml"}) {
		t.Errorf("%q", in)
	}
	if in := m.TrackedIn(filepath.Join(root, "shop", "shared")); len(in) > 0 {
		t.Errorf("%q", in)
	}
}

func git(t *testing.T, dir string, argv ...string) {
	t.Helper()
	if out, err := exec.Command("git", append([]string{"-C", dir}, argv...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", argv, err, out)
	}
}

func TestDefinitionIsTheSameInAnotherCheckout(t *testing.T) {
	a, dir := model(t)
	b, _ := model(t)
	definition := func(m *Model, name string) string {
		keys, err := m.Definition(m.Services[name])
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(keys)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, name := range []string{"db", "setup", "proxy", "idle", "seed", "migrate"} {
		if one, two := definition(a, name), definition(b, name); one != two || strings.Contains(one, dir) {
			t.Errorf("%s holds the path of the checkout:\n%s\n%s", name, one, two)
		}
	}
	inside := func(m *Model) Service {
		s := m.Services["web"]
		s.Volumes = s.Volumes[:3] // the others lie outside the checkout
		return s
	}
	one, err := a.Definition(inside(a))
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.Definition(inside(b))
	if err != nil || string(one["volumes"]) != string(two["volumes"]) || !strings.Contains(string(one["volumes"]), `"source":"conf"`) {
		t.Errorf("%v\n%s\n%s", err, one["volumes"], two["volumes"])
	}
	if raw := definition(a, "db"); !strings.Contains(raw, `"/etc/localtime"`) {
		t.Errorf("a path of the machine changed: %s", raw)
	}
	if web := definition(a, "web"); !strings.Contains(web, `"/elsewhere/data:/elsewhere"`) {
		t.Errorf("a value of the environment changed: %s", web)
	}
}

func TestDefinitionLeavesOutWhatMakesNoContainerAnother(t *testing.T) {
	m, _ := model(t)
	s := m.Services["web"]
	before, err := m.Definition(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"build", "depends_on", "pull_policy", "profiles", "scale", "command"} {
		if value, has := before[key]; has {
			t.Errorf("%s is part of it: %s", key, value)
		}
	}
	if m.Services["web"].Build == nil || m.Services["web"].Volumes[0].Source[0] != '/' {
		t.Error("the model itself was changed")
	}
	proxy, err := m.Definition(m.Services["proxy"])
	if err != nil || strings.Contains(string(proxy["deploy"]), "replicas") || *m.Services["proxy"].Deploy.Replicas != 1 {
		t.Errorf("deploy: %s, %v", proxy["deploy"], err)
	}
}
