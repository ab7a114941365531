package scripts_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEachStepIsItsDockerCommand(t *testing.T) {
	t.Parallel()
	for _, step := range []struct {
		args string
		want []string
	}{
		{"pull db web", []string{"compose pull --policy always db web"}},
		{"build web", []string{"compose build web"}},
		{"build", []string{"compose build"}},
		{"start db", []string{"compose up -d --no-deps --no-recreate --no-build --pull never db"}},
		{"stop db web", []string{"compose stop db web"}},
		{"up", []string{"compose up -d --no-build --pull never"}},
		{"up web", []string{"compose up -d --no-deps --no-build --pull never web"}},
		{"up web 3", []string{"compose up -d --no-deps --no-build --pull never --scale web=3 web"}},
		{"beside web 4", []string{"compose up -d --no-deps --no-recreate --no-build --pull never --scale web=4 web"}},
		{"retire a b", []string{"stop a", "rm a", "stop b", "rm b"}},
		{"cleanup", []string{"image prune --force --filter label=com.docker.compose.project=shop"}},
		{"down", []string{"compose --profile * down"}},
	} {
		t.Run(step.args, func(t *testing.T) {
			t.Parallel()
			r := (&run{env: project()}).do(t, strings.Fields(step.args)...)
			r.wantCode(t, 0)
			r.wantActs(t, step.want...)
			if r.fault != "" {
				t.Errorf("a step that succeeded reports the fault %s", r.fault)
			}
		})
	}
}

func TestARehearsalNamesEachContainerThatTheEngineRefuses(t *testing.T) {
	t.Parallel()
	const refusal = "Error response from daemon: unknown capability"
	r := (&run{env: project(), answers: []answer{
		{Args: "compose", Ends: " create db web", Stderr: "one of them\n", Code: 1},
		{Args: "compose", Ends: " create web", Stderr: "a warning\n" + refusal + "\n", Code: 1},
		{Args: "container ls", Stdout: "left\n"},
		{Args: "image ls", Stdout: "stage\n"},
	}}).do(t, "rehearse", "file.json", "db", "web")
	r.wantCode(t, 3)
	if want := "web\t" + refusal + "\n"; r.stdout != want {
		t.Errorf("it says %q, want %q", r.stdout, want)
	}
	acts := r.acts()
	for i, want := range []string{"container rm --force left", "image ls", "image rm slipway-rehearsal:shop"} {
		if last := acts[len(acts)-3+i]; !strings.HasPrefix(last, want) {
			t.Errorf("at the end docker was called with %q, want %q", last, want)
		}
	}
	for _, act := range acts {
		if strings.HasPrefix(act, "compose") && !strings.Contains(act, "--project-name slipway-rehearsal-") {
			t.Errorf("in the project itself: docker %s", act)
		}
	}
}

// What an image declares as a volume comes to be none, and the labels that Compose gave the image do not make the container a service's.
func TestAnImageIsStagedWithoutItsVolumesAndAsNobodysContainer(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "image inspect", Ends: " sha256:db", Stdout: "/data\n/with blank\n\n"},
		{Args: "image inspect", Ends: " sha256:web", Stdout: "\n"},
		{Args: "container create", Ends: " sha256:db", Stdout: "0db\n"},
		{Args: "container create", Ends: " sha256:web", Stdout: "0web\n"},
	}}).do(t, "stage", "sha256:db", "sha256:web")
	r.wantCode(t, 0)
	if r.stdout != "0db\n0web\n" {
		t.Errorf("it says %q", r.stdout)
	}
	const create = "container create --pull never --network none --label com.docker.compose.project=slipway-rehearsal --label slipway.rehearsal=shop --entrypoint none "
	const forgotten = "image ls --quiet slipway-rehearsal:shop"
	r.wantActs(t, forgotten, create+"--mount type=tmpfs,destination=/data --mount type=tmpfs,destination=/with blank sha256:db", create+"sha256:web")
}

