//go:build engine

package targets_test

import (
	"fmt"
	"strings"
	"testing"
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
