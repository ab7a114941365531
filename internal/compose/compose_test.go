package compose

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

func TestEnvironNamesTheProjectWithAbsolutePaths(t *testing.T) {
	dir := t.TempDir()
	p := Project{
		Name: "demo", Dir: dir, Files: []string{"a.yml", "/etc/b.yml"}, EnvFile: ".env.production",
		Profiles: []string{"monitoring", "x"}, Env: []string{"TAG=1"},
	}
	want := []string{
		"TAG=1", "COMPOSE_PROJECT_NAME=demo", "COMPOSE_FILE=" + dir + "/a.yml:/etc/b.yml",
		"COMPOSE_PROFILES=monitoring,x",
	}
	check := func(want ...string) {
		t.Helper()
		for _, pair := range want {
			if env := p.Environ(); !slices.Contains(env, pair) {
				t.Errorf("%q lacks %s", env, pair)
			}
		}
	}
	check(append(want, "COMPOSE_ENV_FILES=/dev/null")...) // not written yet, and .env is not it
	if err := os.WriteFile(filepath.Join(dir, ".env.production"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check(append(want, "COMPOSE_ENV_FILES="+dir+"/.env.production")...)
}

func TestQuestionsAreNotAboutTheProjectOfTheOperatorsShell(t *testing.T) {
	t.Setenv("COMPOSE_PROFILES", "foreign")
	t.Setenv("COMPOSE_ENV_FILES", "foreign")
	t.Setenv("COMPOSE_PROJECT_NAME", "foreign")
	dockerSays(t, `echo "{\"name\": \"$COMPOSE_PROJECT_NAME $COMPOSE_PROFILES $COMPOSE_ENV_FILES\"}"`)
	m, err := Project{Name: "demo", Dir: "/srv"}.Model(t.Context())
	if err != nil || m.Name != "demo jobs " {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestMissingDockerIsAnErrorToDecideOn(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	ctx := t.Context()
	_, errList := Project{Name: "demo"}.Containers(ctx)
	_, errEvents := Events(ctx)
	_, _, errExec := Exec(ctx, "id", "true")
	_, errVersions := Versions(ctx)
	for i, err := range []error{errList, errEvents, errExec, errVersions} {
		if !errors.Is(err, ErrNoDocker) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestUnreachableEngineIsAnErrorToDecideOn(t *testing.T) {
	dockerSays(t, `case "$1" in
version) echo '{"Client":{"Version":"28.2.2"},"Server":null}' ;;
compose) echo 5.6.0; exit 0 ;;
buildx) echo "github.com/docker/buildx v0.38.1 x"; exit 0 ;;
esac
echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1`)
	ctx := t.Context()
	_, errList := Project{Name: "demo"}.Containers(ctx)
	_, _, errExec := Exec(ctx, "id", "true")
	_, errLogs := Logs(ctx, "id", 1)
	v, errVersions := Versions(ctx)
	for i, err := range []error{errList, errExec, errLogs, errVersions} {
		if !errors.Is(err, ErrNoEngine) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if v.Client != "28.2.2" || v.Compose != "5.6.0" || v.Buildx != "0.38.1" {
		t.Errorf("%+v: what needs no engine is known all the same", v)
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
	_, err := Project{Name: "demo", Dir: "/srv"}.Model(t.Context())
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"compose config: ", "line 2: unterminated quoted value", `undefined service "db"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestContainerThatVanishesBetweenTwoQuestionsIsLeftOut(t *testing.T) {
	dockerSays(t, `case "$1" in
ps) echo a; echo b ;;
inspect) echo '[{"Id":"a","Name":"/demo-web-1","State":{"Status":"running"}}]'; echo "Error: No such container: b" >&2; exit 1 ;;
esac`)
	containers, err := Project{Name: "demo"}.Containers(t.Context())
	if err != nil || len(containers) != 1 || containers[0].Name != "demo-web-1" {
		t.Errorf("%+v, %v", containers, err)
	}
}

func TestInspectThatFailsIsNotTakenForNothingThere(t *testing.T) {
	dockerSays(t, `echo '[]'; echo "Error response from daemon: internal" >&2; exit 1`)
	if containers, err := Inspect(t.Context(), "a"); err == nil {
		t.Errorf("%+v", containers)
	}
}

func TestImageIDsLeavesOutWhatTheEngineLacks(t *testing.T) {
	dockerSays(t, `shift 4; status=0
for ref; do case $ref in
missing) echo "Error: No such image: $ref" >&2; status=1 ;;
*) echo "sha256:$ref" ;;
esac; done; exit $status`)
	ids, err := ImageIDs(t.Context(), "a", "missing", "b")
	if err != nil || len(ids) != 2 || ids["a"] != "sha256:a" || ids["b"] != "sha256:b" {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestExecTellsTheCommandsFailureFromDockers(t *testing.T) {
	dockerSays(t, `echo "not ready"; exit 1`)
	if output, code, err := Exec(t.Context(), "id", "check"); output != "not ready" || code != 1 || err != nil {
		t.Errorf("%q, %d, %v", output, code, err)
	}
	dockerSays(t, `echo "Error response from daemon: Container id is not running" >&2; exit 1`)
	if _, _, err := Exec(t.Context(), "id", "check"); err == nil {
		t.Error("docker's own failure was taken for the command's")
	}
	dockerSays(t, `exec sleep 60`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := Exec(ctx, "id", "check"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestLogsAreInTheOrderTheyWereWritten(t *testing.T) {
	dockerSays(t, `echo "2026-01-01T00:00:02.000000000Z second"
echo "2026-01-01T00:00:01.000000000Z first" >&2
echo "2026-01-01T00:00:03.000000000Z third, with words"`)
	lines, err := Logs(t.Context(), "id", 3)
	if err != nil || !slices.Equal(lines, []string{"first", "second", "third, with words"}) {
		t.Errorf("%q, %v", lines, err)
	}
}

func TestEventsLeaveOutProbesAndEndWithTheStream(t *testing.T) {
	dockerSays(t, `cat <<'END'
{"Action":"exec_start: /check","Actor":{"ID":"a"},"timeNano":1}
{"Action":"health_status: healthy","Actor":{"ID":"a","Attributes":{"com.docker.compose.service":"web"}},"timeNano":2}
not an event
{"Action":"die","Actor":{"ID":"b","Attributes":{"exitCode":"137"}},"timeNano":1795622031272863787}
END`)
	events, err := Project{Name: "demo"}.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []Event
	for event := range events {
		got = append(got, event)
	}
	if len(got) != 2 || got[0].Service != "web" || got[0].Action != "health_status: healthy" ||
		got[1].ExitCode != 137 || got[1].Time.Year() != 2026 {
		t.Errorf("%+v", got)
	}
}

func TestHealthcheckCommandIsTheEnginesOwn(t *testing.T) {
	for name, c := range map[string]struct {
		check *Healthcheck
		want  []string
	}{
		"exec":     {&Healthcheck{Test: []string{"CMD", "a", "b c"}}, []string{"a", "b c"}},
		"shell":    {&Healthcheck{Test: []string{"CMD-SHELL", "a || b"}}, []string{"/bin/sh", "-c", "a || b"}},
		"other":    {&Healthcheck{Test: []string{"CMD-SHELL", "a"}, Shell: []string{"/bin/ash", "-ec"}}, []string{"/bin/ash", "-ec", "a"}},
		"disabled": {&Healthcheck{Test: []string{"NONE"}}, nil},
		"absent":   {nil, nil},
	} {
		if got := c.check.Argv(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
