//go:build engine

package targets_test

import (
	"os/exec"
	"strings"
	"testing"
)

// databases builds images of databases from stack/testimages, where they are not there, and names them @P/NAME: whoever builds them
// anew meanwhile leaves these as they are.
func (d *demo) databases(images ...string) {
	d.t.Helper()
	var names []string
	for _, image := range images {
		name := strings.ReplaceAll(image, ":", "-")
		if image == "postgres:15" || image == "redis:7" { // those of the production stack
			name, _, _ = strings.Cut(image, ":")
		}
		names = append(names, name)
	}
	serverImages(names...)(d.t)
	for _, image := range images {
		d.docker("tag", "slipway-test/"+image, d.project+"/"+image)
	}
}

// database is a stack of one database, with its data in volume data at target.
func (d *demo) database(image, target string) {
	d.t.Helper()
	d.write("compose.yaml", `
services:
  db: {image: `+image+`, environment: {POSTGRES_PASSWORD: x, POSTGRES_INITDB_ARGS: --no-sync}, volumes: ["data:`+target+`"], healthcheck: {test: [CMD-SHELL, "pg_isready -h 127.0.0.1"], interval: 1s}}
volumes: {data: }
`)
}

const (
	postgresData = "/var/lib/postgresql/data"
	patient      = "-timeout=10m" // a database that is new takes its time on a busy machine
)

func TestCaseH4AnotherMajorOfPostgreSQLIsRefusedBeforeItHurts(t *testing.T) {
	d := newDemo(t, nil)
	d.databases("postgres:15", "postgres:17", "postgres:18")
	d.database("@P/postgres:17", postgresData)
	d.deploy(0, patient)
	d.docker("exec", "-u", "postgres", d.project+"-db-1", "psql", "-c", "CREATE TABLE kept AS SELECT 1 AS one")
	still := func(when string) {
		t.Helper()
		if rows := d.docker("exec", "-u", "postgres", d.project+"-db-1", "psql", "-At", "-c", "SELECT one FROM kept"); rows != "1\n" {
			t.Errorf("%s, the data is %q", when, rows)
		}
	}
	d.database("@P/postgres:15", postgresData) // which does not say its version, and is asked
	d.refused("image @P/postgres:15 is PostgreSQL 15, and volume @P_data has data of PostgreSQL 17, which no other version reads", "set the image back to PostgreSQL 17")
	still("refused an older one")
	d.database("@P/postgres:18", postgresData)
	got := d.refused("image @P/postgres:18 is PostgreSQL 18, and volume @P_data has data of PostgreSQL 17")
	if strings.Contains(got.stderr, "run   ") {
		t.Errorf("a step ran though the image was known beforehand: %s", got)
	}
	if got := d.mage("preflight"); got.code != 3 || !strings.Contains(got.stderr, "is PostgreSQL 18") {
		t.Errorf("preflight: %s", got)
	}
	d.database("@P/postgres:18", "/var/lib/postgresql")
	d.refused("is PostgreSQL 18, and volume @P_data has data of PostgreSQL 17")
	still("refused a newer one")

	d.database("@P/postgres:17", postgresData)
	d.deploy(0, patient)
	if got := d.mage("down"); got.code != 0 {
		t.Fatal(got)
	}
	d.database("@P/postgres:18", "/var/lib/postgresql")
	d.refused("is PostgreSQL 18, and volume @P_data has data of PostgreSQL 17") // with no container to look through
	d.database("@P/postgres:17", postgresData)
	d.deploy(0, patient)
	still("after all")
	d.settled()
}

func TestCaseH4AnImageThatIsStillToBeBuiltIsLookedAtBeforeAnythingStops(t *testing.T) {
	d := newDemo(t, nil)
	d.databases("postgres:17", "postgres:18")
	stack := func(version string) {
		d.write("db/Dockerfile", "FROM @P/postgres:"+version+"\n")
		d.write("compose.yaml", `
services:
  db: {build: ./db, environment: {POSTGRES_PASSWORD: x, PGDATA: `+postgresData+`/pgdata}, volumes: ["./data:`+postgresData+`"]}
`)
	}
	stack("17")
	t.Cleanup(func() {
		_ = exec.Command("docker", "run", "--rm", "-v", d.dir+":/d", d.project+"/postgres:17", "rm", "-rf", "/d/data").Run()
	})
	d.deploy(0, patient)
	stack("18")
	got := d.refused("is PostgreSQL 18, and folder", "has data of PostgreSQL 17")
	if !strings.Contains(got.stderr, "ok    build") {
		t.Errorf("it was not the build that showed it: %s", got)
	}
}

func TestCaseH4TheNewPlaceOfPostgreSQL18IsAskedFor(t *testing.T) {
	d := newDemo(t, nil)
	d.databases("postgres:18")
	d.database("@P/postgres:18", postgresData)
	d.refused("keeps its data in /var/lib/postgresql/18/docker, and volume @P_data is mounted at "+postgresData, "mount it at /var/lib/postgresql")
	d.database("@P/postgres:18", "/var/lib/postgresql")
	d.deploy(0, patient)
	d.database("@P/postgres:18", postgresData)
	d.refused("image @P/postgres:18 keeps its data in /var/lib/postgresql/18/docker, and volume @P_data has data of PostgreSQL 18")
}

func TestCaseH4AnOlderMariaDBOrRedisIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ newer, older, target, full, want string }{
		"MariaDB": {"mariadb:11.8", "mariadb:10.11", "/var/lib/mysql", `["mariadb", "-e", "SELECT 1"]`, "is MariaDB 10.11, and volume @P_data has data of MariaDB 11.8"},
		"Redis":   {"redis:8", "redis:7", "/data", `["redis-cli", "SAVE"]`, "is Redis 7.0, and volume @P_data has a Redis dump of format 12"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			d.databases(c.newer, c.older)
			stack := func(image string) {
				d.write("compose.yaml", `
services:
  db: {image: @P/`+image+`, volumes: ["data:`+c.target+`"], healthcheck: {test: `+strings.Replace(c.full, "[", "[CMD, ", 1)+`, interval: 1s}}
volumes: {data: }
`)
			}
			stack(c.newer)
			d.deploy(0, patient)
			stack(c.older)
			d.refused(c.want)
			stack(c.newer)
			before := d.ids()
			if d.deploy(0, patient); len(d.replaced(before)) > 0 {
				t.Error("taken back, and yet replaced")
			}
		})
	}
}
