package rollout

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

const shopFile = `
services:
  backend:
    image: app:1
    environment: {B: "2", A: hunter2-secret}
    labels: {}
    scale: 2
    build: .
    profiles: [x]
    pull_policy: build
    depends_on: {db: {condition: service_healthy}}
    deploy: {replicas: 2, resources: {limits: {memory: 1m}}}
    configs: [inline, file]
    secrets: [{source: token, target: /run/secrets/token}]
    volumes: ["./caddy/Caddyfile:/Caddyfile:ro", "./conf:/conf:ro", "data:/data"]
  db: {image: db}
volumes: {data: {}}
configs: {inline: {content: text}, file: {file: routes.conf}}
secrets: {token: {environment: TOKEN}}
`

// stack writes a small stack.
func stack(t *testing.T, text string) compose.Project {
	t.Helper()
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{
		"compose.yaml": text, "caddy/Caddyfile": "respond ok", "conf/a.yml": "a", "conf/sub/b.yml": "b", "routes.conf": "r", ".env.test": "TOKEN=from-the-env-file\n",
	})
	return compose.Project{Name: "p", Dir: dir, Files: []string{"compose.yaml"}, EnvFile: ".env.test", Profiles: []string{"x"}}
}

// digests are those of backend's inputs, by name.
func digests(t *testing.T, project compose.Project, content string) map[string]string {
	t.Helper()
	model, err := project.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := Inputs(model, "backend", compose.Image{ID: "sha256:id", Content: content})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, input := range inputs {
		if _, twice := found[input.Name]; twice {
			t.Errorf("input %q is there twice", input.Name)
		}
		found[input.Name] = input.Digest
	}
	return found
}

// differing are the names of the inputs that differ, or that only one side has.
func differing(before, after map[string]string) []string {
	both := maps.Clone(before)
	maps.Copy(both, after)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	return names
}

func TestInputsNameEachThingAServiceDependsOn(t *testing.T) {
	found := digests(t, stack(t, shopFile), "1")
	for name, digest := range found {
		if strings.Contains(digest+name, "hunter2") {
			t.Errorf("input %q shows a value", name)
		}
	}
	want := []string{
		"backend config inline", "backend configs", "backend deploy", "backend environment",
		"backend file caddy/Caddyfile", "backend file conf/a.yml", "backend file conf/sub/b.yml", "backend file routes.conf",
		"backend image", "backend image content", "backend network default", "backend networks", "backend scale",
		"backend secret token", "backend secrets", "backend volume data", "backend volumes",
	}
	if names := slices.Sorted(maps.Keys(found)); !slices.Equal(names, want) {
		t.Errorf("inputs %q\nwant %q", names, want)
	}
}

func TestEachChangeIsSeenInItsOwnInput(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *compose.Project){
		"backend environment": edit(`B: "2"`, `B: "3"`),
		"backend image":       edit("app:1", "app:2"),
		"backend deploy":      edit("memory: 1m", "memory: 2m"),
		"backend file caddy/Caddyfile": func(t *testing.T, p *compose.Project) {
			inFolder(t, p.Dir, map[string]string{"caddy/Caddyfile": "respond no"})
		},
		"backend config inline": edit("content: text", "content: other"),
		"backend secret token":  func(_ *testing.T, p *compose.Project) { p.Env = []string{"TOKEN=another"} },
		"backend scale": func(t *testing.T, p *compose.Project) {
			edit("scale: 2", "scale: 3")(t, p)
			edit("replicas: 2", "replicas: 3")(t, p)
		},
		"backend volume data": edit("volumes: {data: {}}", "volumes: {data: {labels: {a: b}}}"),
		"":                    edit("condition: service_healthy", "condition: service_started"),
	} {
		project := stack(t, shopFile)
		before := digests(t, project, "1")
		change(t, &project)
		want := []string{name}
		if name == "" {
			want = nil
		}
		if got := differing(before, digests(t, project, "1")); !slices.Equal(got, want) {
			t.Errorf("change of %q: inputs %q changed", name, got)
		}
	}
}

// edit changes the compose file.
func edit(old, with string) func(*testing.T, *compose.Project) {
	return func(t *testing.T, p *compose.Project) {
		t.Helper()
		path := filepath.Join(p.Dir, "compose.yaml")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(data), old, with, 1)
		if text == string(data) {
			t.Fatalf("the compose file has no %q", old)
		}
		inFolder(t, p.Dir, map[string]string{"compose.yaml": text})
	}
}

