package compose

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dockerSays puts a docker on PATH that is the given shell script.
func dockerSays(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // to be run
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

// written is a project of one compose file and one env file.
func written(t *testing.T, composeFile, env string) Project {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"compose.yaml": composeFile, "env": env} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Project{Name: "demo", Dir: dir, Files: []string{"compose.yaml"}, EnvFile: "env"}
}

func TestModelIsResolvedWithoutADockerCommand(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := written(t, `
services:
  web: {image: "web:${TAG}", build: ./app, environment: {PASSWORD: "${PASSWORD}"}}
  spare: {image: x, profiles: [spare]}
  migrate: {image: x, profiles: [jobs]}
`, "TAG=2\nPASSWORD='a$b'\n")
	m, err := p.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	web := m.Services["web"]
	if password := web.Environment["PASSWORD"]; web.Image != "web:2" || web.Build.Context != filepath.Join(p.Dir, "app") || password == nil || *password != "a$b" {
		t.Errorf("%+v", web)
	}
	if _, has := m.Services["spare"]; has || !m.Services["migrate"].Job {
		t.Errorf("of the profiles, jobs is on and spare is not: %+v", m.Services)
	}
	raw, err := p.Uninterpolated(t.Context())
	if err != nil || !strings.Contains(string(raw), `"web:${TAG}"`) || strings.Contains(string(raw), "a$b") {
		t.Errorf("%s, %v", raw, err)
	}
	p.Profiles = []string{"*"}
	if m, err = p.Model(t.Context()); err != nil || len(m.Services) != 3 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestQuestionsAreNotAboutTheProjectOfTheOperatorsShell(t *testing.T) {
	t.Setenv("COMPOSE_PROFILES", "foreign")
	t.Setenv("COMPOSE_ENV_FILES", "foreign")
	t.Setenv("COMPOSE_PROJECT_NAME", "foreign")
	t.Setenv("COMPOSE_FILE", "foreign")
	p := written(t, "services:\n  web: {image: '${COMPOSE_PROJECT_NAME}'}\n  other: {image: x, profiles: [foreign]}\n", "")
	m, err := p.Model(t.Context())
	if err != nil || m.Name != "demo" || len(m.Services) != 1 || m.Services["web"].Image != "demo" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWhatTheLibraryCannotResolveComposeIsAsked(t *testing.T) {
	dockerSays(t, `echo "{\"name\": \"x\", \"services\": {\"web\": {\"image\": \"$COMPOSE_PROJECT_NAME-$COMPOSE_PROFILES\"}}}"`)
	m, err := written(t, "include: ['oci://registry.invalid/stack']\n", "").Model(t.Context())
	if err != nil || m.Name != "demo" || m.Services["web"].Image != "demo-jobs" {
		t.Errorf("%+v, %v", m, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := written(t, "services: 1\n", "").Model(t.Context()); !errors.Is(err, ErrNoDocker) {
		t.Errorf("%v", err)
	}
}

func TestErrorsHoldNoValues(t *testing.T) {
	dockerSays(t, `cat >&2 <<'END'
time="2026-01-01T00:00:00Z" level=warning msg="The \"hunter2\" variable is not set. Defaulting to a blank string."
The "hunter2" variable is not set.
failed to read /srv/.env: line 2: unterminated quoted value "hunter2 and more
yaml: line 3: cannot unmarshal `+"!!str `hunter2`"+` into int
service "web" depends on undefined service "db"
END
exit 15`)
	_, err := written(t, "services: 1\n", "").Model(t.Context())
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"compose config: ", "line 2: unterminated quoted value", `undefined service "db"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestKnownAreTheServicesOfEveryProfile(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	m, err := written(t, `
services:
  web: {image: x}
  spare: {image: x, profiles: [spare]}
  migrate: {image: x, profiles: [jobs]}
`, "").Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]bool{"web": true, "spare": true, "migrate": true}; !maps.Equal(m.Known(), want) {
		t.Errorf("%v, want %v", m.Known(), want)
	}
}

// Compose prints a dollar sign twice, for its answer is a compose file again.
func TestWhatComposeResolvedIsReadAsItWasMeant(t *testing.T) {
	dockerSays(t, `cat <<'END'
{"name": "demo", "services": {
  "web": {"image": "x", "environment": {"PASSWORD": "a$$b"}, "profiles": ["spare"]},
  "migrate": {"image": "x", "profiles": ["jobs"]}}}
END`)
	m, err := written(t, "include: ['oci://registry.invalid/stack']\n", "").Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	web := m.Services["web"]
	if password := web.Environment["PASSWORD"]; password == nil || *password != "a$b" || !m.Services["migrate"].Job {
		t.Errorf("%+v", m.Services)
	}
}
