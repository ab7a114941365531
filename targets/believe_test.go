//go:build engine

package targets_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway"
)

// What verify must not believe.

func TestVerifyOfAStackThatRunsNothingIsNotWell(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, scale: 0}
  more: {image: @P/demo:1, profiles: [more]}
`})
	d.image("demo:1")
	d.deploy(0)
	got := d.mage("verify", "-passes=1")
	if got.code != 4 || !strings.Contains(got.stderr, "has no container, so that there is nothing that could be well: every service is scaled to nothing, or its profile is off") {
		t.Errorf("%s", got)
	}
	if json := d.mage("verify", "-passes=1", "-json"); !strings.Contains(json.stdout, `"ok": false`) && !strings.Contains(json.stdout, `"ok":false`) {
		t.Errorf("%s", json)
	}
}

func TestVerifySaysWhatToDoAboutAnAddressByWhatItAnswers(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "\nservices:\n  web: {image: @P/demo:1}\n"})
	d.image("demo:1")
	d.deploy(0)
	for status, hint := range map[int]string{
		http.StatusUnauthorized:       "hint: the address wants to know who asks (401, 403)",
		http.StatusTooManyRequests:    "hint: the service limits how often it is asked (429)",
		http.StatusServiceUnavailable: "hint: the service answers, with a fault of its own (5xx)",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		d.stack.Destinations[0].Endpoints = []slipway.Endpoint{{Name: "api", URL: server.URL}}
		got := d.mage("verify", "-passes=1", "-timeout=3s")
		server.Close()
		if got.code != 4 || !strings.Contains(got.stderr, fmt.Sprintf("api: GET /: %d", status)) || !strings.Contains(got.stderr, hint) {
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestVerifyNamesThePortThatAServiceListensOnInsteadOfThePublishedOne(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf(`
services:
  web: {image: @P/demo:1, environment: {PORT: "3000"}, ports: ["127.0.0.1:%d:8080"]}
`, freePort(t))})
	d.image("demo:1")
	got := d.deploy(4, "-timeout=20s")
	if !strings.Contains(got.stderr, `service "web": nobody listens on port 8080, which it publishes; it listens on port 3000`) {
		t.Errorf("%s", got)
	}
}

func TestJobThatRunsBeyondItsLimitIsNotCutShort(t *testing.T) {
	d := newDemo(t, map[string]string{"migrations/1.sql": "select 1;\n"})
	stack := func(command string) {
		d.write("compose.yaml", `
services:
  web: {image: @P/demo:1}
  migrate: {image: @P/demo:1, command: [`+command+`], environment: {LOG: /log}, profiles: [jobs], labels: {slipway.limit: 2s}}
`)
	}
	stack("hold")
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Job: "migrate", Migrations: "migrations/*.sql"}
	got := d.deploy(4)
	for _, want := range []string{
		"migrate still runs after its limit of 2s", "was not stopped", "hint: the next deployment waits for it again", "slipway.limit", "docker stop " + d.project + "-migrate",
	} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("lacks %q: %s", want, got)
		}
	}
	if state := strings.TrimSpace(d.docker("inspect", "--format", "{{.State.Status}}", d.project+"-migrate")); state != "running" {
		t.Errorf("the job is %s", state)
	}
	if list := d.docker("ps", "-aq", "--filter", "label=com.docker.compose.service=web", "--filter", "label=com.docker.compose.project="+d.project); list != "" {
		t.Error("web was rolled out beside a migration that still runs")
	}
	record, err := os.ReadFile(filepath.Join(d.state, "checkpoints", "migrate.json"))
	if err != nil || !strings.Contains(string(record), "time limit") {
		t.Errorf("%v: %s", err, record)
	}
	d.docker("stop", "-t", "1", d.project+"-migrate")
	stack("job")
	d.deploy(0)
}

func TestLimitOfAJobThatIsNoDurationIsRefused(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1}
  migrate: {image: @P/demo:1, command: [job], profiles: [jobs], labels: {slipway.limit: soon}}
`, "migrations/1.sql": "select 1;\n"})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Job: "migrate", Migrations: "migrations/*.sql"}
	d.refused(`label slipway.limit of migrate: "soon" is no duration`, "such as 90s, 30m or 2h")
}