func TestWhatWasStagedIsRemoved(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{{Args: "container ls", Stdout: "left\n"}}}).do(t, "unstage")
	r.wantCode(t, 0)
	r.wantActs(t, "container rm --force left", "image ls --quiet slipway-rehearsal:shop")
}

func TestARehearsalWithAFileThatCannotBeReadRefusesNothing(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "compose", Ends: " create web", Code: 1},
		{Args: "compose", Ends: " config --quiet", Code: 15},
	}}).do(t, "rehearse", "file.json", "web")
	r.wantCode(t, 1)
	if r.stdout != "" {
		t.Errorf("it says %q", r.stdout)
	}
}

func TestANameIsFreedOnce(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdef"
	for name, want := range map[string][]string{
		"/edge":                    {"rename " + id + " edge-aside-0123456789ab"},
		"/edge-aside-0123456789ab": nil,
	} {
		r := (&run{env: project(), answers: []answer{{Args: "container inspect", Stdout: name + "\n"}}}).do(t, "aside", id)
		r.wantCode(t, 0)
		r.wantActs(t, want...)
	}
}

// Compose reads it from the environment and from the env file, and refuses it beside the one that the scripts set.
func TestAnOperatorsWordOnOrphansRemovesNothing(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"up", "up web", "beside web 2", "start web", "stop web", "down", "migrate migrate"} {
		r := (&run{env: append(project(), "COMPOSE_REMOVE_ORPHANS=true", "COMPOSE_IGNORE_ORPHANS=false"), answers: []answer{
			{Args: "wait", Stdout: "0\n"},
		}}).do(t, strings.Fields(args)...)
		r.wantCode(t, 0)
		for _, c := range r.calls {
			if strings.HasPrefix(c.Args, "compose ") && c.Orphans != "false true" {
				t.Errorf("%s: docker %s: orphans are removed, ignored: %s", args, c.Args, c.Orphans)
			}
		}
	}
}

// The engine refuses to prune while it prunes for somebody else.
func TestARefusedPruneIsTriedAgainAndItsExitCodePassesThrough(t *testing.T) {
	t.Parallel()
	const prune = "image prune --force --filter label=com.docker.compose.project=shop"
	r := (&run{env: project(), answers: []answer{
		{Args: "image prune", Stderr: "a prune operation is already running\n", Code: 7},
	}}).do(t, "cleanup")
	r.wantCode(t, 7)
	r.wantActs(t, prune, prune, prune, prune, prune)
	r.wantSaid(t, "deploy.sh: cleanup: dangling images cannot be removed")
}

func TestAStepWithoutWhatItNeedsIsAUsageError(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"start", "stop", "backup a.dump sqlite", "backup a.dump mysql db", "restore a.dump", "migrate", "migrate a b", "up a 1 2", "beside web", "retire"} {
		r := (&run{env: project()}).do(t, strings.Fields(args)...)
		r.wantCode(t, 2)
		r.wantActs(t)
	}
}

func TestAnUnknownOptionOrStepIsAUsageErrorInOneSentence(t *testing.T) {
	t.Parallel()
	for args, sentence := range map[string]string{
		"--force":            `deploy.sh: there is no option "--force"; see deploy.sh --help`,
		"--no-build --quick": `deploy.sh: there is no option "--quick"; see deploy.sh --help`,
		"--no-build pull":    `deploy.sh: there is no option "pull"; see deploy.sh --help`,
		"launch":             `deploy.sh: there is no step "launch"; see deploy.sh --help`,
	} {
		r := (&run{env: project()}).do(t, strings.Fields(args)...)
		r.wantCode(t, 2)
		if r.stderr != sentence+"\n" {
			t.Errorf("deploy.sh %s says %q, want %q", args, r.stderr, sentence)
		}
		if len(r.calls) > 0 {
			t.Errorf("deploy.sh %s called docker: %v", args, r.calls)
		}
	}
}

