//go:build engine

package health

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/internal/compose"
)

// actor builds the image all the stacks run, once.
var actor = sync.OnceValues(buildActor)

func TestMain(m *testing.M) {
	m.Run()
	if image, err := actor(); err == nil {
		if out, err := exec.Command("docker", "image", "rm", "-f", image).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "remove the actor's image: %v\n%s", err, out)
		}
	}
}

func buildActor() (string, error) {
	dir, err := os.MkdirTemp("", "actor")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "actor"), "./testdata/actor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the actor: %w\n%s", err, out)
	}
	image := "sw-health-actor-" + strings.ToLower(rand.Text()[:8])
	argv := []string{"build", "-q", "-t", image, "-f", "testdata/actor/Dockerfile", dir}
	if out, err := exec.Command("docker", argv...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the actor's image: %w\n%s", err, out)
	}
	return image, nil
}

// up starts a stack of services that all run the actor. Some of them are made to fail: what Compose says is no matter.
func up(t *testing.T, services string) compose.Project {
	t.Helper()
	return upWith(t, services).Project
}

// started is a stack, and what `docker compose up` said of it.
type started struct {
	compose.Project
	code int
	took time.Duration
}

func upWith(t *testing.T, services string, flags ...string) started {
	t.Helper()
	image, err := actor()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := "sw-health-" + strings.ToLower(rand.Text()[:8])
	file := filepath.Join(dir, "compose.yaml")
	text := "services:\n" + strings.ReplaceAll(services, "IMAGE", image)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "compose", "-p", name, "-f", file, "down", "-t", "0").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	begin := time.Now()
	cmd := exec.Command("docker", append([]string{"compose", "-p", name, "-f", file, "up", "-d"}, flags...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("up: %v\n%s", err, out)
	}
	project := compose.Project{Name: name, Dir: dir, Files: []string{"compose.yaml"}}
	return started{project, cmd.ProcessState.ExitCode(), time.Since(begin)}
}

// await waits for the stack and returns the report.
func await(t *testing.T, o Options) Report {
	t.Helper()
	o.Progress = func(verdicts []Verdict) {
		for _, v := range verdicts {
			t.Logf("%s %s: %s %s", time.Now().Format("05.000"), v.Container, v.State, v.Reason)
		}
	}
	report, err := Wait(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// mustFail wants exactly the service to have failed, for a reason that holds want.
func mustFail(t *testing.T, report Report, service, want string) Verdict {
	t.Helper()
	failed := report.Failed()
	if report.OK || len(failed) == 0 {
		t.Fatalf("not failed: %+v", report.Verdicts)
	}
	for _, v := range failed {
		if v.Service != service || !strings.Contains(v.Reason, want) {
			t.Errorf("%s failed: %q, want %s: … %q …", v.Service, v.Reason, service, want)
		}
	}
	return failed[0]
}

// ownCheck is a healthcheck that the engine itself does not run before any of these tests has run out of patience.
const ownCheck = `healthcheck: {test: ["CMD", "/actor", "healthcheck"], interval: 10m, timeout: 5s}`

// shortCheck is one that the engine asks soon enough for `up --wait` to end.
const shortCheck = `healthcheck: {test: ["CMD", "/actor", "healthcheck"], interval: 1s, timeout: 5s}`

func TestServiceWithALongIntervalIsHealthySoon(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, command: ["-ready-after", "1s"], `+ownCheck+`}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	if !report.OK || report.Verdicts[0].State != Healthy {
		t.Fatalf("%+v", report.Verdicts)
	}
}

func TestServiceWithoutHealthcheckIsNotCalledHealthy(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	if !report.OK || report.Verdicts[0].State != Unchecked {
		t.Fatalf("%+v", report.Verdicts)
	}
}

func TestCrashLoopWithoutHealthcheckIsFoundEarly(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, command: ["-exit-after", "500ms", "-code", "3"], restart: always}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	v := mustFail(t, report, "web", "crash loop: exited (3), restarted ")
	if !strings.Contains(strings.Join(v.Logs, "\n"), "actor: exit 3") {
		t.Errorf("logs: %q", v.Logs)
	}
}

