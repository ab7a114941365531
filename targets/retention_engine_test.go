//go:build engine

package targets_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway"
)

// logged is a stack whose database is a file that a job appends to.
func logged(t *testing.T) *demo {
	t.Helper()
	d := newDemo(t, map[string]string{
		"compose.yaml": `
services:
  web:
    image: @P/demo:1
    environment: {FAIL: "${FAIL:-}"}
    volumes: [data:/data]
    stop_grace_period: 1s
  migrate:
    image: @P/demo:1
    profiles: [jobs]
    command: ["${VERB:-job}"]
    environment: {LOG: /data/log, FAIL: "${FAIL:-}"}
    volumes: [data:/data]
volumes: {data: {}}
`,
		"migrations/1.sql": "1\n",
	})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{
		Kind: "sqlite", Volume: "data", Job: "migrate", Migrations: "migrations/*.sql", Writers: []string{"web"},
	}
	return d
}

// backups are the ids of the backups, the oldest first.
func (d *demo) backups() []string {
	d.t.Helper()
	folders, err := filepath.Glob(filepath.Join(d.state, "backups", "*.dump"))
	if err != nil {
		d.t.Fatal(err)
	}
	for n, folder := range folders {
		folders[n] = strings.TrimSuffix(filepath.Base(folder), ".dump")
	}
	return folders
}

// says fails the test unless a target ends with the code and says each of the sentences.
func (d *demo) says(got result, code int, sentences ...string) result {
	d.t.Helper()
	if got.code != code {
		d.t.Fatalf("want exit %d, got %s", code, got)
	}
	for _, sentence := range sentences {
		if !strings.Contains(got.stdout+got.stderr, strings.ReplaceAll(sentence, "@P", d.project)) {
			d.t.Errorf("it does not say %q: %s", sentence, got)
		}
	}
	return got
}

const straight = "-skip=preflight,prerequisites,verify"

func TestCaseH1FailingDeploymentsAndRestoresKeepTheGoodBackup(t *testing.T) { failing(t, 4, 11) }

// failing makes deployments and restores that fail; more restores than backups are kept of one cause.
func failing(t *testing.T, deployments, restores int) {
	t.Helper()
	d := logged(t)
	env := d.env
	d.deploy(0)
	d.write("migrations/2.sql", "2\n")
	d.env = append(env, "FAIL=1")
	good := ""
	for n := range deployments {
		got := d.deploy(4, straight)
		made := d.backups()
		if len(made) != 1 {
			t.Fatalf("after %d failing deployments the backups are %v", n+1, made)
		}
		good = made[0]
		d.says(got, 4, "back to the data from before the migration", "restore -backup="+good)
		if n > 0 {
			d.says(got, 4, "skip  backup             "+good+" is from before the first attempt")
		}
	}
	d.env = append(env, "FAIL=restore")
	for range restores {
		d.says(d.mage("restore", "-backup="+good, "-yes"), 4, "the restore fails, as it was told", "running now: @P-web-1")
	}
	d.env = env
	for range 11 { // nights
		d.says(d.mage("backup"), 0)
	}
	d.says(d.mage("restore", "-check", "-backup="+good), 0, "ok    "+good, "before a migration")
	d.says(d.mage("restore", "-backup="+good, "-yes"), 0)
	if log := d.docker("run", "--rm", "-i", "-v", d.project+"_data:/data", d.project+"/demo:1", "backup"); log != "v1\n" {
		t.Errorf("after the restore the data is %q, want what was there before the first attempt", log)
	}
	// Done, and verified: what was made before the restores has served its purpose, and ten of it are left at the next backup.
	d.deploy(0)
	d.write("migrations/3.sql", "3\n")
	d.deploy(0)
	if made := d.backups(); len(made) != 3+10+10 || !slices.Contains(made, good) {
		t.Errorf("there are %d backups, want three from before migrations, ten from before restores and ten by hand: %v", len(made), made)
	}
}

