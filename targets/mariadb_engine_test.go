//go:build engine

package targets_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway"
)

var mariadbImages = serverImages("mariadb-tools-10.11", "mariadb-tools-11.8")

// mariaShop is a stack with a MariaDB of that series, whose root has a password, and a service that writes to it.
func mariaShop(t *testing.T, series string) *demo {
	t.Helper()
	mariadbImages(t)
	d := newDemo(t, map[string]string{
		"compose.yaml": `
services:
  db:
    image: slipway-test/mariadb:` + series + `-tools
    command: [mariadbd, --init-file=/init.sql, --event-scheduler=ON, --innodb-flush-log-at-trx-commit=0, --innodb-doublewrite=0, --innodb-flush-method=nosync]
    environment: {MARIADB_ROOT_PASSWORD: not-a-secret-7, MARIADB_DATABASE: shop}
    volumes: ["db:/var/lib/mysql", "./init.sql:/init.sql:ro"]
    healthcheck: {test: [CMD-SHELL, "MYSQL_PWD=$$MARIADB_ROOT_PASSWORD mariadb -e 'SELECT 1' shop"], interval: 1s, timeout: 10s, start_period: 120s}
  web:
    image: @P/demo:1
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
volumes: {db: {}}
`,
		"init.sql": "CREATE DATABASE IF NOT EXISTS shop;\nALTER USER root@localhost IDENTIFIED BY 'not-a-secret-7';\n",
	})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Kind: "mariadb", Service: "db", Volume: "db", Writers: []string{"web"}}
	return d
}

// maria is what the MariaDB of the shop answers.
func (d *demo) maria(query string) string {
	d.t.Helper()
	return strings.TrimSpace(d.docker("exec", "--env=MYSQL_PWD=not-a-secret-7", d.project+"-db-1",
		"mariadb", "--default-character-set=utf8mb4", "--batch", "--raw", "--skip-column-names", "--execute="+query))
}

// furnishMaria makes what a backup of a MariaDB has to hold.
func (d *demo) furnishMaria() {
	d.t.Helper()
	d.maria("CREATE DATABASE `price list` CHARACTER SET latin1; CREATE DATABASE empty;" +
		"CREATE USER report@'%' IDENTIFIED BY 'canaryUSERpassword'; CREATE ROLE auditor; GRANT SELECT ON `price list`.* TO auditor; GRANT auditor TO report; GRANT SELECT ON shop.* TO report;" +
		"USE `price list`; CREATE TABLE prices (article varchar(20), cents int) ENGINE=MyISAM; INSERT INTO prices VALUES ('fish', 700), ('ice', 90);" +
		"USE shop; CREATE TABLE orders (id int PRIMARY KEY, note text, raw blob, twice int AS (id * 2)) ENGINE=InnoDB;" +
		"INSERT INTO orders (id, note, raw) SELECT seq, CONCAT('note (', seq, ') it''s \\\\ \"; \\n INSERT INTO `orders` VALUES (1)'), UNHEX(MD5(seq)) FROM seq_1_to_5000;" +
		"CREATE TABLE `it's ``odd``` (id int PRIMARY KEY, of int, FOREIGN KEY (of) REFERENCES orders (id)); INSERT INTO `it's ``odd``` VALUES (1, 4711), (2, NULL);" +
		"CREATE TABLE nothing (id int); CREATE SEQUENCE tickets START WITH 70 NOCACHE; SELECT NEXTVAL(tickets);" +
		"CREATE VIEW open_orders AS SELECT id, note FROM orders WHERE id > 10;" +
		"CREATE TRIGGER loud BEFORE UPDATE ON orders FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '!');" +
		"CREATE PROCEDURE close_all() DELETE FROM orders; CREATE FUNCTION one() RETURNS int RETURN 1;" +
		"CREATE EVENT hourly ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01 00:00:00' DO DELETE FROM orders")
}

// furnishedMaria is all of that in words, to compare it.
func (d *demo) furnishedMaria() string {
	d.t.Helper()
	return d.maria("SELECT count(*), SUM(CRC32(CONCAT_WS('|', id, note, HEX(raw), twice))), SUM(LENGTH(note)) FROM shop.orders;" +
		"SELECT * FROM shop.`it's ``odd``` ORDER BY id; SELECT * FROM `price list`.prices ORDER BY article; SELECT next_not_cached_value FROM shop.tickets;" +
		"SELECT schema_name, default_character_set_name FROM information_schema.schemata ORDER BY 1;" +
		"SELECT table_schema, table_name, table_type, engine FROM information_schema.tables WHERE table_schema IN ('shop', 'price list', 'empty') ORDER BY 1, 2;" +
		"SELECT view_definition, definer FROM information_schema.views WHERE table_schema = 'shop';" +
		"SELECT trigger_name, event_object_table, action_statement FROM information_schema.triggers WHERE trigger_schema = 'shop';" +
		"SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema = 'shop' ORDER BY 1;" +
		"SELECT event_name, event_definition, status FROM information_schema.events;" +
		"SELECT user, host, is_role FROM mysql.user WHERE user IN ('report', 'auditor') ORDER BY 1;" +
		"SELECT grantee, table_schema, privilege_type FROM information_schema.schema_privileges WHERE grantee REGEXP 'report|auditor' ORDER BY 1, 2; SELECT user, role FROM mysql.roles_mapping WHERE user = 'report'")
}