func TestOneShotThatFailsLateIsFound(t *testing.T) {
	t.Parallel()
	p := up(t, `
  setup: {image: IMAGE, command: ["-exit-after", "3s", "-code", "4"]}
`)
	report := await(t, Options{
		Project: p, Services: map[string]Expect{"setup": {OneShot: true}}, Timeout: 60 * time.Second,
	})
	mustFail(t, report, "setup", "exited (4)")
}

func TestOneShotThatExitsZeroIsDone(t *testing.T) {
	t.Parallel()
	p := up(t, `
  setup: {image: IMAGE, command: ["-exit-after", "1s"]}
  web: {image: IMAGE, `+ownCheck+`}
`)
	report := await(t, Options{
		Project: p, Services: map[string]Expect{"setup": {OneShot: true}, "web": {}}, Timeout: 60 * time.Second,
	})
	if !report.OK || report.Verdicts[0].State != Done || report.Verdicts[1].State != Healthy {
		t.Fatalf("%+v", report.Verdicts)
	}
}

func TestDeadReplicasAreCounted(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, deploy: {replicas: 3}}
`)
	for _, n := range []string{"2", "3"} { // dead as if by their own fault, which replicas of one service cannot be told
		name := p.Name + "-web-" + n
		if out, err := exec.Command("docker", "kill", "-s", "TERM", name).CombinedOutput(); err != nil {
			t.Fatalf("kill: %v\n%s", err, out)
		}
	}
	report := await(t, Options{
		Project: p, Services: map[string]Expect{"web": {Replicas: 3}}, Timeout: 60 * time.Second,
	})
	mustFail(t, report, "web", "2 of 3 replicas are not running: exited (")
	if len(report.Failed()) != 2 {
		t.Errorf("%+v", report.Verdicts)
	}
}

func TestServiceThatTurnsUnhealthyAfterItPassedIsFound(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, command: ["-unhealthy-after", "4s"], `+ownCheck+`}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	v := mustFail(t, report, "web", "turned unhealthy after ")
	if !strings.Contains(v.Reason, "lost the database") || len(v.Checks) == 0 {
		t.Errorf("%+v", v)
	}
}

func TestHealthcheckThatHangsIsSaidToHang(t *testing.T) {
	t.Parallel()
	// An interval below 5 s with a check that hangs can lock up engine 20.10 for good.
	p := up(t, `
  web: {image: IMAGE, command: ["-hang"], healthcheck: {test: ["CMD", "/actor", "healthcheck"], interval: 5m, timeout: 2s}}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 10 * time.Second})
	mustFail(t, report, "web", "not healthy after 10s: healthcheck did not answer within its timeout of 2s")
}

func TestWrongCommandFailsAtOnce(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE, entrypoint: ["/nothing"]}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	v := mustFail(t, report, "web", "could not be started: ")
	if !strings.Contains(v.Reason, "/nothing") {
		t.Errorf("%q", v.Reason)
	}
}

func TestOutOfMemoryIsToldFromAKill(t *testing.T) {
	t.Parallel()
	p := up(t, `
  eater: {image: IMAGE, command: ["-eat"], mem_limit: 32m, memswap_limit: 32m}
  victim: {image: IMAGE}
`)
	if out, err := exec.Command("docker", "kill", p.Name+"-victim-1").CombinedOutput(); err != nil {
		t.Fatalf("kill: %v\n%s", err, out)
	}
	for service, want := range map[string]string{
		"eater": "killed: out of memory", "victim": "killed by SIGKILL (137)",
	} {
		report := await(t, Options{Project: p, Services: map[string]Expect{service: {}}, Timeout: 60 * time.Second})
		mustFail(t, report, service, want)
	}
}

func TestTakenPortFailsAtOnce(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	p := up(t, fmt.Sprintf(`
  web: {image: IMAGE, ports: ["127.0.0.1:%d:80"]}
`, port))
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	mustFail(t, report, "web", "address already in use")
}

func TestMissingImageLeavesNoContainer(t *testing.T) {
	t.Parallel()
	p := up(t, `
  web: {image: IMAGE-missing, pull_policy: never}
`)
	report := await(t, Options{Project: p, Services: map[string]Expect{"web": {}}, Timeout: 60 * time.Second})
	mustFail(t, report, "web", "no container")
}
