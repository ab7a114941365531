//go:build engine

package targets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway"
)

var postgresImages = serverImages("postgres", "postgres-13", "postgres-17", "postgres-18")

// shop is a stack with a PostgreSQL of that major, a service that writes to it and a migration.
func shop(t *testing.T, major string) *demo {
	t.Helper()
	postgresImages(t)
	d := newDemo(t, map[string]string{
		"compose.yaml": `
services:
  db:
    image: slipway-test/postgres:` + major + `
    command: [postgres, -c, fsync=off] # the test ends programs, not the machine
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: "${DB_PASSWORD:-not-a-secret-7}", POSTGRES_INITDB_ARGS: --no-sync, PGDATA: /pg/data}
    volumes: [db:/pg]
    stop_signal: SIGINT
    healthcheck: {test: [CMD-SHELL, pg_isready -h 127.0.0.1 -U shop], interval: 1s, timeout: 10s, start_period: 120s}
  web:
    image: @P/demo:1
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
  migrate:
    image: @P/demo:1
    profiles: [jobs]
    command: [job]
    environment: {FAIL: "${FAIL:-}"}
    depends_on: {db: {condition: service_healthy}}
volumes: {db: {}}
`,
		"migrations/1.sql": "1\n",
	})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{
		Kind: "postgres", Service: "db", Volume: "db", Job: "migrate", Migrations: "migrations/*.sql", Writers: []string{"web"},
	}
	return d
}

// sql is what a database of the shop answers.
func (d *demo) sql(database, query string) string {
	d.t.Helper()
	return strings.TrimSpace(d.docker("exec", d.project+"-db-1",
		"psql", "--no-psqlrc", "--username=shop", "--dbname="+database, "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command="+query))
}

// furnish makes what a backup has to hold: roles, two databases, and what is in them.
func (d *demo) furnish() {
	d.t.Helper()
	d.sql("shop", "CREATE DATABASE \"price list\"")
	d.sql("shop", `CREATE ROLE report LOGIN PASSWORD 'canaryROLEpassword'; CREATE ROLE "odd Role"; GRANT report TO "odd Role";
		CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 5000) n;
		CREATE TABLE returned (why text) INHERITS (orders); INSERT INTO returned VALUES (9001, 'a note', 'too late');
		CREATE TABLE parts (at int) PARTITION BY RANGE (at); CREATE TABLE early PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT INTO parts VALUES (3);
		CREATE SCHEMA archive; CREATE TABLE archive."old orders" (id int, "it's" text); GRANT SELECT ON orders TO report;
		CREATE VIEW open_orders AS SELECT * FROM orders; CREATE SEQUENCE tickets; SELECT nextval('tickets'), nextval('tickets');
		SELECT lo_from_bytea(4711, 'a large object');
		ALTER DATABASE shop SET search_path = public, archive; ALTER ROLE report IN DATABASE shop SET statement_timeout = '7s';
		REVOKE CONNECT ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO report`)
	d.sql("price list", `CREATE TABLE prices (article text, cents int); ALTER TABLE prices OWNER TO report; INSERT INTO prices VALUES ('fish', 700), ('ice', 90)`)
}

// furnished is all of that in words, to compare it.
func (d *demo) furnished() string {
	d.t.Helper()
	return strings.Join([]string{
		d.sql("shop", `SELECT count(*), md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o`),
		d.sql("shop", `SELECT string_agg(format('%I.%I %s', nspname, relname, pg_get_userbyid(relowner)), ', ' ORDER BY nspname, relname)
			FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'archive')`),
		d.sql("shop", `SELECT last_value FROM tickets`),
		d.sql("shop", `SELECT string_agg(convert_from(lo_get(oid), 'UTF8'), ',') FROM pg_largeobject_metadata`),
		d.sql("shop", `SELECT has_table_privilege('report', 'orders', 'SELECT'), has_database_privilege('report', 'shop', 'CONNECT'), has_database_privilege('odd Role', 'shop', 'CREATE')`),
		d.sql("shop", `SELECT string_agg(setrole::regrole || ' ' || setconfig::text, ', ' ORDER BY setrole::regrole::text) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase WHERE datname !~ '^slipway[.]'`),
		d.sql("price list", `SELECT string_agg(p::text, ',' ORDER BY article) FROM prices p`),
		d.sql("shop", `SELECT string_agg(datname || ' ' || pg_get_userbyid(datdba) || ' ' || datcollate, ', ' ORDER BY datname) FROM pg_database`),
		d.sql("shop", `SELECT string_agg(rolname || rolcanlogin, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'`),
		d.sql("shop", `SELECT string_agg(roleid::regrole || ' to ' || member::regrole, ', ') FROM pg_auth_members WHERE pg_get_userbyid(roleid) !~ '^pg_'`),
	}, "\n")
}

// emptied takes the stack and its data away and deploys it again: a new server, with the state directory of the old one.
func (d *demo) emptied() {
	d.t.Helper()
	d.says(d.mage("down"), 0)
	d.docker("volume", "rm", d.project+"_db")
	d.deploy(0, straight)
}

func TestCasesH2AndH3TheOldestAndTheNewestMajorAreBackedUpAndRestoredOnANewServer(t *testing.T) {
	restoredAnew(t, "13", "18")
}

