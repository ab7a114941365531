//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway"
)

// releases is a stack of which every kind of thing changes from release to release: an image, a mounted file, a setting.
func releases(t *testing.T) (d *demo, web, side int) {
	t.Helper()
	web, side = freePort(t), freePort(t)
	d = newDemo(t, map[string]string{
		".env": "GREETING=one\nAPI_PASSWORD=correct-horse-battery\n", "page": "page one", "fixed": "fixed",
		"compose.yaml": fmt.Sprintf(`
services:
  web:
    build: ./app
    environment: {FILE: /page, GREETING: "${GREETING}", API_PASSWORD: "${API_PASSWORD}"}
    volumes: ["./page:/page:ro"]
    ports: ["127.0.0.1:%d:8080"]
    healthcheck: {test: [CMD, /program, check], interval: 1s, start_period: 20s}
  side:
    build: ./app
    environment: {FILE: /fixed}
    volumes: ["./fixed:/fixed:ro", "written:/data"]
    ports: ["127.0.0.1:%d:8080"]
  still: {image: @P/demo:1, command: [hold], volumes: ["./fixed:/fixed:ro"]}
volumes: {written: {}}
`, web, side),
	})
	d.image("demo:1")
	return d, web, side
}

func (d *demo) rollback(code int, flags ...string) result {
	d.t.Helper()
	got := d.mage(append([]string{"rollback", "-passes=1", "-timeout=40s"}, flags...)...)
	if got.code != code {
		d.t.Fatalf("rollback: want exit %d, got %s", code, got)
	}
	return got
}

// environment is a variable of the container of a service.
func (d *demo) environment(service, key string) string {
	d.t.Helper()
	for line := range strings.Lines(d.docker("inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", d.project+"-"+service+"-1")) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name == key {
			return value
		}
	}
	return ""
}

func (d *demo) answersTo(port int, want string) {
	d.t.Helper()
	if got := d.ask(port); got != want {
		d.t.Errorf("it answers %q, want %q", got, want)
	}
}