func TestHelpNamesEveryStepAndOption(t *testing.T) {
	t.Parallel()
	r := (&run{}).do(t, "--help")
	r.wantCode(t, 0)
	for _, word := range []string{
		"--skip-checks", "--no-build", "pull", "build", "start", "stop", "backup", "restore", "migrate", "up", "beside", "retire",
		"cleanup", "down",
	} {
		if !strings.Contains(r.stdout, word) {
			t.Errorf("the help lacks %s", word)
		}
	}
}

func TestTheExitCodeOfDockerPassesThroughWithItsPlace(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "compose build", Stderr: "no space left on device\n", Code: 17},
	}}).do(t, "build", "web")
	r.wantCode(t, 17)
	var fault struct {
		Script   string `json:"script"`
		Line     int    `json:"line"`
		ExitCode int    `json:"exit_code"`
	}
	if err := json.Unmarshal([]byte(r.fault), &fault); err != nil {
		t.Fatalf("%q: %v", r.fault, err)
	}
	source, err := os.ReadFile(fault.Script)
	if err != nil {
		t.Fatal(err)
	}
	if line := strings.Split(string(source), "\n")[fault.Line-1]; !strings.Contains(line, "docker compose build") || fault.ExitCode != 17 {
		t.Errorf("the fault %s blames %q", r.fault, line)
	}
	r.wantSaid(t, "no space left on device\ndeploy.sh: build: failed at deploy.sh line ")
}

func TestAFailureInsideAQuestionIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := (&run{env: []string{"COMPOSE_FILE=docker-compose.yml"}, answers: []answer{
		{Args: "compose config", Stderr: `The "word" variable is not set`, Code: 15},
	}}).do(t, "build")
	r.wantCode(t, 3)
	if want := "deploy.sh: build: the compose files do not resolve: docker compose config --quiet says why\n"; r.stderr != want {
		t.Errorf("stderr is %q, want %q", r.stderr, want)
	}
	if !strings.Contains(r.fault, `"script":"compose.sh"`) || strings.Count(r.fault, "\n") != 1 {
		t.Errorf("the fault is %q, want one line that names compose.sh", r.fault)
	}
}

func TestALockThatIsHeldEndsTheRunAndNamesItsHolder(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	held := holdLock(t, state)
	if _, err := held.WriteString(`{"pid":4711,"who":"anna@ship"}`); err != nil {
		t.Fatal(err)
	}
	r := (&run{env: append(project(), "STATE_DIR="+state)}).do(t, "up", "web")
	r.wantCode(t, 11)
	r.wantSaid(t, `another deployment holds the lock: {"pid":4711,"who":"anna@ship"}`)
	r.wantActs(t)
}

func TestTheLockOfTheCallerIsTaken(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	held := holdLock(t, state)
	r := (&run{env: append(project(), "STATE_DIR="+state, "LOCK_FD=3"), lock: held}).do(t, "up", "web")
	r.wantCode(t, 0)
	if len(r.acts()) != 1 {
		t.Errorf("docker was called with %q, want one act", r.acts())
	}
}

