package scripts_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// inspected is what the engine says of one container of a service.
func inspected(service, state, policy string) string {
	return fmt.Sprintf(`[{"Id":"c1","State":%s,"HostConfig":{"RestartPolicy":{"Name":%q}},`+
		`"Config":{"Labels":{"com.docker.compose.service":%q}}}]`, state, policy, service)
}

func waitFor(t *testing.T, seconds, service, state, policy string) *run {
	t.Helper()
	return (&run{script: "health-check.sh", env: project(), answers: []answer{
		{Args: "container ls", Stdout: "c1 running shop-" + service + "-1\n"},
		{Args: "container inspect", Stdout: inspected(service, state, policy)},
		{Args: "logs", Stdout: "database: password authentication failed\n"},
	}}).do(t, "wait", seconds, service)
}

func TestAServiceIsWellWhenHealthyOrRunningOrDone(t *testing.T) {
	t.Parallel()
	for state, policy := range map[string]string{
		`{"Status":"running","StartedAt":"t","Error":"","Health":{"Status":"healthy"}}`: "always",
		`{"Status":"running","StartedAt":"t","Error":""}`:                               "always",
		`{"Status":"exited","StartedAt":"t","Error":"","ExitCode":0}`:                   "no",
	} {
		waitFor(t, "5", "web", state, policy).wantCode(t, 0)
	}
}

func TestAServiceThatNeverBecomesHealthyIsExplained(t *testing.T) {
	t.Parallel()
	r := waitFor(t, "1", "web", `{"Status":"running","StartedAt":"t","Error":"",
		"Health":{"Status":"unhealthy","Log":[{"Output":"old"},{"Output":"GET /health: 503"}]}}`, "always")
	r.wantCode(t, 4)
	r.wantSaid(t, "web: last lines\ndatabase: password authentication failed\nGET /health: 503\n")
	r.wantSaid(t, "not healthy: web is unhealthy")
}

func TestWhatCannotHealFailsBeforeTheTimeIsUp(t *testing.T) {
	t.Parallel()
	for state, sentence := range map[string]string{
		`{"Status":"exited","StartedAt":"t","Error":"","ExitCode":3}`:                 "web exited with code 3",
		`{"Status":"created","StartedAt":"t","Error":"port is already allocated"}`:    "web did not start",
		`{"Status":"exited","StartedAt":"t","Error":"no such file","ExitCode":127}`:   "web did not start",
		`{"Status":"exited","StartedAt":"t","Error":"","ExitCode":137,"Health":null}`: "web exited with code 137",
	} {
		r := waitFor(t, "20", "web", state, "no")
		r.wantCode(t, 4)
		r.wantSaid(t, sentence)
	}
}

func TestAServiceWithoutAContainerIsNotHealthy(t *testing.T) {
	t.Parallel()
	r := (&run{script: "health-check.sh", env: project(), answers: []answer{
		{Args: "compose config --services", Stdout: "db\nweb\n"},
		{Args: "container ls --all --no-trunc --filter label=com.docker.compose.project=shop --filter label=com.docker.compose.service=db", Stdout: "c1 running shop-db-1\n"},
		{Args: "container inspect", Stdout: inspected("db", `{"Status":"running","StartedAt":"t","Error":""}`, "no")},
	}}).do(t, "wait", "0")
	r.wantCode(t, 4)
	r.wantSaid(t, "not healthy: web has no container")
}

func TestVerifyAsksThreeTimesInARow(t *testing.T) {
	t.Parallel()
	var health, ready atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			health.Add(1)
		case "/health/ready":
			if ready.Add(1) == 6 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	}))
	t.Cleanup(server.Close)
	verify := func() *run {
		return (&run{script: "health-check.sh", env: []string{"VERIFY_URLS=" + server.URL + "/health " + server.URL + "/health/ready"}}).do(t, "verify")
	}
	verify().wantCode(t, 0)
	if health.Load() != 3 || ready.Load() != 3 {
		t.Errorf("/health was asked %d times and /health/ready %d times, want 3 each", health.Load(), ready.Load())
	}
	r := verify()
	r.wantCode(t, 4)
	r.wantSaid(t, "/health/ready failed in pass 3 of 3")
}

func TestVerifyAsksNothingThatNobodyNamed(t *testing.T) {
	t.Parallel()
	r := (&run{script: "health-check.sh"}).do(t, "verify")
	r.wantCode(t, 0)
	r.wantSaid(t, "VERIFY_URLS names no URL")
}

func TestPreflightListsEveryFailureWithItsRemedy(t *testing.T) {
	t.Parallel()
	r := (&run{script: "health-check.sh", env: project(), answers: []answer{
		{Args: "compose version", Code: 1},
		{Args: "version", Code: 1},
	}}).do(t, "preflight")
	r.wantCode(t, 3)
	for _, sentence := range []string{"docker has no compose plugin", "the Docker engine does not answer", "2 of the checks failed"} {
		r.wantSaid(t, sentence)
	}
	if n := strings.Count(r.stderr, "hint: "); n != 2 {
		t.Errorf("%d hints, want 2:\n%s", n, r.stderr)
	}
}

func TestPreflightRefusesWhatIsOlderThanTheFloor(t *testing.T) {
	t.Parallel()
	r := (&run{script: "health-check.sh", env: project(), answers: []answer{
		{Args: "compose version", Stdout: "v2.25.0\n"},
		{Args: "version", Stdout: "19.03.15\n"},
	}}).do(t, "preflight")
	r.wantCode(t, 3)
	r.wantSaid(t, "Compose v2.25.0 is older than 2.26")
	r.wantSaid(t, "engine 19.03.15 is older than 20.10")
}

func TestPreflightRefusesAPortThatSomethingElseHolds(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	preflight := func(held string) *run {
		return (&run{script: "health-check.sh", env: append(project(), "MIN_DISK_GB=0"), answers: []answer{
			{Args: "version", Stdout: "20.10.24\n"},
			{Args: "compose version", Stdout: "2.26.1-4\n"},
			{Args: "info", Stdout: "/\n"},
			{Args: "compose config", Stdout: `{"services":{"web":{"ports":[{"published":"` + port + `","protocol":"tcp"}]},"db":{}}}`},
			{Args: "container ls", Stdout: "c1\n"},
			{Args: "container inspect", Stdout: held + "\n"},
		}}).do(t, "preflight")
	}
	r := preflight("")
	r.wantCode(t, 3)
	r.wantSaid(t, "port "+port+" is taken by something else")
	preflight(port).wantCode(t, 0)
}

func TestPreflightRefusesAFullDisk(t *testing.T) {
	t.Parallel()
	r := (&run{script: "health-check.sh", env: append(project(), "MIN_DISK_GB=99999999"), answers: []answer{
		{Args: "version", Stdout: "20.10.24\n"},
		{Args: "compose version", Stdout: "v2.40.3\n"},
		{Args: "info", Stdout: "/\n"},
		{Args: "compose config", Stdout: `{"services":{}}`},
	}}).do(t, "preflight")
	r.wantCode(t, 3)
	r.wantSaid(t, "GB of disk are free")
}

func TestAnUnknownCheckIsAUsageError(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "look", "verify twice", "wait soon"} {
		r := (&run{script: "health-check.sh", env: project()}).do(t, strings.Fields(args)...)
		r.wantCode(t, 2)
	}
}
