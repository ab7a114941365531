//go:build engine

package scripts_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stand is a tiny project on the real engine: a database, a web service and a job,
// all of one static program.
type stand struct {
	t       *testing.T
	project string
	dir     string
	port    string
}

const standModel = `
services:
  db:
    build: .
    image: ${COMPOSE_PROJECT_NAME}-image
    command: [serve]
    healthcheck: {test: [CMD, /stand, check], interval: 1s}
  web:
    image: ${COMPOSE_PROJECT_NAME}-image
    command: [serve, "${GRACE:-0s}"]
    environment: {EDITION: "${EDITION:-1}", BACKUP_CODE: "${BACKUP_CODE:-0}"}
    volumes: [data:/data]
    depends_on: {db: {condition: service_healthy}}
    ports: ["127.0.0.1:${PORT}:80"]
    healthcheck: {test: [CMD, /stand, check], interval: 1s}
  migrate:
    image: ${COMPOSE_PROJECT_NAME}-image
    command: [job, "${JOB_TIME:-0s}", "${JOB_CODE:-0}"]
    profiles: [jobs]
    labels: {slipway.backup: "${BACKUP:-}"}
    volumes: [data:/data]
    depends_on: {db: {condition: service_healthy}}
volumes:
  data:
`

func newStand(t *testing.T) *stand {
	t.Helper()
	suffix := make([]byte, 4)
	if _, err := rand.Read(suffix); err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, project: "sw-scripts-" + hex.EncodeToString(suffix), dir: t.TempDir(), port: freePort(t)}
	for name, content := range map[string]string{
		"docker-compose.yml": standModel,
		"Dockerfile":         "FROM scratch\nCOPY stand /stand\nCOPY empty /data/empty\nENTRYPOINT [\"/stand\"]\n",
		"empty":              "",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(s.dir, "stand"), "./testdata/stand")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program of the stand: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		// The project is this test's own, and so are its volumes.
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		for _, id := range s.lines(ctx, "container", "ls", "-aq", "--filter", "label=com.docker.compose.project="+s.project) {
			s.docker(ctx, "rm", "-f", id)
		}
		for _, kind := range []string{"network", "volume"} {
			for _, id := range s.lines(ctx, kind, "ls", "-q", "--filter", "label=com.docker.compose.project="+s.project) {
				s.docker(ctx, kind, "rm", id)
			}
		}
		s.docker(ctx, "image", "rm", "-f", s.project+"-image")
	})
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// script prepares deploy.sh or health-check.sh, as by hand.
func (s *stand) script(name string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "bash", append([]string{name}, args...)...)
	cmd.Env = append(os.Environ(),
		"COMPOSE_PROJECT_NAME="+s.project, "STACK_DIR="+s.dir, "STATE_DIR="+filepath.Join(s.dir, "state"),
		"PORT="+s.port, "VERIFY_URLS=http://127.0.0.1:"+s.port+"/health http://127.0.0.1:"+s.port+"/health/ready", "MIN_DISK_GB=0", "FAULT_FILE="+filepath.Join(s.dir, "fault"))
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// deploy runs deploy.sh to its end and returns what it said.
func (s *stand) deploy(env []string, args ...string) (string, int) {
	s.t.Helper()
	out, err := s.script("deploy.sh", env, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

func (s *stand) mustDeploy(env []string, args ...string) string {
	s.t.Helper()
	out, code := s.deploy(env, args...)
	if code != 0 {
		s.t.Fatalf("deploy.sh %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// mustWaitForTheJob deploys beside a job that runs, which ends only once the deployment says so.
func (s *stand) mustWaitForTheJob(says string, env []string, args ...string) string {
	s.t.Helper()
	cmd := s.script("deploy.sh", env, args...)
	read, write, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := errors.Join(cmd.Start(), write.Close()); err != nil {
		s.t.Fatal(err)
	}
	var out strings.Builder
	said := false
	for lines := bufio.NewScanner(read); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		if !said && strings.Contains(lines.Text(), says) {
			said = true
			s.docker(s.t.Context(), "kill", "-s", "USR1", s.project+"-migrate")
		}
	}
	if err := cmd.Wait(); err != nil || !said {
		s.t.Fatalf("deploy.sh %s: %v; said %q: %t\n%s", strings.Join(args, " "), err, says, said, out.String())
	}
	return out.String()
}

// killDuring starts a step and, as soon as seen, kills its whole process group.
func (s *stand) killDuring(env []string, seen func() bool, args ...string) {
	s.t.Helper()
	cmd := s.script("deploy.sh", env, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ok := s.eventually(seen)
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		s.t.Fatalf("kill the script: %v", err)
	}
	err := cmd.Wait()
	if !ok || err == nil {
		s.t.Fatalf("the script was not caught in the act: %v\n%s", err, out.String())
	}
}

func (s *stand) eventually(seen func() bool) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if seen() {
			return true
		}
	}
	return false
}

func (s *stand) docker(ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	if err != nil {
		s.t.Errorf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *stand) lines(ctx context.Context, args ...string) []string {
	return strings.Fields(s.docker(ctx, args...))
}

// containers returns "name state" of the project's containers, sorted.
func (s *stand) containers() []string {
	out := strings.TrimSpace(s.docker(s.t.Context(), "container", "ls", "-a",
		"--filter", "label=com.docker.compose.project="+s.project, "--format", "{{.Names}} {{.State}}"))
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// has reports whether a container has that name, after the project's, and state.
func (s *stand) has(name, state string) bool {
	for _, container := range s.containers() {
		got, is, _ := strings.Cut(container, " ")
		if is == state && strings.HasSuffix(got, s.project+"-"+name) && (name != "web-1" || got == s.project+"-web-1") {
			return true
		}
	}
	return false
}

func TestByHandTheStackComesUpAndGoesDownWithItsVolume(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	out := s.mustDeploy(nil)
	for n := 1; n <= 8; n++ {
		if !strings.Contains(out, "step "+strconv.Itoa(n)+"/8 ") {
			t.Errorf("step %d is not announced:\n%s", n, out)
		}
	}
	if !s.has("db-1", "running") || !s.has("web-1", "running") || len(s.containers()) != 2 {
		t.Errorf("the containers are %q", s.containers())
	}
	before := s.docker(t.Context(), "inspect", "-f", "{{.State.StartedAt}}", s.project+"-web-1", s.project+"-db-1")
	s.mustDeploy(nil, "--skip-checks", "--no-build")
	if after := s.docker(t.Context(), "inspect", "-f", "{{.State.StartedAt}}", s.project+"-web-1", s.project+"-db-1"); after != before {
		t.Errorf("a second deployment restarted containers: %s, then %s", before, after)
	}
	s.mustDeploy(nil, "down")
	if left := s.containers(); len(left) != 0 {
		t.Errorf("down left %q", left)
	}
	if volumes := s.lines(t.Context(), "volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+s.project); len(volumes) != 1 {
		t.Errorf("the volumes are %q, want the one of the job", volumes)
	}
}

func TestAMigrationThatLostItsScriptIsAdopted(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	s.killDuring([]string{"JOB_TIME=10m"}, func() bool { return s.has("migrate", "running") }, "migrate", "migrate")
	out := s.mustWaitForTheJob("migrate already runs; waiting for it", nil, "migrate", "migrate")
	if strings.Count(out, "begins") != 1 {
		t.Errorf("the job was not adopted:\n%s", out)
	}
	if left := s.containers(); len(left) != 0 {
		t.Errorf("a job that succeeded left %q", left)
	}
}

// A job that outlived its deployment knows the migrations of its own image only.
func TestByHandTheNewestMigrationRunsBehindAnOlderOne(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	s.killDuring([]string{"JOB_TIME=10m"}, func() bool { return s.has("migrate", "running") }, "migrate", "migrate")
	if err := os.WriteFile(filepath.Join(s.dir, "empty"), []byte("another image"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := s.mustWaitForTheJob("migrate of another image still runs", []string{"BACKUP=sqlite web"}, "--skip-checks")
	if strings.Count(out, "begins") != 2 {
		t.Errorf("the older job was taken for the newest:\n%s", out)
	}
	// Behind the older job, and before the newer.
	if found := kept(t, filepath.Join(s.dir, "state")); len(found) != 1 || only(found) != "migrated\n" {
		t.Errorf("the backups are %q", found)
	}
}

func TestByHandAFinishedMigrationIsNotTakenForThisRuns(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	for _, name := range []string{"-migrate", "-migrate-run-0a1b2c", "-migrate-1"} {
		s.docker(t.Context(), "run", "--name", s.project+name,
			"--label", "com.docker.compose.project="+s.project, "--label", "com.docker.compose.service=migrate",
			"--label", "com.docker.compose.oneoff=True", s.project+"-image", "job", "0s", "0")
	}
	out := s.mustDeploy(nil, "--skip-checks", "--no-build")
	if strings.Count(out, "begins") != 1 || strings.Contains(out, "runs; waiting") {
		t.Errorf("this run's job did not run:\n%s", out)
	}
}

func TestByHandABackupPrecedesTheMigration(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	state := filepath.Join(s.dir, "state")
	env := []string{"BACKUP=sqlite web"}
	out := s.mustDeploy(env, "--skip-checks")
	if found := kept(t, state); len(found) != 0 || !strings.Contains(out, "there is no database yet") {
		t.Errorf("the backups of no database are %q\n%s", found, out)
	}
	out = s.mustDeploy(env, "--skip-checks", "--no-build")
	found := kept(t, state)
	if len(found) != 1 || only(found) != "migrated\n" {
		t.Errorf("the backups are %q, want one from before the second migration\n%s", found, out)
	}
	out, code := s.deploy(append(env, "BACKUP_CODE=9"), "--skip-checks", "--no-build")
	if code != 9 || strings.Contains(out, "begins") {
		t.Errorf("behind a failed backup: exit code %d\n%s", code, out)
	}
	if found := kept(t, state); len(found) != 1 {
		t.Errorf("the backups are %q", found)
	}
}

// only is the content of the one backup.
func only(found map[string]string) string {
	for _, content := range found {
		return content
	}
	return ""
}

func TestTwoMigrationsNeverRunAtOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	slow := []string{"JOB_TIME=3s"}
	var codes [3]int
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() { _, codes[i] = s.deploy(slow, "migrate", "migrate") })
	}
	most := 0
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(50 * time.Millisecond):
			most = max(most, len(s.containers()))
		}
	}
	if most != 1 {
		t.Errorf("%d containers of the job at once", most)
	}
	if codes[0]+codes[1]+codes[2] != 22 {
		t.Errorf("the exit codes are %v, want one 0 and two 11", codes)
	}
}

func TestAPausedOrNeverStartedMigrationDoesNotBecomeASecondOne(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	s.killDuring([]string{"JOB_TIME=60s"}, func() bool { return s.has("migrate", "running") }, "migrate", "migrate")
	s.docker(t.Context(), "pause", s.project+"-migrate")
	if out := s.mustDeploy(nil, "migrate", "migrate"); strings.Contains(out, "already runs") {
		t.Errorf("a paused job was adopted:\n%s", out)
	}
	s.docker(t.Context(), "create", "--name", s.project+"-migrate",
		"--label", "com.docker.compose.project="+s.project, "--label", "com.docker.compose.service=migrate",
		"--label", "com.docker.compose.oneoff=True", s.project+"-image", "job", "60s", "0")
	s.mustDeploy(nil, "migrate", "migrate")
	if left := s.containers(); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
}

func TestAMigrationThatFailsIsKeptAndTheNextOneTakesItsPlace(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	out, code := s.deploy([]string{"JOB_CODE=7"}, "migrate", "migrate")
	if code != 7 || !strings.Contains(out, "begins") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if !s.has("migrate", "exited") {
		t.Errorf("the failed job is gone: %q", s.containers())
	}
	fault, err := os.ReadFile(filepath.Join(s.dir, "fault"))
	if err != nil || !strings.Contains(string(fault), `"exit_code":7`) {
		t.Errorf("the fault is %q: %v", fault, err)
	}
	s.mustDeploy(nil, "migrate", "migrate")
	if left := s.containers(); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
}

func TestARecreateThatWasCutShortIsHealed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	slow := []string{"GRACE=4s"}
	s.mustDeploy(slow, "up", "web")
	next := append([]string{"EDITION=2"}, slow...)
	halfMade := func() bool {
		for _, container := range s.containers() {
			if strings.HasSuffix(container, "_"+s.project+"-web-1 created") {
				return true
			}
		}
		return false
	}
	s.killDuring(next, halfMade, "up", "web")
	s.mustDeploy(next, "up", "web")
	if got := s.containers(); len(got) != 1 || !s.has("web-1", "running") {
		t.Errorf("the containers are %q", got)
	}
	env := s.docker(t.Context(), "inspect", "-f", "{{.Config.Env}}", s.project+"-web-1")
	if !strings.Contains(env, "EDITION=2") {
		t.Errorf("the old edition runs: %s", env)
	}
	// The same once the old container is gone: the new one takes its name.
	s.docker(t.Context(), "rename", s.project+"-web-1", "0123456789ab_"+s.project+"-web-1")
	s.mustDeploy(next, "up", "web")
	if got := s.containers(); len(got) != 1 || !s.has("web-1", "running") {
		t.Errorf("the containers are %q", got)
	}
}

func TestNewContainersStandBesideTheOldUntilTheyRetire(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	s.mustDeploy(nil, "up", "db")
	old := s.lines(t.Context(), "container", "ls", "-q", "--filter", "label=com.docker.compose.project="+s.project)
	s.mustDeploy(nil, "beside", "db", "2")
	if !s.has("db-1", "running") || !s.has("db-2", "running") {
		t.Errorf("the containers are %q", s.containers())
	}
	s.mustDeploy(nil, append([]string{"retire"}, old...)...)
	if s.has("db-1", "running") || !s.has("db-2", "running") {
		t.Errorf("the containers are %q", s.containers())
	}
}

func TestHealthIsAwaitedForEveryServiceAndTheSickOneIsNamed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.mustDeploy(nil, "build")
	s.mustDeploy(nil, "up", "db")
	out, err := s.script("health-check.sh", nil, "wait", "2").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 4 || !strings.Contains(string(out), "not healthy: web has no container") {
		t.Errorf("without web: %v\n%s", err, out)
	}
	s.mustDeploy(nil, "up", "web")
	if out, err := s.script("health-check.sh", nil, "wait", "60").CombinedOutput(); err != nil {
		t.Errorf("with web: %v\n%s", err, out)
	}
}