// restoredAnew backs servers up and restores them, with roles and two databases.
func restoredAnew(t *testing.T, majors ...string) {
	for _, major := range majors {
		t.Run(major, func(t *testing.T) {
			d := shop(t, major)
			d.deploy(0, straight)
			d.furnish()
			want := d.furnished()
			got := d.says(d.mage("backup"), 0, "postgres "+major+".", "price list, shop; 5004 rows in 5 tables; without the passwords of the roles, the configuration of the server")
			id, _, _ := strings.Cut(got.stdout, " ")
			d.holdsNoPassword(id)

			// The same server: what came later is gone, and what may be done by a role that is there is not what it was once.
			d.sql("shop", `DROP TABLE archive."old orders"; DELETE FROM orders; CREATE TABLE later (id int); SELECT lo_from_bytea(4712, 'later');
				ALTER ROLE report NOLOGIN`)
			d.sql("price list", `DROP TABLE prices`)
			d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
			d.sql("shop", `ALTER ROLE report LOGIN`) // which the restore has left as it was
			if now := d.furnished(); now != want {
				t.Errorf("restored:\n%s\nwant:\n%s", now, want)
			}
			d.deploy(0, straight)

			d.emptied()
			d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
			if now := d.furnished(); now != want {
				t.Errorf("restored on a new server:\n%s\nwant:\n%s", now, want)
			}
			if left := d.sql("shop", `SELECT count(*) FROM pg_database WHERE datname ~ 'slipway'`); left != "0" {
				t.Errorf("%s databases of the restore are left", left)
			}
			d.says(d.mage("restore", "-check"), 0, "ok    "+id)
		})
	}
}

// holdsNoPassword fails the test if the backup shows a password or its hash.
func (d *demo) holdsNoPassword(id string) {
	d.t.Helper()
	for _, name := range []string{"roles.sql", "manifest.json"} {
		data, err := os.ReadFile(filepath.Join(d.state, "backups", id+".dump", name))
		if err != nil {
			d.t.Fatal(err)
		}
		if text := string(data); strings.Contains(text, "canary") || strings.Contains(text, "SCRAM-SHA") || strings.Contains(text, "PASSWORD") {
			d.t.Errorf("%s shows a password", name)
		}
	}
}

func TestCasesH6AndH7WhatDoesNotFitOrIsBrokenIsRefusedBeforeAnythingStops(t *testing.T) {
	d := shop(t, "17")
	d.deploy(0, straight)
	d.furnish()
	d.says(d.mage("backup"), 0)
	good := d.backups()[0]
	restore := []string{"restore", "-backup=" + good, "-yes"}
	folder := filepath.Join(d.state, "backups", good+".dump")
	d.sql("shop", "DELETE FROM orders WHERE id > 10")
	want := d.furnished()
	for _, c := range []struct{ name, file, old, with, sentence, hint string }{
		{"another project", "manifest.json", `"project": "` + d.project, `"project": "blog`, "is a backup of the project blog, and this is @P", " -foreign"},
		{"a newer server", "manifest.json", `"server": "17`, `"server": "42`, "it is a backup of PostgreSQL 42", " -foreign"},
		{"another kind", "manifest.json", `"kind": "postgres`, `"kind": "sqlite`, "is a backup of sqlite, and the database is postgres", ""},
		{"another byte", "0001.dump", "PGDMP", "PGDMQ", good + " is broken: 0001.dump is not what was written", "restore -check"},
		{"roles that were changed", "roles.sql", "report", "rePort", "roles.sql is not what was written", "restore -check"},
		{"half a manifest", "manifest.json", `"files"`, "\n", "its manifest cannot be read", "restore -check"},
	} {
		path := filepath.Join(folder, c.file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		harmed := strings.Replace(string(whole), c.old, c.with, 1)
		if harmed == string(whole) {
			t.Fatalf("%s: %s does not hold %q", c.name, c.file, c.old)
		}
		d.write("harmed", harmed)
		if err := os.Rename(filepath.Join(d.dir, "harmed"), path); err != nil {
			t.Fatal(err)
		}
		before := d.all()
		got := d.says(d.mage(restore...), 3, c.sentence, c.hint)
		if after, now := d.all(), d.furnished(); after != before || now != want || len(d.backups()) != 1 {
			t.Errorf("%s: refused, and yet touched:\n%s\nbefore:\n%s\n%s", c.name, after, before, got)
		}
		if broken := c.hint == "restore -check"; broken {
			d.says(d.mage("restore", "-check"), 4, "FAIL  "+good, "1 backup broken")
		} else if c.hint != "" {
			d.says(d.mage(append(restore, "-foreign")...), 0)
			if rows := d.sql("shop", "SELECT count(*) FROM orders"); rows != "5001" {
				t.Errorf("%s, insisted: %s rows", c.name, rows)
			}
			d.sql("shop", "DELETE FROM orders WHERE id > 10")
			for _, id := range d.backups()[1:] { // of before the restore
				if err := os.RemoveAll(filepath.Join(d.state, "backups", id+".dump")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.says(d.mage("restore", "-check"), 0, "ok    "+good)
	d.says(d.mage(restore...), 0)
}
