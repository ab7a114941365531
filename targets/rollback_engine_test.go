//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
