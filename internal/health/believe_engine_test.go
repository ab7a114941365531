//go:build engine

package health

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"slipway/internal/compose"
)

// published starts a service whose port 8080 is published as a port of this machine's loopback.
func published(t *testing.T, command string) (compose.Project, int) {
	t.Helper()
	port := freePort(t)
	return up(t, fmt.Sprintf("\n  web: {image: IMAGE, command: [%s], ports: [\"127.0.0.1:%d:8080\"]}\n", command, port)), port
}

func TestConnectionThatTheEngineHoldsForAServiceWithoutANetworkIsNoAnswer(t *testing.T) {
	t.Parallel()
	p, port := published(t, `"-listen", ":8080"`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: time.Minute})
	if !report.OK {
		t.Fatalf("%+v", report.Verdicts)
	}
	out, err := exec.Command("docker", "inspect", "--format", "{{.State.Pid}}", report.Verdicts[0].ID).Output()
	if err != nil {
		t.Fatal(err)
	}
	network := fmt.Sprintf("/proc/%s/ns/net", strings.TrimSpace(string(out)))
	if _, err := os.Stat(network); err != nil {
		t.Fatal(err)
	}
	a := first(t, Address{URL: fmt.Sprintf("tcp://127.0.0.1:%d", port), Project: p})
	if !a.OK {
		t.Fatalf("while it has a network: %+v", a)
	}
	if out, err := exec.Command("nsenter", "--net="+network, "ip", "link", "set", "eth0", "down").CombinedOutput(); err != nil {
		t.Fatalf("take its network down: %v\n%s", err, out)
	}
	a = first(t, Address{URL: fmt.Sprintf("tcp://127.0.0.1:%d", port), Project: p})
	if a.OK {
		t.Errorf("%+v", a)
	}
}

func TestAddressOfAServiceThatListensOnItsLoopbackSaysSo(t *testing.T) {
	t.Parallel()
	p, port := published(t, `"-listen", "127.0.0.1:8080"`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: time.Minute})
	if !report.OK {
		t.Fatalf("%+v", report.Verdicts)
	}
	a := first(t, Address{URL: fmt.Sprintf("tcp://127.0.0.1:%d", port), Project: p})
	if a.OK || !strings.Contains(a.Reason, "127.0.0.1 inside the container only") {
		t.Errorf("%+v", a)
	}
}

func TestServiceThatListensOnNoneOfItsPublishedPortsHasFailed(t *testing.T) {
	t.Parallel()
	p, _ := published(t, `"-listen", ":3000"`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {Serves: true}}, Timeout: time.Minute})
	if !report.OK {
		t.Fatalf("%+v", report.Verdicts)
	}
	report, err := Ports(t.Context(), p, report)
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, report, "web", "nobody listens on port 8080, which it publishes; it listens on port 3000")
}

func TestEngineTellsWhoDiedByItselfAndNotWhoWasStopped(t *testing.T) {
	t.Parallel()
	p := up(t, `
  dies: {image: IMAGE, command: ["-exit-after", "1s", "-code", "1"], restart: always}
  stays: {image: IMAGE}
`)
	events, err := p.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"restart", "-t", "1"}, {"kill", "-s", "HUP"}, {"start"}} {
		if out, err := exec.Command("docker", append(argv, p.Name+"-stays-1")...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, out)
		}
	}
	lives := 0
	for event := range events {
		if event.Service == "dies" && event.Action == "start" {
			if lives++; lives == 3 {
				break
			}
		}
	}
	deaths, err := p.Deaths(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	containers, err := p.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		if got := len(deaths[c.ID]); c.Service == "dies" && got < 3 || c.Service == "stays" && got > 1 { // HUP ended it by itself
			t.Errorf("%s: %d deaths", c.Service, got)
		}
	}
}