// Case B7: the id of an image is no input, what containers get of it is.
func TestCaseB7OnlyTheContentOfAnImageIsAnInput(t *testing.T) {
	model := modelOf(t, "services: {backend: {image: x}}")
	inputs := func(image compose.Image) string {
		list, err := Inputs(model, "backend", image)
		if err != nil {
			t.Fatal(err)
		}
		return checkpoints.Digest(list)
	}
	if inputs(compose.Image{ID: "1", Content: "same"}) != inputs(compose.Image{ID: "2", Content: "same"}) {
		t.Error("another id makes another input")
	}
	if inputs(compose.Image{ID: "1", Content: "same"}) == inputs(compose.Image{ID: "1", Content: "other"}) {
		t.Error("another content makes no other input")
	}
}

func TestTheOrderOfKeysAndTheCheckoutDoNotMatter(t *testing.T) {
	project := stack(t, `services: {backend: {environment: {A: "1", B: "2"}, image: x, scale: 1, volumes: ["./conf:/conf:ro", "./caddy:/caddy:ro"]}}`)
	other := stack(t, `services: {backend: {scale: 3, image: x, volumes: ["./conf:/conf:ro", "./caddy:/caddy:ro"], environment: {B: "2", A: "1"}, profiles: []}}`)
	if got := differing(digests(t, project, ""), digests(t, other, "")); !slices.Equal(got, []string{"backend scale"}) {
		t.Errorf("inputs %q differ", got)
	}
}

func TestAFileThatCannotBeReadIsNamedByItsRelativePath(t *testing.T) {
	project := stack(t, shopFile)
	model, err := project.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(project.Dir, "caddy/Caddyfile"), 0); err != nil {
		t.Fatal(err)
	}
	withoutRights(t, project.Dir, func() { _, err = Inputs(model, "backend", compose.Image{}) })
	want := `service "backend" reads caddy/Caddyfile: permission denied`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Preflight names it, and refuses.
func TestAFileThatIsNotThereIsNoInput(t *testing.T) {
	project := stack(t, shopFile)
	before := digests(t, project, "")
	if err := os.Remove(filepath.Join(project.Dir, "caddy/Caddyfile")); err != nil {
		t.Fatal(err)
	}
	if got := differing(before, digests(t, project, "")); !slices.Equal(got, []string{"backend file caddy/Caddyfile"}) {
		t.Errorf("inputs %q differ", got)
	}
}

