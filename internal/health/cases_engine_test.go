//go:build engine

package health

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"slipway/internal/compose"
)

// freePort is one of this machine that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// probes is what the engine's own healthchecks of a service found, the last five.
func probes(t *testing.T, p compose.Project, service string) []compose.Probe {
	t.Helper()
	containers, err := p.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		if c.Service == service && c.Health != nil {
			return c.Health.Log
		}
	}
	t.Fatalf("%s has no health", service)
	return nil
}

func TestCaseI5HealthcheckThatUsesUpWhatItAsksForPassesAsWithoutUs(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, command: ["-beats", "4s"], healthcheck: {test: ["CMD", "/actor", "take"], interval: 5s, timeout: 4s, retries: 1}}
  slow: {image: IMAGE, command: ["-beats", "2s"], healthcheck: {test: ["CMD", "/actor", "take"], interval: 15s, timeout: 4s, retries: 1}}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}, "slow": {}}, Timeout: 2 * time.Minute})
	if !report.OK {
		t.Fatalf("%+v", report.Verdicts)
	}
	for _, service := range []string{"web", "slow"} {
		for _, probe := range probes(t, p, service) {
			if probe.ExitCode != 0 {
				t.Errorf("%s: the engine found at %s: %s", service, probe.Start, probe.Output)
			}
		}
	}
}

func TestCaseI1StartFirstWaitsForTheEnginesWord(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, healthcheck: {test: ["CMD", "/actor", "healthcheck"], interval: 6s, timeout: 5s}}
`)
	report := await(t, Options{
		Project: p, Services: map[string]Expect{"web": {Engine: true}}, Passes: 1, Window: -1, Timeout: time.Minute,
	})
	if !report.OK || len(probes(t, p, "web")) == 0 {
		t.Errorf("%+v, although the engine has not asked", report.Verdicts)
	}
}

func TestCaseI2ServiceThatDiesEveryFewSecondsIsUnwell(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, command: ["-exit-after", "14s", "-code", "1"], restart: always}
`)
	events, err := p.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for event := range events { // the first life says nothing yet
		if event.Action == "start" {
			break
		}
	}
	for range 2 {
		report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Recent: true, Timeout: 2 * time.Minute})
		mustFail(t, report, "web", "crash loop: ")
	}
}

func TestCasesI3AndI4PublishedPortsAreLookedAtFromInside(t *testing.T) {
	t.Parallel()
	ports := map[string]int{"everywhere": freePort(t), "loopback": freePort(t), "nobody": freePort(t), "rude": freePort(t)}
	listens := map[string]string{
		"everywhere": `"-listen", ":8080"`, "loopback": `"-listen", "127.0.0.1:8080"`, "nobody": "", "rude": `"-listen", ":8080", "-rude"`,
	}
	text := ""
	services := map[string]Expect{}
	for service, port := range ports {
		text += fmt.Sprintf("\n  %s: {image: IMAGE, command: [%s], ports: [\"127.0.0.1:%d:8080\"]}", service, listens[service], port)
		services[service] = Expect{Serves: true}
	}
	p := up(t, text+"\n")
	report := await(t, Options{Project: p, Services: services, Timeout: time.Minute})
	if !report.OK {
		t.Fatalf("%+v", report.Verdicts)
	}
	report, err := Ports(t.Context(), p, report)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{"loopback": "bind 0.0.0.0", "nobody": "nobody listens on port 8080"}
	for _, v := range report.Verdicts {
		if reason := reasons[v.Service]; !strings.Contains(v.Reason, reason) || v.Good() != (reason == "") {
			t.Errorf("%s: %s %q", v.Service, v.State, v.Reason)
		}
	}
	for service, port := range ports {
		a := first(t, Address{URL: fmt.Sprintf("tcp://127.0.0.1:%d", port), Project: p})
		if want := service == "everywhere" || service == "rude"; a.OK != want {
			t.Errorf("%s: %+v", service, a)
		}
	}
}

func TestCaseG4AndE2OneShotThatNobodyWaitsForIsDoneAndMayBePruned(t *testing.T) {
	t.Parallel()
	p := up(t, `
  setup: {image: IMAGE, command: ["-exit-after", "1s"], restart: "no"}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"setup": {}}, Timeout: time.Minute})
	if !report.OK || report.Verdicts[0].State != Done {
		t.Fatalf("%+v", report.Verdicts)
	}
	if out, err := exec.Command("docker", "rm", report.Verdicts[0].ID).CombinedOutput(); err != nil {
		t.Fatalf("rm: %v\n%s", err, out)
	}
	report = await(t, Options{Project: p, Services: map[string]Expect{"setup": {OneShot: true}}, Pruned: true, Timeout: time.Minute})
	if !report.OK || len(report.Verdicts[0].Notes) == 0 {
		t.Errorf("%+v", report.Verdicts)
	}
}