func TestARollbackBringsImagesFilesAndSettingsBackWithTodaysSecretsAndWithoutTheCheckout(t *testing.T) {
	d, web, _ := releases(t)
	d.deploy(0)
	d.answersTo(web, "v1  page one")
	d.settled()
	first := d.ids()

	d.version("v2")
	d.write("page", "page two")
	d.write(".env", "GREETING=two\nAPI_PASSWORD=correct-horse-battery\n")
	d.deploy(0)
	d.answersTo(web, "v2  page two")
	d.settled()
	second := d.ids()
	if got := d.replaced(first); !slices.Equal(got, []string{"side", "web"}) {
		t.Errorf("the second release replaced %v", got)
	}

	// What nobody may need: images that no container has, build contexts, files of the checkout. And a new password.
	d.docker("image", "prune", "-af", "--filter", "label=com.docker.compose.project="+d.project) // of this test alone
	for _, name := range []string{"app", "page", "fixed"} {
		if err := os.RemoveAll(filepath.Join(d.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	d.write(".env", "GREETING=two\nAPI_PASSWORD=another-horse-battery\n")

	planned := d.mage("rollback", "-plan")
	for _, line := range []string{"image web changed", "file page changed", "run   rollout.web"} {
		if !strings.Contains(planned.stdout+planned.stderr, line) {
			t.Errorf("the plan of the rollback does not say %q: %s", line, planned)
		}
	}
	if got := d.replaced(second); len(got) > 0 || planned.code != 0 {
		t.Errorf("a plan replaced %v: %s", got, planned)
	}
	d.rollback(0)
	d.answersTo(web, "v1  page one")
	if got := d.environment("web", "GREETING") + " " + d.environment("web", "API_PASSWORD"); got != "one another-horse-battery" {
		t.Errorf("the setting of then and the secret of today: %q", got)
	}
	if got := d.replaced(second); !slices.Equal(got, []string{"side", "web"}) {
		t.Errorf("the rollback replaced %v", got)
	}
	d.settled()
	if got := d.rollback(0, "-plan"); !strings.Contains(got.stderr, "file page changed") {
		t.Errorf("after a rollback, the way back is not the release that was left: %s", got)
	}
	if got := d.mage("status"); !strings.Contains(got.stdout, ", verified, back to 000001-") {
		t.Errorf("the status does not tell which release is applied: %s", got)
	}
	if got := d.mage("history"); strings.Count(got.stdout, "  release ") != 3 {
		t.Errorf("the history does not tell three releases: %s", got)
	}

	// By hand, without Mage.
	cmd := d.command([]string{"STATE_DIR=" + d.state, "COMPOSE_ENV_FILES=" + filepath.Join(d.dir, ".env")}, "bash", filepath.Join(d.state, "scripts/rollback.sh"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rollback.sh: %v\n%s", err, out)
	}
	d.answersTo(web, "v2  page two")
	d.settled()
}

// migrating is a stack with a job that migrates.
func migrating(t *testing.T) (d *demo, web int) {
	t.Helper()
	web = freePort(t)
	d = newDemo(t, map[string]string{
		"migrations/1.sql": "one",
		"compose.yaml": fmt.Sprintf(`
services:
  web: {build: ./app, volumes: ["data:/data"], ports: ["127.0.0.1:%d:8080"]}
  migrate: {build: ./app, command: [job], profiles: [jobs], environment: {LOG: /data/log}, volumes: ["data:/data"], labels: {slipway.job: migrate}}
volumes: {data: {}}
`, web),
	})
	d.stack.Destinations[0].Database = slipway.Database{Kind: "sqlite", Volume: "data", Job: "migrate", Migrations: "migrations/*.sql", Writers: []string{"web"}}
	return d, web
}

func TestAcrossAMigrationNothingGoesBackUnlessTheReleaseCanLiveWithTheData(t *testing.T) {
	d, web := migrating(t)
	d.deploy(0)
	d.version("v2")
	d.write("migrations/2.sql", "two")
	d.deploy(0)
	before := d.all()
	got := d.rollback(3)
	for _, word := range []string{"does not know the data", "-migrations=keep", "restore -backup=", "mage deploy"} {
		if !strings.Contains(got.stderr, word) {
			t.Errorf("the refusal does not say %q: %s", word, got)
		}
	}
	if after := d.all(); after != before {
		t.Errorf("refused, and yet touched:\n%s\n%s", after, before)
	}
	d.rollback(0, "-migrations=keep")
	d.answersTo(web, "v1  ")

	// A deployment that migrated and then failed stays where it is, and says why.
	d.write("migrations/3.sql", "three")
	compose := d.read("compose.yaml")
	d.write("compose.yaml", strings.Replace(compose, "web: {build: ./app,", "web: {build: ./app, environment: {FILE: /nowhere, PORT: '1'}, healthcheck: {test: [CMD, /program, no-such-verb], interval: 1s, retries: 2},", 1))
	failed := d.deploy(4, "-timeout=15s")
	if !strings.Contains(failed.stderr, "was not brought back to release") || !strings.Contains(failed.stderr, "the data has other migrations") {
		t.Errorf("the failure does not say why nothing was brought back: %s", failed)
	}
}

func TestAReleaseThatIsHealthyAndNotWellFromOutsideGoesBack(t *testing.T) {
	d, web, _ := releases(t)
	d.stack.Destinations[0].Endpoints = []slipway.Endpoint{{URL: fmt.Sprintf("http://127.0.0.1:%d/", web), Ready: "page"}}
	d.deploy(0)
	d.version("v2")
	d.write("page", "nothing that verify looks for")
	got := d.deploy(4)
	if !strings.Contains(got.stderr, "serves again, verified") {
		t.Errorf("nothing went back: %s", got)
	}
	d.answersTo(web, "v1  page one")
	if got := d.mage("history"); !strings.Contains(got.stdout, "returned to 000001-") {
		t.Errorf("the history does not tell of the return: %s", got)
	}
	plan := d.mage("plan", "-exit")
	if plan.code != 12 {
		t.Errorf("the checkout differs from what serves, and the plan ends with %d: %s", plan.code, plan)
	}
}

func TestReleasesInARowLeaveFiveAndTheirImages(t *testing.T) { releasesInARow(t, 7) }

// releasesInARow makes so many releases with another image and another page each, of which one service has neither.
func releasesInARow(t *testing.T, many int) {
	d, web, _ := releases(t)
	still := ""
	for n := range many {
		d.write("page", fmt.Sprintf("page %d", n))
		d.write("app/Dockerfile", fmt.Sprintf("FROM scratch\nCOPY program /program\nENV RELEASE=%d\nENTRYPOINT [\"/program\"]\n", n))
		d.deploy(0)
		if now := d.ids()["still"]; n > 0 && now != still {
			t.Errorf("release %d made a service anew that has not changed", n)
		}
		still = d.ids()["still"]
	}
	d.answersTo(web, fmt.Sprintf("v1  page %d", many-1))
	kept, err := filepath.Glob(filepath.Join(d.state, "releases/0*"))
	if err != nil || len(kept) > 6 { // five, and the one that was not verified yet when the others were counted
		t.Errorf("%d releases are kept, %v", len(kept), err)
	}
	tags := strings.Fields(d.docker("image", "ls", "-q", "--filter", "reference=slipway/"+d.project+"-web"))
	if len(tags) != len(kept) {
		t.Errorf("%d images of web are kept for %d releases", len(tags), len(kept))
	}
	copies, err := filepath.Glob(filepath.Join(d.state, "files/*"))
	if err != nil || len(copies) != len(kept)+1 {
		t.Errorf("%d copies of files are kept for %d releases, %v", len(copies), len(kept), err)
	}
	size, _, _ := strings.Cut(output(t, d.state, "du", "-sh", "."), "\t")
	t.Logf("after %d releases: %d releases, %d images of web, %d copies of files, a state directory of %s", many, len(kept), len(tags), len(copies), size)
}

func TestARollbackIsRefusedByNameWhereSomethingOfTheReleaseIsGone(t *testing.T) {
	d, _, _ := releases(t)
	if got := d.rollback(3); !strings.Contains(got.stderr, "no verified release") {
		t.Errorf("without a release: %s", got)
	}
	d.deploy(0)
	image := strings.TrimSpace(d.docker("image", "inspect", "--format", "{{.Id}}", d.project+"-web"))
	d.version("v2")
	d.deploy(0)
	for id := range strings.FieldsSeq(d.docker("ps", "-aq", "--filter", "label=slipway.keeps="+d.project, "--filter", "label=slipway.keeps.image="+image)) {
		d.docker("rm", id)
	}
	d.docker("rmi", "-f", image)
	before := d.all()
	got := d.rollback(3)
	for _, word := range []string{d.project + "-web", image, "history"} {
		if !strings.Contains(got.stderr, word) {
			t.Errorf("the refusal does not say %q: %s", word, got)
		}
	}
	if after := d.all(); after != before {
		t.Errorf("refused, and yet touched:\n%s\n%s", after, before)
	}
}

func TestAFailedDeploymentGoesBackToTheReleaseThatServed(t *testing.T) {
	d, web, side := releases(t)
	d.deploy(0)
	// side, which comes first, is replaced and well; web never will be.
	d.version("v2")
	compose := d.read("compose.yaml")
	d.write("compose.yaml", strings.Replace(compose, "[CMD, /program, check]", "[CMD, /program, no-such-verb]", 1)+"  \n")
	d.write("fixed", "changed")
	got := d.deploy(4, "-timeout=15s")
	first, _, _ := strings.Cut(strings.TrimSpace(got.stderr[strings.Index(got.stderr, "Error:"):]), "\n")
	if !strings.Contains(first, "serves again, verified") {
		t.Errorf("the first line does not say what serves: %q in %s", first, got)
	}
	d.answersTo(web, "v1  page one")
	d.answersTo(side, "v1  fixed")
	d.settled()

	// As wanted: what failed stays as it is.
	if got := d.deploy(4, "-timeout=15s", "-noreturn"); !strings.Contains(got.stderr, "-noreturn") {
		t.Errorf("with -noreturn: %s", got)
	}
	d.write("compose.yaml", compose)
	d.deploy(0)
	d.answersTo(side, "v2  changed")
}

func (d *demo) read(name string) string {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// killedRollbacks kills a rollback when it has begun its n-th act, for each n, until one ends before that.
func killedRollbacks(t *testing.T, from, step, most int) {
	d, web, side := releases(t)
	d.deploy(0)
	d.version("v2")
	d.write("page", "page two")
	d.deploy(0)
	for n := from; n < from+step*most; n += step {
		ended := d.killedAfter(n, 0, "rollback", "-passes=1", "-timeout=40s")
		if got := d.mage("status"); got.code != 0 {
			t.Errorf("after act %d: %s", n, got)
		}
		if n%2 == 0 { // the way on, or the way back
			d.rollback(0, "-wait=1m")
			d.answersTo(web, "v1  page one")
			d.answersTo(side, "v1  fixed")
			d.settled()
		}
		d.deploy(0, "-wait=1m")
		d.answersTo(web, "v2  page two")
		d.answersTo(side, "v2  fixed")
		d.settled()
		if ended {
			t.Logf("a rollback has less than %d acts", n)
			return
		}
	}
}

// killedReturns kills a deployment that fails and goes back when it has begun its n-th act, for each n, until one ends before that.
func killedReturns(t *testing.T, from, step, most int) {
	d, web, side := releases(t)
	d.deploy(0)
	good := d.read("compose.yaml")
	for n := from; n < from+step*most; n += step {
		served, err := os.Readlink(filepath.Join(d.state, "releases/current"))
		if err != nil {
			t.Fatal(err)
		}
		d.version("v2")
		d.write("fixed", fmt.Sprintf("changed %d", n))
		d.write("compose.yaml", strings.Replace(good, "[CMD, /program, check]", "[CMD, /program, no-such-verb]", 1))
		ended := d.killedAfter(n, 4, "deploy", "-skip=prerequisites", "-passes=1", "-timeout=5s")
		if got := d.mage("status"); got.code != 0 {
			t.Errorf("after act %d: %s", n, got)
		}
		if n%2 == 0 {
			d.rollback(0, "-release="+filepath.Base(served), "-wait=1m")
			d.answersTo(web, "v1  page one")
			d.answersTo(side, "v1  fixed")
			d.settled()
		}
		d.version("v1")
		d.write("fixed", "fixed")
		d.write("compose.yaml", good)
		d.deploy(0, "-wait=1m")
		d.answersTo(web, "v1  page one")
		d.answersTo(side, "v1  fixed")
		d.settled()
		if ended {
			t.Logf("a deployment that fails and goes back has less than %d acts", n)
			return
		}
	}
}

// newest is the last file of a pattern in the state directory.
func (d *demo) newest(pattern string) string {
	d.t.Helper()
	found, err := filepath.Glob(filepath.Join(d.state, pattern))
	if err != nil || len(found) == 0 {
		d.t.Fatalf("nothing is %s in the state, %v", pattern, err)
	}
	return found[len(found)-1]
}

// killedAfter starts a target and kills it when its journal says that it has begun its n-th script; true where it ended before,
// with that code.
func (d *demo) killedAfter(n, code int, args ...string) (ended bool) {
	d.t.Helper()
	before := d.newest("runs/*.jsonl")
	run := d.start(args...)
	over := make(chan result, 1)
	go func() { over <- run.wait() }()
	for {
		select {
		case got := <-over:
			if got.code != code {
				d.t.Fatalf("the run that was to be killed: %s", got)
			}
			return true
		case <-time.After(5 * time.Millisecond):
		}
		journal := d.newest("runs/*.jsonl")
		data, err := os.ReadFile(journal)
		if err == nil && journal != before && strings.Count(string(data), `"script":`) >= n {
			_ = run.cmd.Process.Kill()
			<-over
			return false
		}
	}
}

func TestARollbackThatIsKilledIsFollowedByTheWayOnOrTheWayBack(t *testing.T) {
	killedRollbacks(t, 2, 3, 2)
}