// replaced puts another file of this content in the place of one, as editors and git do.
func replaced(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestCaseB3AFileOutsideTheStacksFolderIsAnInput(t *testing.T) {
	root := t.TempDir()
	inFolder(t, root, map[string]string{
		"shop/deploy/compose.yaml": "services: {backend: {image: x, volumes: ['../config/app.conf:/app.conf', '../theme:/theme:ro', '../../../outside:/outside:ro']}}",
		"shop/config/app.conf":     "one", "shop/theme/a.css": "one",
	})
	git(t, root, "init", "-q")
	git(t, root, "add", ".")
	project := compose.Project{Name: "p", Dir: filepath.Join(root, "shop/deploy"), Files: []string{"compose.yaml"}}
	before := digests(t, project, "")
	replaced(t, filepath.Join(root, "shop/config/app.conf"), "two")
	if got := differing(before, digests(t, project, "")); !slices.Equal(got, []string{"backend file ../config/app.conf"}) {
		t.Errorf("inputs %q differ", got)
	}
	before = digests(t, project, "")
	inFolder(t, root, map[string]string{"shop/theme/b.css": "new"})
	if got := differing(before, digests(t, project, "")); !slices.Equal(got, []string{"backend file ../theme/b.css"}) {
		t.Errorf("inputs %q differ", got)
	}
}

func git(t *testing.T, dir string, argv ...string) {
	t.Helper()
	if out, err := exec.Command("git", append([]string{"-C", dir}, argv...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", argv, err, out)
	}
}

func TestCaseB4ANetworkIsAnInputOfEveryServiceInIt(t *testing.T) {
	for _, change := range []string{
		"internal: true", "labels: {a: b}", "ipam: {config: [{subnet: 10.9.0.0/24}]}", "driver_opts: {com.docker.network.bridge.name: b}", "enable_ipv6: true", "name: other",
	} {
		for service, want := range map[string][]string{"networks: [back]": {"backend network back"}, "networks: [front]": nil} {
			project := stack(t, "services:\n  backend: {image: x, "+service+"}\n  other: {image: x, networks: [back]}\nnetworks:\n  back: {driver: bridge}\n  front: {}\n")
			before := digests(t, project, "")
			edit("back: {driver: bridge}", "back: {driver: bridge, "+change+"}")(t, &project)
			if got := differing(before, digests(t, project, "")); !slices.Equal(got, want) {
				t.Errorf("%s, %s: inputs %q differ, want %q", service, change, got, want)
			}
		}
	}
}

// Case B8: what a container writes is its data. That another file was put in the place of the mounted one, which the container
// does not see, is a change.
func TestCaseB8AFileThatTheServiceWritesCountsAsAFileOnly(t *testing.T) {
	project := stack(t, "services: {backend: {image: x, volumes: ['./acme.json:/data/acme.json']}}")
	acme := filepath.Join(project.Dir, "acme.json")
	inFolder(t, project.Dir, map[string]string{"acme.json": "{}"})
	before := digests(t, project, "")
	if _, has := before["backend file acme.json"]; !has {
		t.Errorf("the file is no input: %v", before)
	}
	if err := os.WriteFile(acme, []byte(`{"certificate": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := differing(before, digests(t, project, "")); len(got) > 0 {
		t.Errorf("the service wrote to it, and inputs %q changed", got)
	}
	replaced(t, acme, "{}")
	if got := differing(before, digests(t, project, "")); !slices.Equal(got, []string{"backend file acme.json"}) {
		t.Errorf("it was replaced, and inputs %q changed", got)
	}
}

func TestCaseB8AFileThatGitTracksCountsThoughTheServiceCanWriteToIt(t *testing.T) {
	project := stack(t, "services: {backend: {image: x, volumes: ['./caddy/Caddyfile:/Caddyfile']}}")
	git(t, project.Dir, "init", "-q")
	git(t, project.Dir, "add", "caddy")
	before := digests(t, project, "")
	replaced(t, filepath.Join(project.Dir, "caddy/Caddyfile"), "respond ok")
	if got := differing(before, digests(t, project, "")); len(got) > 0 {
		t.Errorf("the content is the same, and inputs %q changed", got)
	}
	inFolder(t, project.Dir, map[string]string{"caddy/Caddyfile": "respond no"})
	if got := differing(before, digests(t, project, "")); !slices.Equal(got, []string{"backend file caddy/Caddyfile"}) {
		t.Errorf("inputs %q changed", got)
	}
}

func TestCaseB8OfAFolderThatTheServiceWritesOnlyTrackedFilesCount(t *testing.T) {
	project := stack(t, "services: {backend: {image: x, volumes: ['./site:/site']}}")
	inFolder(t, project.Dir, map[string]string{"site/theme/a.css": "one", "site/uploads/1": "one", "site/gone": ""})
	git(t, project.Dir, "init", "-q")
	git(t, project.Dir, "add", "site/theme", "site/gone")
	before := digests(t, project, "")
	inFolder(t, project.Dir, map[string]string{"site/uploads/1": "two", "site/uploads/2": "new"})
	if got := differing(before, digests(t, project, "")); len(got) > 0 {
		t.Errorf("a visitor uploaded, and inputs %q changed", got)
	}
	inFolder(t, project.Dir, map[string]string{"site/theme/a.css": "two"})
	if err := os.Remove(filepath.Join(project.Dir, "site/gone")); err != nil { // and git not told
		t.Fatal(err)
	}
	want := []string{"backend file site/gone", "backend file site/theme/a.css"}
	if got := differing(before, digests(t, project, "")); !slices.Equal(got, want) {
		t.Errorf("inputs %q changed, want %q", got, want)
	}
}

func TestCaseB8AFolderThatTheServiceWritesIsNotEntered(t *testing.T) {
	project := stack(t, "services: {backend: {image: x, volumes: ['./data:/data']}}")
	inFolder(t, project.Dir, map[string]string{"data/private/file": ""})
	model, err := project.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(project.Dir, "data")
	if err := os.Chmod(data, 0); err != nil { // as the server's own folder is
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(data, 0o700) }) // else it cannot be removed
	withoutRights(t, project.Dir, func() {
		if _, entered := os.ReadDir(data); entered == nil {
			t.Error("the folder can be entered: the test shows nothing")
		}
		_, err = Inputs(model, "backend", compose.Image{})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheMarkOfATargetIsKeyedAndLeavesTheScaleOut(t *testing.T) {
	origins := openOrigins(t)
	mark := func(o *Origins, inputs ...checkpoints.Input) string {
		t.Helper()
		m, err := o.mark("backend", inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	secret, scale := checkpoints.Value("backend secret pin", "1234"), checkpoints.Value("backend scale", "1")
	if mark(origins, secret) != mark(origins, secret, scale) {
		t.Error("the scale makes another mark")
	}
	if mark(origins, secret) == mark(origins, checkpoints.Value("backend secret pin", "1235")) {
		t.Error("another secret makes no other mark")
	}
	if mark(origins, secret) == mark(openOrigins(t), secret) {
		t.Error("two state directories give the same mark: it can be guessed")
	}
}

func TestADamagedRecordOfOriginsIsAnErrorWithARemedy(t *testing.T) {
	origins := openOrigins(t)
	if err := os.WriteFile(origins.path("backend"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(stateless(1))
	if _, err := w.deploy(t, origins); err == nil || !strings.Contains(err.Error(), "remove it") || len(w.boxes) > 0 {
		t.Errorf("error %v, %d containers", err, len(w.boxes))
	}
}
