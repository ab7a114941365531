package rollout

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

const definition = `{
	"image": "app:1", "command": null, "environment": {"B": "2", "A": "hunter2-secret"},
	"labels": {}, "scale": 2, "build": {"context": "."}, "profiles": ["x"], "pull_policy": "build",
	"depends_on": {"db": {"condition": "service_healthy"}},
	"deploy": {"replicas": 2, "resources": {"limits": {"memory": "1"}}},
	"configs": [{"source": "inline"}, {"source": "file"}],
	"secrets": [{"source": "token", "target": "/run/secrets/token"}]}`

// stack writes a small stack and gives its project and model.
func stack(t *testing.T, raw string) (compose.Project, *compose.Model) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"caddy/Caddyfile": "respond ok", "conf/a.yml": "a", "conf/sub/b.yml": "b", ".env.test": "TOKEN=from-the-env-file\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	project := compose.Project{Name: "p", Dir: dir, EnvFile: ".env.test"}
	return project, &compose.Model{
		Name: "p",
		Services: map[string]compose.Service{"backend": {
			Name: "backend", Replicas: 2, Raw: json.RawMessage(raw), Files: []string{"caddy/Caddyfile", "conf"},
		}},
		Configs: map[string]compose.Source{"inline": {Content: "text"}, "file": {File: "conf/a.yml"}},
		Secrets: map[string]compose.Source{"token": {Environment: "TOKEN"}},
	}
}

func digests(t *testing.T, project compose.Project, model *compose.Model, imageID string) map[string]string {
	t.Helper()
	inputs, err := Inputs(project, model, "backend", imageID)
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

func TestInputsNameEachThingAServiceDependsOn(t *testing.T) {
	project, model := stack(t, definition)
	var names []string
	for name, digest := range digests(t, project, model, "sha256:1") {
		names = append(names, name)
		if strings.Contains(digest+name, "hunter2") {
			t.Errorf("input %q shows a value", name)
		}
	}
	slices.Sort(names)
	want := []string{
		"backend config inline", "backend configs", "backend deploy", "backend environment",
		"backend file caddy/Caddyfile", "backend file conf/a.yml", "backend file conf/sub/b.yml",
		"backend image", "backend image id", "backend scale", "backend secret token", "backend secrets",
	}
	if !slices.Equal(names, want) {
		t.Errorf("inputs %q\nwant %q", names, want)
	}
}

func TestEachChangeIsSeenInItsOwnInput(t *testing.T) {
	for name, change := range map[string]func(*compose.Project, *compose.Model){
		"backend environment": edit(`"B": "2"`, `"B": "3"`),
		"backend image":       edit("app:1", "app:2"),
		"backend deploy":      edit(`"memory": "1"`, `"memory": "2"`),
		"backend file caddy/Caddyfile": func(p *compose.Project, _ *compose.Model) {
			_ = os.WriteFile(filepath.Join(p.Dir, "caddy/Caddyfile"), []byte("respond no"), 0o600) // seen by the input
		},
		"backend config inline": func(_ *compose.Project, m *compose.Model) {
			m.Configs["inline"] = compose.Source{Content: "other"}
		},
		"backend secret token": func(p *compose.Project, _ *compose.Model) { p.Env = []string{"TOKEN=another"} },
		"backend scale": func(_ *compose.Project, m *compose.Model) {
			s := m.Services["backend"]
			s.Replicas = 3
			m.Services["backend"] = s
		},
		"": edit(`"condition": "service_healthy"`, `"condition": "service_started"`),
	} {
		project, model := stack(t, definition)
		before := digests(t, project, model, "sha256:1")
		change(&project, model)
		after := digests(t, project, model, "sha256:1")
		for input, digest := range before {
			if (after[input] != digest) != (input == name) {
				t.Errorf("change of %q: input %q changed: %v", name, input, after[input] != digest)
			}
		}
	}
}

func edit(old, with string) func(*compose.Project, *compose.Model) {
	return func(_ *compose.Project, m *compose.Model) {
		s := m.Services["backend"]
		s.Raw = []byte(strings.Replace(string(s.Raw), old, with, 1))
		m.Services["backend"] = s
	}
}

func TestTheOrderOfKeysAndTheCheckoutDoNotMatter(t *testing.T) {
	project, model := stack(t, `{"environment": {"A": "1", "B": "2"}, "image": "x", "scale": 1}`)
	other, reordered := stack(t, `{"scale": 3, "image": "x", "environment": {"B": "2", "A": "1"}, "profiles": []}`)
	before, after := digests(t, project, model, ""), digests(t, other, reordered, "")
	for name, digest := range before {
		if after[name] != digest {
			t.Errorf("input %q differs", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d inputs, want %d", len(after), len(before))
	}
}

func TestAFileThatCannotBeReadIsNamedByItsRelativePath(t *testing.T) {
	project, model := stack(t, definition)
	if err := os.Remove(filepath.Join(project.Dir, "caddy/Caddyfile")); err != nil {
		t.Fatal(err)
	}
	_, err := Inputs(project, model, "backend", "")
	want := `service "backend" reads caddy/Caddyfile: no such file or directory`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestAnEnvFileThatCannotBeReadIsNotQuoted(t *testing.T) {
	project, model := stack(t, definition)
	if err := os.WriteFile(filepath.Join(project.Dir, ".env.test"), []byte("TOKEN='hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Inputs(project, model, "backend", "")
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), ".env.test") {
		t.Errorf("error %v", err)
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
