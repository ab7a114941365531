package release

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"slipway/internal/compose"
	"slipway/internal/rollout"
)

// shop has what a definition must get right: secrets by variable, by env file and in place, dollars, what is read, what is
// written, a job, a build.
const shop = `
services:
  web:
    build: ./web
    command: ["sh", "-c", "echo $$HOME > /tmp/x"]
    environment:
      DATABASE_URL: postgres://app:${DB_PASSWORD}@db/app
      TOKEN: ${TOKEN:-}
      LITERAL: literal-hunter2-in-the-file
      PRICE: 5$$
      EQUAL: equals-by-chance-topsecret1
      EMPTY:
      LINES: |
        one
        two ${DB_PASSWORD}
    env_file: [web.env]
    ports: ["8080:80"]
    volumes: ["./web.conf:/etc/web.conf:ro", "./conf.d:/etc/conf.d:ro", "./data:/data", "./shared:/shared:ro", "/etc/hostname:/host:ro"]
    configs: [routes, inline]
    pre_start: [{image: tool, command: [warm]}]
    secrets: [db, from_env]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:16
    secrets: [db]
    volumes: ["pg:/var/lib/postgresql/data", "./shared:/shared"]
    healthcheck: {test: [CMD, pg_isready], interval: 5s}
  migrate: {image: shop, profiles: [jobs], environment: {PGPASSWORD: "${DB_PASSWORD}"}}
jobs:
  tidy: {image: shop, command: [tidy], volumes: ["./web.conf:/etc/web.conf:ro"], triggers: {manual: true}}
volumes: {pg: {}}
networks: {default: {driver_opts: {x: "$$y"}}}
configs:
  routes: {file: ./routes.conf}
  inline: {content: "key ${DB_PASSWORD} $$1"}
secrets:
  db: {file: ./secrets/db}
  from_env: {environment: TOKEN}
`

var values = []string{"topsecret1", "token-abcdefgh", "literal-hunter2", "from-env-file-9"}

func secret(_, text string) bool {
	return slices.ContainsFunc(values, func(value string) bool { return strings.Contains(text, value) })
}

func hide(_, text string) string {
	for _, value := range values {
		text = strings.ReplaceAll(text, value, "[redacted]")
	}
	return text
}

func checkout(t *testing.T, files map[string]string) compose.Project {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return compose.Project{Name: "shop", Dir: dir, Files: []string{"compose.yaml"}, EnvFile: ".env"}
}

func shopFiles() map[string]string {
	return map[string]string{
		"compose.yaml": shop, ".env": "DB_PASSWORD=topsecret1\nTOKEN='token-abcdefgh'\nPORT=1\n",
		"web.env": "API_KEY=from-env-file-9\nURL=${DB_PASSWORD}x\nMODE=dark\n", "web.conf": "listen 80\n", "conf.d/a": "a", "conf.d/deep/b": "b",
		"shared/x": "x", "routes.conf": "r", "secrets/db": "topsecret1", "data/own": "", "web/Dockerfile": "FROM scratch\n",
	}
}

func capturedOf(t *testing.T, s Store, project compose.Project) (Captured, *compose.Model) {
	t.Helper()
	model, err := project.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Capture(t.Context(), Request{Project: project, Model: model, Hide: hide, About: Release{ID: "000001"},
		Images: map[string]compose.Image{"shop-web": {ID: "sha256:1", Content: "c1"}, "tool": {ID: "sha256:2", Content: "c2"}}})
	if err != nil {
		t.Fatal(err)
	}
	return made, model
}

func kept(t *testing.T, s Store, made Captured) {
	t.Helper()
	if err := s.Begin(made); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(made.ID); err != nil {
		t.Fatal(err)
	}
}

