//go:build engine

package targets_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/internal/testhost"
)

// cell is one thing that has to be right on every engine with every Compose. Each begins where the one before it ended.
type cell struct {
	name string
	try  func(*site)
}

var cells = []cell{
	{"first deploy", firstDeploy},
	{"nothing to do", nothingToDo},
	{"built again", builtAgain},
	{"start-first, stop-first", bothOrders},
	{"migration with backup", migrationWithBackup},
	{"restore", restored},
	{"SIGKILL, resumed", killedAndResumed},
	{"verify", verifiedWell},
	{"down", takenDown},
	{"by hand", byHand},
}

// operator is what an operator may have set for his own use of Compose. None of it may change what a deployment does: remove an
// orphan, above all, or mix progress into a backup.
var operator = map[string]string{
	"COMPOSE_REMOVE_ORPHANS": "true", "COMPOSE_STATUS_STDOUT": "true", "COMPOSE_PARALLEL_LIMIT": "1", "COMPOSE_ANSI": "always",
	"COMPOSE_PROGRESS": "tty", "BUILDKIT_PROGRESS": "tty", "COMPOSE_MENU": "true", "BUILDX_NO_DEFAULT_ATTESTATIONS": "0",
}

// TestCaseJ1J2J3EveryEngineWithItsComposeDoesTheWholeJob deploys on this machine and on hosts of other distributions as they are.
// It prints the table that docs/compatibility.md keeps.
func TestCaseJ1J2J3EveryEngineWithItsComposeDoesTheWholeJob(t *testing.T) {
	t.Parallel()
	columns := []string{"system", "engine", "Compose", "buildx", "image store"}
	for _, c := range cells {
		columns = append(columns, c.name)
	}
	results := newTable(t, columns...)
	t.Run("this machine", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.wholeJob(t, "this machine", results)
	})
	for _, system := range []testhost.System{testhost.Debian13, testhost.Testing, testhost.TestingContainerd} {
		t.Run(system.Name, func(t *testing.T) {
			t.Parallel()
			newSiteOn(t, system).wholeJob(t, system.Name, results)
		})
	}
}