func TestADescriptorThatHoldsNoLockDoesNotPassForOne(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	holdLock(t, state)
	other, err := os.OpenFile(filepath.Join(state, "lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	r := (&run{env: append(project(), "STATE_DIR="+state, "LOCK_FD=3"), lock: other}).do(t, "up", "web")
	r.wantCode(t, 11)
	r = (&run{env: append(project(), "LOCK_FD=42")}).do(t, "up", "web")
	r.wantCode(t, 1)
	r.wantSaid(t, "LOCK_FD=42 is no open descriptor")
}

func TestALockTakenByHandTellsItsHolder(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "deep", "state")
	(&run{env: append(project(), "STATE_DIR="+state)}).do(t, "cleanup").wantCode(t, 0)
	info, err := os.Stat(state)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the state directory has mode %v", info.Mode())
	}
	data, err := os.ReadFile(filepath.Join(state, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	var holder struct {
		PID   int    `json:"pid"`
		Who   string `json:"who"`
		Since string `json:"since"`
	}
	if err := json.Unmarshal(data, &holder); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if holder.PID == 0 || !strings.Contains(holder.Who, "@") || holder.Since == "" {
		t.Errorf("the lock holds %s", data)
	}
}

func TestTheDestinationSelectsTheFilesInOrder(t *testing.T) {
	t.Parallel()
	stack := stackDir(t, "docker-compose.yml", "compose.production.yaml", ".env.production")
	if err := os.WriteFile(filepath.Join(stack, "docker-compose.yml"), []byte("name: shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for destination, want := range map[string]call{
		"local":      {Files: stack + "/docker-compose.yml"},
		"production": {Files: stack + "/docker-compose.yml:" + stack + "/compose.production.yaml"},
	} {
		r := (&run{
			env:     []string{"STACK_DIR=" + stack, "DESTINATION=" + destination},
			answers: []answer{{Args: "compose config --format json", Stdout: `{"name":"shop","services":{}}`}},
		}).do(t, "up", "web")
		r.wantCode(t, 0)
		got := r.calls[len(r.calls)-1]
		if got.Files != want.Files || got.Profiles != want.Profiles || got.Project != "shop" {
			t.Errorf("%s: docker saw %+v, want %+v", destination, got, want)
		}
	}
}

func TestADestinationWithoutItsFilesIsRefused(t *testing.T) {
	t.Parallel()
	stack := stackDir(t, "docker-compose.yml", ".env.staging")
	for destination, sentence := range map[string]string{
		"production": ".env.production is missing",
		"staging":    "compose.staging.yaml is missing",
		"../etc":     `"../etc" is no name of a destination`,
	} {
		r := (&run{env: []string{"STACK_DIR=" + stack, "DESTINATION=" + destination}}).do(t, "up", "web")
		r.wantCode(t, 3)
		r.wantSaid(t, sentence)
		r.wantActs(t)
	}
}

func TestByHandAProjectWithoutANameIsRefused(t *testing.T) {
	t.Parallel()
	stack := stackDir(t, "docker-compose.yml")
	r := (&run{env: []string{"STACK_DIR=" + stack}}).do(t, "up", "web")
	r.wantCode(t, 3)
	r.wantSaid(t, "the compose files name no project: set COMPOSE_PROJECT_NAME")
	(&run{env: []string{"STACK_DIR=" + stack, "COMPOSE_PROJECT_NAME=shop"}}).do(t, "up", "web").wantCode(t, 0)
}

func TestAHalfMadeContainerIsHealedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	for _, world := range []struct{ name, list, want string }{
		{"beside its old one", "1 exited shop-web-1 web\n2 created 0123456789ab_shop-web-1 web\n", "rm 2"},
		{"alone", "3 running shop-web-10 web\n2 created 0123456789ab_shop-web-1 web\n", "rename 2 shop-web-1"},
		{"alone and running", "2 running 0123456789ab_shop-web-1 web\n", "rename 2 shop-web-1"},
	} {
		for _, args := range []string{"up web", "start web", "beside web 2"} {
			r := (&run{env: project(), answers: []answer{{Args: "container ls", Stdout: world.list}}}).do(t, strings.Fields(args)...)
			r.wantCode(t, 0)
			if acts := r.acts(); len(acts) != 2 || acts[0] != world.want {
				t.Errorf("%s, %s: docker was called with %q, want %q first", world.name, args, acts, world.want)
			}
		}
	}
}

// Compose may be at work on it just now.
func TestAHalfMadeContainerOfAnotherServiceIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"1 running shop-db-1 db\n2 created 0123456789ab_shop-db-1 db\n", "2 created 0123456789ab_shop-db-1 db\n", "2 paused shop-db-1 db\n"} {
		for _, args := range []string{"up web", "up web 2", "start web mail", "beside web 2", "renew web 1 mail 1"} {
			r := (&run{env: project(), answers: []answer{{Args: "container ls", Stdout: list}}}).do(t, strings.Fields(args)...)
			r.wantCode(t, 0)
			if acts := r.acts(); len(acts) != 1 || !strings.HasPrefix(acts[0], "compose up") {
				t.Errorf("%s beside %q: docker was called with %q", args, list, acts)
			}
		}
	}
}