func TestAReleaseMeansWhatTheFilesMeanAfterTheyAreGone(t *testing.T) {
	project, s := checkout(t, shopFiles()), Store{Dir: t.TempDir()}
	made, model := capturedOf(t, s, project)
	inputs := map[string]any{}
	for name := range model.Services {
		found, err := rollout.Inputs(model, name, compose.Image{})
		if err != nil {
			t.Fatal(err)
		}
		inputs[name] = found
	}
	kept(t, s, made)
	for _, gone := range []string{"compose.yaml", "web.env", "web.conf", "conf.d", "routes.conf", "web", ".env"} {
		if err := os.RemoveAll(filepath.Join(project.Dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	found, err := s.Find("000001")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Project(project, found).Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(model.Services)) {
		was, err := model.Definition(model.Services[name])
		if err != nil {
			t.Fatal(err)
		}
		is, err := again.Definition(again.Services[name])
		if err != nil {
			t.Fatal(err)
		}
		for key := range was {
			if string(was[key]) != string(is[key]) {
				t.Errorf("%s %s:\n was %s\n is  %s", name, key, was[key], is[key])
			}
		}
		same, err := rollout.Inputs(again, name, compose.Image{})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(inputs[name], any(same)) {
			t.Errorf("the inputs of %s are others:\n%v\n%v", name, inputs[name], same)
		}
		if !again.Services[name].Job && !reflect.DeepEqual(model.Services[name].DependsOn, again.Services[name].DependsOn) {
			t.Errorf("%s depends on %v", name, again.Services[name].DependsOn)
		}
	}
	if image := made.Images["web"]; image.Name != "shop-web" || image.ID != "sha256:1" {
		t.Errorf("image of web: %+v", image)
	}
	if image := made.Images["web (pre_start 1)"]; image.Name != "tool" || image.ID != "sha256:2" {
		t.Errorf("image of the hook of web: %+v", image)
	}
}

func TestNoSecretIsInARelease(t *testing.T) {
	project, s := checkout(t, shopFiles()), Store{Dir: t.TempDir()}
	made, _ := capturedOf(t, s, project)
	kept(t, s, made)
	err := filepath.WalkDir(s.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == s.Values() {
			return err
		}
		data, err := os.ReadFile(path)
		if secret("", string(data)) {
			t.Errorf("%s holds a secret:\n%s", path, data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.Values())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the values are kept with mode %v, %v", info.Mode(), err)
	}
}

func TestTheSecretOfTodayIsTheOneThatCounts(t *testing.T) {
	project, s := checkout(t, shopFiles()), Store{Dir: t.TempDir()}
	made, _ := capturedOf(t, s, project)
	kept(t, s, made)
	if err := os.WriteFile(filepath.Join(project.Dir, ".env"), []byte("DB_PASSWORD=newsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := s.Find("000001")
	if err != nil {
		t.Fatal(err)
	}
	model, err := s.Project(project, found).Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env := model.Services["web"].Environment
	for key, want := range map[string]string{
		"DATABASE_URL": "postgres://app:newsecret@db/app", "TOKEN": "token-abcdefgh", "LITERAL": "literal-hunter2-in-the-file", "API_KEY": "from-env-file-9",
		"EQUAL": "equals-by-chance-topsecret1", "PRICE": "5$", "MODE": "dark",
	} {
		if got := env[key]; got == nil || *got != want {
			text, _ := json.Marshal(env)
			t.Errorf("%s is not %q in %s", key, want, text)
		}
	}
}

func TestTheSameContentHasTheSamePathInEveryRelease(t *testing.T) {
	project, s := checkout(t, shopFiles()), Store{Dir: t.TempDir()}
	first, _ := capturedOf(t, s, project)
	if err := os.WriteFile(filepath.Join(project.Dir, "web.conf"), []byte("listen 81\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, _ := capturedOf(t, s, project)
	paths := func(c Captured) map[string]string {
		found := map[string]string{}
		for _, file := range c.Files {
			found[file.Name] = file.Path
		}
		return found
	}
	one, two := paths(first), paths(second)
	want := []string{"conf.d", "routes.conf", "web.conf"}
	if got := slices.Sorted(maps.Keys(one)); !slices.Equal(got, want) {
		t.Fatalf("copied: %v, want %v", got, want)
	}
	if one["conf.d"] != two["conf.d"] || one["routes.conf"] != two["routes.conf"] || one["web.conf"] == two["web.conf"] {
		t.Errorf("paths:\n%v\n%v", one, two)
	}
	if why := first.Stay[filepath.Join(project.Dir, "shared")]; why != written {
		t.Errorf("shared, which db writes to: %q", why)
	}
	if first.Content == second.Content {
		t.Error("two releases that differ in a file are alike")
	}
	changes := second.Since(first.Release)
	if len(changes) != 1 || changes[0].String() != "file web.conf changed" {
		t.Errorf("differences: %v", changes)
	}
}

func TestAReleaseTellsFromWhichFilesItIs(t *testing.T) {
	project, s := checkout(t, shopFiles()), Store{Dir: t.TempDir()}
	made, _ := capturedOf(t, s, project)
	made.Compose = []string{filepath.Join(project.Dir, "compose.yaml")}
	kept(t, s, made)
	if got := Sources(s.Definition(made.ID)); !slices.Equal(got, made.Compose) {
		t.Errorf("%s is from %q", s.Definition(made.ID), got)
	}
	for _, other := range []string{made.Compose[0], s.Definition("000002"), ""} {
		if got := Sources(other); got != nil {
			t.Errorf("%q, which is no release, is from %q", other, got)
		}
	}
}

func TestARunMayMakeMoreThanOneRelease(t *testing.T) {
	project, s := checkout(t, shopFiles()), Store{Dir: t.TempDir()}
	for _, want := range []string{"000001", "000001-2", "000001-3"} {
		made, _ := capturedOf(t, s, project)
		if made.ID = s.NewID("000001"); made.ID != want {
			t.Fatalf("the release is named %s, want %s", made.ID, want)
		}
		kept(t, s, made)
	}
	all, err := s.All()
	if err != nil || len(all) != 3 || all[0].ID != "000001-3" {
		t.Errorf("%v, %v", all, err)
	}
}
