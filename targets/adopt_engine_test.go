//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway"
)

// newcomer is a Compose project that is none of ours, in a folder of its own.
func newcomer(t *testing.T) *demo {
	t.Helper()
	d := newDemo(t, nil)
	d.dir = filepath.Join(d.dir, d.project)
	d.version("v1")
	d.write("app/Dockerfile", "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n")
	d.write("compose.yaml", fmt.Sprintf(`
services:
  web: {build: app, ports: ["127.0.0.1:%d:8080"], healthcheck: {test: [CMD, /program, check], interval: 1s}, environment: {NAME: "${NAME:-x}"}}
  worker: {build: app, command: [hold], init: true}
`, freePort(t)))
	return d
}

// run runs a program in the project's folder.
func (d *demo) run(name string, args ...string) string {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = d.dir, append(os.Environ(), append(d.env, "GOPROXY=off", "GOFLAGS=", "DESTINATION=")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// catalogue is a target and a step of the newcomer's own, in plain Go.
const catalogue = `//go:build mage

package main

import (
	"context"
	"os"

	"slipway"
	"slipway/checkpoints"
)

func init() { slipway.Use(slipway.Stack{Steps: []slipway.Step{{Before: "rollout", Step: catalogue}}}) }

var catalogue = checkpoints.Step{
	Name:   "catalogue",
	Inputs: func(context.Context) ([]checkpoints.Input, error) { return checkpoints.Glob(".", "pages/*.txt") },
	Run:    func(context.Context) (string, error) { return "made", os.WriteFile("catalogue.txt", nil, 0o600) },
}

// Catalogue makes it by itself.
func Catalogue(ctx context.Context) error { return slipway.Run(ctx, catalogue) }
`

// The three commands of the README, from a copy of nothing but the compose project, in a module of another name.
func TestANewcomerIsDeployedWithThreeCommands(t *testing.T) {
	d := newcomer(t)
	mage, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	d.run(mage, "init")
	if out := d.run("go", "tool", "mage", "deploy", "-skip=prerequisites", "-passes=1"); !strings.Contains(out, "2 containers, 1 address, once") {
		t.Errorf("not verified:\n%s", out)
	}
	if out := d.run("go", "tool", "mage", "plan"); strings.Contains(out, "run ") {
		t.Errorf("something is still to be done:\n%s", out)
	}
	d.settled()

	d.write("pages/1.txt", "one")
	d.write("own.go", catalogue)
	if out := d.run("go", "tool", "mage", "plan"); !strings.Contains(out, "run   catalogue          never run") {
		t.Errorf("the plan does not know the step:\n%s", out)
	}
	d.run("go", "tool", "mage", "catalogue")
	if _, err := os.Stat(filepath.Join(d.dir, "catalogue.txt")); err != nil {
		t.Error(err)
	}
	if out := d.run("go", "tool", "mage", "plan"); !strings.Contains(out, "skip  catalogue          unchanged") {
		t.Errorf("what the target did is not known to the deployment:\n%s", out)
	}
}

// The binary alone, in a folder with a compose file: without a magefile, a module or Go.
func TestTheBinaryDeploysAnyFolderWithAComposeFile(t *testing.T) {
	d := newcomer(t)
	slipway, err := static()
	if err != nil {
		t.Fatal(err)
	}
	if out := d.run(slipway, "deploy", "-skip=prerequisites", "-passes=1"); !strings.Contains(out, "slipway status") || strings.Contains(out, "mage status") {
		t.Errorf("what comes next is not spelled as the binary is called:\n%s", out)
	}
	before := d.ids()
	d.run(slipway, "deploy", "-skip=prerequisites", "-passes=1")
	if changed := d.replaced(before); len(before) != 2 || len(changed) > 0 {
		t.Errorf("of %v, %v were replaced by an unchanged deployment", before, changed)
	}
	d.settled()
	d.run(slipway, "down")
}

// What shop declares is in its compose file already; without migration files, a new program may migrate, and has a backup before it.
func TestADatabaseThatNobodyDeclaredIsMigratedBackedUpAndRestored(t *testing.T) {
	d := shop(t, "17")
	d.stack.Destinations[0].Database = slipway.Database{}
	text := read(t, filepath.Join(d.dir, "compose.yaml"))
	d.write("compose.yaml", strings.ReplaceAll(text, "image: "+d.project+"/demo:1", "build: app"))
	d.deploy(0, straight)
	d.sql("shop", "CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)")

	d.version("v2")
	got := d.deploy(0, straight)
	made, err := filepath.Glob(filepath.Join(d.state, "backups", "*.dump"))
	if err != nil || len(made) != 1 || !strings.Contains(got.stderr, "applied by migrate") {
		t.Fatalf("backups %q, %v, %s", made, err, got)
	}
	d.sql("shop", "DROP TABLE orders")
	d.says(d.mage("restore", "-backup="+strings.TrimSuffix(filepath.Base(made[0]), ".dump"), "-yes"), 0)
	if rows := d.sql("shop", "SELECT count(*) FROM orders"); rows != "1" {
		t.Errorf("%s rows came back", rows)
	}
}