func TestByHandItTakesEightSteps(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	for options, leftOut := range map[string][]string{
		"":                         {},
		"--skip-checks --no-build": {"1", "3"},
	} {
		r := (&run{
			env:     append(project(), "VERIFY_URLS="+server.URL, "MIN_DISK_GB=0"),
			answers: byHand(),
		}).do(t, strings.Fields(options)...)
		r.wantCode(t, 0)
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^deploy.sh: step (\d)/8 [a-z-]+$`).FindAllStringSubmatch(r.stderr, -1) {
			got = append(got, m[1])
		}
		want := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
		want = slices.DeleteFunc(want, func(n string) bool { return slices.Contains(leftOut, n) })
		if !slices.Equal(got, want) {
			t.Errorf("deploy.sh %s took the steps %v, want %v\n%s", options, got, want, r.stderr)
		}
		acts := []string{
			"compose pull --policy missing db",
			"compose build",
			"compose up -d --no-deps --no-recreate --no-build --pull never db",
			"compose run --no-deps -T --detach --name shop-migrate migrate",
			"rm shop-migrate",
			"compose up -d --no-build --pull never",
			"image prune --force --filter label=com.docker.compose.project=shop",
		}
		if len(leftOut) > 0 {
			acts = slices.Delete(acts, 1, 2)
		}
		r.wantActs(t, acts...)
	}
}

// byHand answers for a stack of a database, a web service built here, and a job
// that shares its image.
func byHand() []answer {
	const healthy = `[{"Id":"c1","State":{"Status":"running","StartedAt":"t","Error":"","Health":{"Status":"healthy"}},` +
		`"HostConfig":{"RestartPolicy":{"Name":"always"}},"Config":{"Labels":{"com.docker.compose.service":"web"}}}]`
	return []answer{
		{Args: "version", Stdout: "20.10.24\n"},
		{Args: "info", Stdout: "/\n"},
		{Args: "compose version", Stdout: "5.6.0\n"},
		{Args: "compose config --services", Stdout: "db\nweb\n"},
		{Args: "compose config", Stdout: `{"services":{
			"db":{"image":"postgres"},
			"web":{"image":"shop","build":{"context":"."}},
			"migrate":{"image":"shop","profiles":["jobs"],"depends_on":{"db":{"condition":"service_healthy"}}}}}`},
		{Args: "container ls --all --no-trunc --filter label=com.docker.compose.project=shop --filter label=com.docker.compose.service=migrate"},
		{Args: "container ls --all --no-trunc --filter label=com.docker.compose.project=shop --filter label=com.docker.compose.oneoff=True"},
		{Args: "container ls --all", Stdout: "c1 running shop-web-1\n"},
		{Args: "container inspect", Stdout: healthy},
		{Args: "wait", Stdout: "0\n"},
	}
}

func holdLock(t *testing.T, state string) *os.File {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(state, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return file
}

func stackDir(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCaseF6ANameThatIsNoProjectsIsRefusedBeforeAPathIsMadeOfIt(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../../x", "shop/..", "Shop", "-shop", "a b", "."} {
		r := (&run{env: append(project(), "COMPOSE_PROJECT_NAME="+name, "STATE_DIR=")}).do(t, "up", "web")
		r.wantCode(t, 3)
		r.wantSaid(t, `"`+name+`" names no Compose project`)
		r.wantActs(t)
	}
}
