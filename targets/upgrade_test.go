//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// upgradable is a stack of PostgreSQL and a service that depends on it, with its data in a volume of this key, mounted at target.
func (d *demo) upgradable(image, volume, target string) {
	d.t.Helper()
	d.write("compose.yaml", `
services:
  db: {image: @P/`+image+`, environment: {POSTGRES_PASSWORD: x, POSTGRES_USER: shop, POSTGRES_INITDB_ARGS: --no-sync}, command: [postgres, -c, fsync=off], volumes: ["`+volume+`:`+target+`"], healthcheck: {test: [CMD-SHELL, "pg_isready -h 127.0.0.1"], interval: 1s}}
  web: {image: @P/demo:1, depends_on: [db]}
volumes: {`+volume+`: }
`)
}

func (d *demo) psql(database, sql string) string {
	d.t.Helper()
	return strings.TrimSpace(d.docker("exec", d.project+"-db-1", "psql", "-U", "shop", "-d", database, "-v", "ON_ERROR_STOP=1", "-Atc", sql))
}

const sumOfAll = "SELECT count(*), sum(hashtext(t::text)) FROM readings t"

func TestAPostgreSQLIsUpgradedIntoANewVolumeAndTheOldOneStays(t *testing.T) { upgraded(t, 50_000) }

// upgraded takes a server with so many rows from 15 over 17 to 18, and goes back.
func upgraded(t *testing.T, rows int) {
	d := newDemo(t, nil)
	d.databases("postgres:15", "postgres:17", "postgres:18")
	d.image("demo:1")
	d.upgradable("postgres:15", "data", postgresData)
	d.deploy(0, patient)
	for _, sql := range []string{
		"CREATE ROLE report LOGIN PASSWORD 'secret'", "CREATE DATABASE second OWNER report", "ALTER SYSTEM SET work_mem = '7MB'",
		fmt.Sprintf("CREATE TABLE readings AS SELECT id, md5(id::text) AS value FROM generate_series(1, %d) id", rows), "GRANT SELECT ON readings TO report",
	} {
		d.psql("shop", sql)
	}
	d.psql("shop", "CREATE MATERIALIZED VIEW latest AS SELECT * FROM readings WITH NO DATA")
	d.psql("second", `CREATE TABLE "Odd Name" AS SELECT 1 AS one`)
	before := d.psql("shop", sumOfAll)
	web := d.ids()["web"]

	holds := func(server string) {
		t.Helper()
		if got := d.psql("shop", "SHOW server_version"); !strings.HasPrefix(got, server) {
			t.Fatalf("the server is %s, want %s", got, server)
		}
		if got := d.psql("shop", sumOfAll); got != before {
			t.Errorf("with %s the rows are %s, want %s", server, got, before)
		}
		if got := d.psql("second", `SELECT one FROM "Odd Name"`) + d.psql("shop", "SHOW work_mem"); got != "17MB" {
			t.Errorf("with %s, the second database and the setting are %q", server, got)
		}
		if got := d.docker("exec", "-e", "PGPASSWORD=secret", d.project+"-db-1", "psql", "-h", "127.0.0.1", "-U", "report", "-d", "shop", "-Atc", "SELECT count(*) FROM readings"); got != fmt.Sprintln(rows) {
			t.Errorf("with %s, the role reads %q", server, got)
		}
		if d.ids()["web"] != web {
			t.Error("what depends on it was replaced")
		}
	}

	d.upgradable("postgres:17", "data", postgresData)
	d.refused("give the service a new volume, under another name, and run:", "upgrade db")
	if got := d.mage("upgrade", "db"); got.code != 3 || !strings.Contains(got.stderr, "give it a new volume, under another name") {
		t.Fatalf("into the old volume: %s", got)
	}
	d.upgradable("postgres:17", "data17", postgresData)
	d.refused("the data of container @P-db-1, in volume @P_data, is of PostgreSQL 15", "upgrade db")
	got := d.mage("upgrade", "db")
	if got.code != 0 || !strings.Contains(got.stderr, fmt.Sprintf("PostgreSQL 15 to 17: 2 tables with %d rows are alike", rows+1)) || !strings.Contains(got.stderr, "volume "+d.project+"_data, as it was") {
		t.Fatalf("upgrade: %s", got)
	}
	holds("17.")
	if got := d.mage("upgrade", "db"); got.code != 3 || !strings.Contains(got.stderr, "of that version already") {
		t.Errorf("once more: %s", got)
	}
	all := d.ids()
	if got := d.deploy(0, patient); len(d.replaced(all)) > 0 {
		t.Errorf("the deployment behind it replaces: %s", got)
	}
	d.settled()

	d.upgradable("postgres:18", "data18", "/var/lib/postgresql")
	if got := d.mage("upgrade", "db"); got.code != 0 {
		t.Fatalf("upgrade: %s", got)
	}
	holds("18.")

	d.upgradable("postgres:15", "data", postgresData) // the way back
	d.deploy(0, patient)
	holds("15.")
	d.settled()
}