func TestABackupIsCopiedElsewhereAndRestoredFromThere(t *testing.T) {
	d, elsewhere := logged(t), t.TempDir()
	d.deploy(0, straight)
	d.says(d.mage("backup", "-to="+elsewhere+"/none"), 3, "/none: there is no such folder")
	d.says(d.mage("backup", "-to="+elsewhere), 0, "ok    copy")
	made := d.backups()
	if len(made) != 1 {
		t.Fatalf("the backups are %v", made)
	}
	if err := os.RemoveAll(filepath.Join(d.state, "backups")); err != nil {
		t.Fatal(err)
	}
	output(t, d.dir, "cp", "-a", elsewhere, filepath.Join(d.state, "backups"))
	d.says(d.mage("restore", "-check"), 0, "ok    "+made[0])
	d.says(d.mage("restore", "-backup="+made[0], "-yes"), 0)
}

func TestEveryBackupIsCopiedByTheDeclaredCommandAndACopyThatFailsLosesNoBackup(t *testing.T) {
	d, elsewhere := logged(t), t.TempDir()
	d.write("copy.sh", "#!/bin/sh\n[ ! -e broken ] || { echo the far end is gone >&2; exit 9; }\ncp -a \"$1\" \"$2\"\n")
	d.stack.Destinations[0].Database.Copy = []string{"sh", "copy.sh", "${BACKUP}", elsewhere + "/$(touch shell) ${ID}.dump"}
	copies := func() int {
		found, err := filepath.Glob(filepath.Join(elsewhere, "$(touch shell) *.dump", "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	d.deploy(0, straight)
	d.says(d.mage("backup"), 0, "ok    copy", " by sh")
	d.write("migrations/2.sql", "2\n")
	d.deploy(0, straight)
	if made := d.backups(); len(made) != 2 || copies() != 2 {
		t.Fatalf("there are %v and %d copies", made, copies())
	}
	d.write("broken", "")
	d.says(d.mage("backup"), 4, " is whole, in ", "and was not copied elsewhere: sh: exit status 9", "| the far end is gone")
	d.write("migrations/3.sql", "3\n")
	d.says(d.deploy(0, straight), 0, "warn  copy", "and was not copied elsewhere")
	d.says(d.mage("restore", "-backup="+d.backups()[0], "-yes"), 0, "warn  copy")
	if made := d.backups(); len(made) != 5 || copies() != 2 {
		t.Errorf("there are %v and %d copies", made, copies())
	}
	d.says(d.mage("restore", "-check"), 0)
	if _, err := os.Stat(filepath.Join(d.dir, "shell")); err == nil {
		t.Error("an argument of the command reached a shell")
	}
}

func TestCaseH5RestoreAndDownAreRefusedWhileAMigrationOfAKilledRunStillRuns(t *testing.T) {
	d := logged(t)
	d.deploy(0, straight)
	d.says(d.mage("backup"), 0)
	made := d.backups()[0]
	run := exec.Command("docker", "compose", "run", "--detach", "--no-deps", "-T", "--name", d.project+"-migrate", "migrate", "hold")
	run.Dir, run.Env = d.dir, append(os.Environ(), "COMPOSE_PROJECT_NAME="+d.project)
	printed(t, run) // what a killed run leaves
	before := d.all()
	d.says(d.mage("restore", "-backup="+made, "-yes"), 3, "@P-migrate still runs", "docker wait @P-migrate")
	d.says(d.mage("down"), 3, "down: @P-migrate still runs; wait for its end: docker wait @P-migrate")
	if after := d.all(); after != before {
		t.Errorf("refused, and yet touched:\n%s\nbefore:\n%s", after, before)
	}
	d.docker("stop", d.project+"-migrate")
	d.says(d.mage("restore", "-backup="+made, "-yes"), 0)
	d.says(d.mage("down"), 0)
}