func TestAMariaDBIsRestoredOnANewServerWithUsersAndTwoDatabasesAndAllOfItOrNothing(t *testing.T) {
	mariadbIsRestored(t, "11.8", 0)
}

// mariadbIsRestored backs a MariaDB of a series up and restores it, and kills a backup and a restore at some instants.
func mariadbIsRestored(t *testing.T, series string, instants int) {
	t.Helper()
	d := mariaShop(t, series)
	d.deploy(0, straight)
	d.furnishMaria()
	want := d.furnishedMaria()
	got := d.says(d.mage("backup"), 0, "mariadb "+series+".", "empty, price list, shop; 5004 rows in 4 tables; without the passwords of the users, the configuration of the server, one moment of the tables that are not InnoDB's")
	id, _, _ := strings.Cut(got.stdout, " ")
	d.holdsNoCanary(id)

	d.maria("USE shop; DROP TABLE `it's ``odd```; DROP VIEW open_orders; DELETE FROM orders; DROP EVENT hourly; CREATE TABLE later (id int); DROP DATABASE empty; DROP DATABASE `price list`")
	d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
	if now := d.furnishedMaria(); now != want {
		t.Fatalf("restored:\n%s\nwant:\n%s", now, want)
	}
	d.maria("DELETE FROM `price list`.prices")
	d.comesToNothing(id, `"server": "`+series, `"server": "42`, d.furnishedMaria, 3, "it is a backup of MariaDB 42", " -foreign")
	d.comesToNothing(id, `"orders": 5000`, `"orders": 5001`, d.furnishedMaria, 4, "orders has not the 5001 rows of the backup")

	d.emptied()
	d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
	if now := d.furnishedMaria(); now != want {
		t.Fatalf("restored on a new server:\n%s\nwant:\n%s", now, want)
	}
	if locked := d.maria("SHOW CREATE USER report"); !strings.Contains(locked, "ACCOUNT LOCK") {
		t.Errorf("a user without a password may log in: %s", locked)
	}
	killing{
		d: d, id: id, instants: instants, content: d.furnishedMaria,
		change: func() {
			d.maria("UPDATE shop.orders SET raw = 'x' WHERE id <= 100; UPDATE `price list`.prices SET cents = cents + 1")
		},
	}.run()

	d.maria("CREATE DATABASE `slipway.new.0`; CREATE TABLE `slipway.new.0`.later (id int) SELECT 7 id;" +
		"CREATE DATABASE `slipway.restore`; USE `slipway.restore`; CREATE TABLE plan (number int PRIMARY KEY, name blob, made blob, programs longblob);" +
		"CREATE TABLE `waits.0` (nothing int); CREATE TABLE ready (nothing int);" +
		"INSERT INTO plan VALUES (0, 'price list', 'CHARACTER SET utf8mb4', 'CREATE VIEW seven AS SELECT id FROM later;')")
	d.halfRestored("mariadb db")
	if now := d.maria("SELECT id FROM `price list`.seven; SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'price list' OR table_schema LIKE 'slipway%' ORDER BY 2"); now != "7\nprice list\tlater\nprice list\tseven" {
		t.Errorf("an exchange that was cut short came to %q", now)
	}
}

// halfRestored has a deployment find that a restore of that kind was cut short in its exchange.
func (d *demo) halfRestored(of string) {
	d.t.Helper()
	note := filepath.Join(d.state, "backups", "restoring")
	if err := os.WriteFile(note, []byte(of+"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.says(d.deploy(0, straight), 0, "one that was cut short is out of the way")
	if _, err := os.Stat(note); err == nil {
		d.t.Error("the restore still counts as cut short")
	}
}

// comesToNothing fails the test unless a restore of the backup with another text in its manifest ends with the code and these words,
// and the data and the services are as they were.
func (d *demo) comesToNothing(id, text, other string, content func() string, code int, sentences ...string) {
	d.t.Helper()
	path := filepath.Join(d.state, "backups", id+".dump", "manifest.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	harmed := strings.Replace(string(whole), text, other, 1)
	if harmed == string(whole) {
		d.t.Fatalf("the manifest does not hold %q: %s", text, whole)
	}
	if err := os.WriteFile(path, []byte(harmed), 0o600); err != nil {
		d.t.Fatal(err)
	}
	before, was := d.all(), content()
	d.says(d.mage("restore", "-backup="+id, "-yes"), code, sentences...)
	if after, now := d.all(), content(); after != before || now != was {
		d.t.Errorf("with %s it comes to nothing, and yet:\n%s\n%s\nbefore:\n%s\n%s", other, after, now, before, was)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// holdsNoCanary fails the test if a file of the backup shows the password of a user, or its hash.
func (d *demo) holdsNoCanary(id string) {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.state, "backups", id+".dump", "*"))
	if err != nil || len(files) == 0 {
		d.t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := exec.Command("gzip", "--decompress", "--stdout", "--force", file).Output()
		if err != nil {
			d.t.Fatal(err)
		}
		if filepath.Ext(file) == ".dump" && !strings.Contains(string(data), "-- Dump completed") {
			d.t.Errorf("%s cannot be read here", filepath.Base(file))
		}
		if text := string(data); strings.Contains(text, "canary") || strings.Contains(text, "IDENTIFIED") {
			d.t.Errorf("%s shows a password", filepath.Base(file))
		}
	}
}