// newSiteOn is a site on a host of its own, which sees the checkout, the state and the program that is to be run.
func newSiteOn(t *testing.T, system testhost.System) *site {
	t.Helper()
	s := undeployed(t)
	if _, err := compiled(); err != nil {
		t.Fatal(err)
	}
	goEnv := strings.Split(output(t, "..", "go", "env", "GOROOT", "GOCACHE"), "\n")
	root, cache := goEnv[0], goEnv[1]
	s.host = testhost.Start(t, system, filepath.Dir(s.dir), filepath.Dir(s.state), work, cache)
	// FreshTrack has its program compiled where it is deployed.
	s.env["GOCACHE"] = cache
	s.env["PATH"] = filepath.Join(root, "bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	return s
}

// wholeJob tries one cell after the other, and ends at the first that is not right.
func (s *site) wholeJob(t *testing.T, name string, results *table) {
	facts := strings.Fields(s.output("docker", "info", "--format",
		`{{.ServerVersion}} {{range .ClientInfo.Plugins}}{{if eq .Name "compose" "buildx"}}{{.Version}} {{end}}{{end}}{{.Driver}}`))
	if len(facts) != 4 {
		t.Fatalf("docker says of itself: %v", facts)
	}
	line := []string{name, facts[0], facts[2], facts[1], facts[3]} // docker names its plugins in alphabetical order
	defer func() { results.add(line...) }()
	maps.Copy(s.env, operator)
	if err := os.WriteFile(filepath.Join(s.dir, "stack/.env"), []byte("COMPOSE_REMOVE_ORPHANS=true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.edit("stack/docker-compose.yml", "command: [work]", "command: [work]\n    deploy: {update_config: {order: start-first}}")
	for n, c := range cells {
		if !t.Run(c.name, func(t *testing.T) { c.try(s.with(t)) }) {
			line = append(line, "FAIL")
			line = append(line, slices.Repeat([]string{"-"}, len(cells)-n-1)...)
			return
		}
		line = append(line, "ok")
	}
}

// firstDeploy is the README's first command. All that it needs is there: nothing is installed, and no plugin compiled.
func firstDeploy(s *site) {
	got := s.deploy(0)
	if !strings.Contains(got.stderr, "engine, compose, buildx, tools: present") {
		s.t.Errorf("something was missing: %s", got)
	}
	if s.host != nil {
		if found, err := s.host.Exec(s.t.Context(), "ls", "-A", "/usr/local/lib/docker/cli-plugins"); err == nil {
			s.t.Errorf("plugins were compiled: %s", found)
		}
	}
	s.wellNow()
	s.post("first")
	s.output("docker", "create", "--name", s.project+"-orphan-1", "--label", "com.docker.compose.project="+s.project,
		"--label", "com.docker.compose.service=orphan", "--label", "com.docker.compose.container-number=1",
		"--label", "com.docker.compose.oneoff=False", "freshtrack-app:"+s.project)
}

func nothingToDo(s *site) {
	before := s.containers()
	if got := s.deploy(0); strings.Contains(got.stderr, "\nrun ") {
		s.t.Errorf("an unchanged deploy ran a step: %s", got)
	}
	if now := s.containers(); !maps.Equal(now, before) {
		s.t.Errorf("an unchanged deploy touched containers:\n%v\n%v", before, now)
	}
}

// builtAgain is case B7: what is built of the same content is the same image, and no reason to replace anything.
func builtAgain(s *site) {
	before := s.containers()
	if got := s.mage("reset", "-step=build"); got.code != 0 {
		s.t.Fatalf("reset: %s", got)
	}
	if got := s.deploy(0); !strings.Contains(got.stderr, "\nok    build ") {
		s.t.Fatalf("it was not built again: %s", got)
	}
	if now := s.containers(); !maps.Equal(now, before) {
		s.t.Errorf("the same content was deployed anew:\n%v\n%v", before, now)
	}
}

// bothOrders changes the program: the worker's new container starts before its old one is stopped, the backend's after that.
func bothOrders(s *site) {
	s.edit("stack/app/frontend.html", "</body>", "<!-- another program --></body>")
	ended := s.watch()
	s.deploy(0)
	seen := ended()
	s.wellNow()
	for service, order := range map[string][]string{"worker": {"start", "die"}, "backend": {"die", "start"}} {
		if !slices.Equal(seen[service], order) {
			s.t.Errorf("%s: %v, want %v", service, seen[service], order)
		}
	}
}

// watch collects, by service, what happens to the project's containers until it is asked for.
func (s *site) watch() func() map[string][]string {
	s.t.Helper()
	var said safeBuffer
	cmd := s.prepared("docker", "events", "--since", strconv.FormatInt(time.Now().Unix(), 10), "--filter", "type=container",
		"--filter", "event=start", "--filter", "event=die", "--filter", "label=com.docker.compose.project="+s.project,
		"--filter", "label=com.docker.compose.oneoff=False", "--format", "{{json .}}")
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() map[string][]string {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		seen := map[string][]string{}
		for line := range strings.Lines(said.String()) {
			var event struct {
				Action string
				Actor  struct{ Attributes map[string]string }
			}
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				s.t.Fatalf("%q: %v", line, err)
			}
			service := event.Actor.Attributes["com.docker.compose.service"]
			seen[service] = append(seen[service], event.Action)
		}
		return seen
	}
}

func migrationWithBackup(s *site) {
	made := len(s.backupIDs())
	s.migration(1)
	s.deploy(0)
	s.wellNow()
	s.wantBackups(made + 1)
	if status := s.migrateStatus(); !strings.Contains(status, `"pending":0`) {
		s.t.Errorf("not migrated: %s", status)
	}
}

// restored brings back what was before the migration, which is then applied again.
func restored(s *site) {
	s.post("later")
	s.restore(0, []string{"-backup=" + s.wantBackups(len(s.backupIDs())), "-yes"})
	s.has("first")
	if text := s.get("/readings?sensor=later"); strings.Contains(text, "later") {
		s.t.Errorf("a reading from after the backup is there: %s", text)
	}
	s.deploy(0)
	s.wellNow()
	if status := s.migrateStatus(); !strings.Contains(status, `"pending":0`) {
		s.t.Errorf("not migrated again: %s", status)
	}
}

func killedAndResumed(s *site) {
	s.change(2)
	known := len(s.journals())
	run := s.start("deploy", "-passes=1")
	if !s.reaches(run, known, recreating) {
		s.t.Fatalf("it did not come to the rollout: %s", run.wait())
	}
	killAll(s, run)
	if got := run.wait(); got.code != codeKilled {
		s.t.Fatalf("it was not killed: %s", got)
	}
	s.plannedAgain(s.interrupted())
	s.deploy(0)
	s.wellNow()
	s.has("first")
	if causes := s.plan(); len(causes) > 0 {
		s.t.Errorf("after it something is still to do: %v", causes)
	}
}

func verifiedWell(s *site) {
	got := s.mage("verify", "-json", "-passes=1")
	var verified struct{ OK bool }
	if err := json.Unmarshal([]byte(got.stdout), &verified); err != nil || got.code != 0 || !verified.OK {
		s.t.Errorf("verify -json: %v: %s", err, got)
	}
}

func takenDown(s *site) {
	if got := s.mage("down"); got.code != 0 {
		s.t.Fatalf("down: %s", got)
	}
	s.onlyDataIsLeft()
}

// onlyDataIsLeft fails the test unless the stack is down, with its volume there, and the container that is none of its services'.
func (s *site) onlyDataIsLeft() {
	s.t.Helper()
	if left := slices.Collect(maps.Keys(s.containers())); !slices.Equal(left, []string{"orphan"}) {
		s.t.Errorf("down left %v, want the container that no service of the compose files has", left)
	}
	if volumes := s.output("docker", "volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+s.project); strings.TrimSpace(volumes) != s.project+"_data" {
		s.t.Errorf("the volumes are %q", volumes)
	}
}

// byHand takes the eight steps with the scripts alone, which find out for themselves what the project is called.
func byHand(s *site) {
	s.edit("stack/docker-compose.yml", "name: freshtrack", "name: "+s.project)
	s.env = maps.Clone(s.env)
	delete(s.env, "COMPOSE_PROJECT_NAME")
	backend := "http://127.0.0.1:" + s.env["BACKEND_PORT"]
	s.env["VERIFY_URLS"] = backend + "/health " + backend + "/health/ready"
	out, err := s.prepared("bash", "scripts/deploy.sh").CombinedOutput()
	said := string(out)
	if err != nil {
		s.t.Fatalf("deploy.sh: %v\n%s", err, said)
	}
	for _, sentence := range []string{"step 8/8 cleanup", "backed up; to bring it back:"} {
		if !strings.Contains(said, sentence) {
			s.t.Errorf("deploy.sh does not say %q:\n%s", sentence, said)
		}
	}
	s.wellNow()
	s.has("first")
	s.output("bash", "scripts/deploy.sh", "down")
	s.onlyDataIsLeft()
}