// SIGKILL ends every process of an upgrade at one instant after the other: the old server has all of the data and nobody else writes to
// its volume; nothing half done can be deployed; what was before can; and another try brings all of it over.
func TestAnUpgradeThatIsKilledLosesNothingAndBeginsAnew(t *testing.T) {
	d := newDemo(t, nil)
	d.databases("postgres:15", "postgres:17")
	d.image("demo:1")
	was := func() { d.upgradable("postgres:15", "data", postgresData) }
	will := func() { d.upgradable("postgres:17", "data17", postgresData) }
	was()
	d.deploy(0, patient)
	d.psql("shop", "CREATE TABLE readings AS SELECT id, md5(id::text) AS value FROM generate_series(1, 300000) id")
	before := d.psql("shop", sumOfAll)
	will()
	volume := func(elem ...string) string { // the new one
		return filepath.Join(append([]string{"/var/lib/docker/volumes", d.project + "_data17", "_data"}, elem...)...)
	}
	if root := strings.TrimSpace(d.docker("info", "--format", "{{.DockerRootDir}}")); root != "/var/lib/docker" {
		t.Fatalf("the engine keeps its volumes in %s", root)
	}
	there := func(path string) func(time.Time) bool { // and not left by the try before
		return func(since time.Time) bool {
			info, err := os.Lstat(path)
			return err == nil && info.ModTime().After(since)
		}
	}
	const filling = ".slipway-upgrade"
	for _, at := range []struct {
		name  string
		holds func(since time.Time) bool
		then  func() // what the instant after it would have left
	}{
		{"the dump is being written", there(filepath.Join(d.state, "upgrades", "db.sql.partial")), nil},
		{"the new server is being made", there(volume(filling)), nil},
		{"the dump is being restored", there(volume(filling, "postmaster.pid")), nil},
		{"the rows are being compared", there(volume(filling, "slipway.upgrade")), nil},
		{"half of the new data is in its place", there(volume(filling, "slipway.upgrade")), func() {
			for _, name := range []string{"base", "global", "postgresql.conf"} {
				if err := os.Rename(volume(filling, name), volume(name)); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"the new data is in its place", there(volume("PG_VERSION")), nil},
	} {
		d.killedUpgrade(at.name, at.holds)
		if at.then != nil {
			at.then()
		}
		if got := d.psql("shop", sumOfAll); got != before {
			t.Fatalf("killed when %s, the old server has %s, want %s", at.name, got, before)
		}
		if writers := strings.Fields(d.docker("ps", "--filter", "volume="+d.project+"_data", "--format", "{{.Names}}")); !slices.Equal(writers, []string{d.project + "-db-1"}) {
			t.Fatalf("killed when %s, the old volume is that of %q", at.name, writers)
		}
		d.refused("service db: its upgrade was cut short, and volume @P_data17 may lack data", "upgrade db")
	}
	if got := d.mage("reset"); got.code != 3 || !strings.Contains(got.stderr, "an upgrade of db was cut short") {
		t.Errorf("a reset takes away what keeps deployments off the new volume: %s", got)
	}
	was()
	d.deploy(0, patient)
	if !strings.Contains(d.docker("ps", "--format", "{{.Names}}"), d.project+"-web-1") {
		t.Error("after a deployment of what was before, what depends on the database is not up")
	}
	d.psql("shop", "INSERT INTO readings VALUES (0, 'written since')")
	now := d.psql("shop", sumOfAll)
	will()
	if got := d.mage("upgrade", "db"); got.code != 0 {
		t.Fatalf("another try: %s", got)
	}
	if got := d.psql("shop", sumOfAll); got != now {
		t.Errorf("the new server has %s, want %s", got, now)
	}
	d.deploy(0, patient)
	d.settled()
}

// killedUpgrade kills every process of an upgrade at an instant.
func (d *demo) killedUpgrade(name string, holds func(since time.Time) bool) {
	d.t.Helper()
	dir, err := demoBinaries()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "mage"), "upgrade", "db")
	cmd.Dir, cmd.Env = d.dir, append(os.Environ(), d.env...)
	run := &started{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &run.stdout, &run.stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, 10*time.Minute, name, func() bool { return holds(began) || zombie(cmd.Process.Pid) })
	killTree(&site{t: d.t, state: d.state})
	if got := run.wait(); got.code != codeKilled {
		d.t.Fatalf("not killed when %s: %s", name, got)
	}
}
