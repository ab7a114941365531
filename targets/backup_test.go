//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// backupIDs are the ids of the backups of a site, the oldest first, and fails the test if others may read them.
func (s *site) backupIDs() []string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.state, "backups", "*.dump"))
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm()&^0o100 != 0o600 {
			s.t.Errorf("%s is in the backups: %v", filepath.Base(file), err)
		}
		ids = append(ids, strings.TrimSuffix(filepath.Base(file), ".dump"))
	}
	return ids
}

// wantBackups fails the test unless there are as many backups, and returns the newest.
func (s *site) wantBackups(n int) string {
	s.t.Helper()
	ids := s.backupIDs()
	if len(ids) != n || n == 0 {
		s.t.Fatalf("want %d backups, there are %v", n, ids)
	}
	return ids[n-1]
}

// restore runs `mage restore` and fails the test unless it ends with the code and says each of the sentences.
func (s *site) restore(code int, flags []string, sentences ...string) {
	s.t.Helper()
	got := s.mage(append([]string{"restore"}, flags...)...)
	if got.code != code {
		s.t.Fatalf("restore %v: want exit %d, got %s", flags, code, got)
	}
	for _, sentence := range sentences {
		if !strings.Contains(got.stderr, sentence) {
			s.t.Errorf("restore %v does not say %q: %s", flags, sentence, got)
		}
	}
}

// killed starts a target, and kills all that works for it once its run has come to the instant and the condition holds.
func (s *site) killed(at instant, holds func() bool, args ...string) {
	s.t.Helper()
	known := len(s.journals())
	run := s.start(args...)
	if !s.reaches(run, known, at) {
		s.t.Fatalf("%v did not come to %s: %s", args, at.name, run.wait())
	}
	eventually(s.t, 30*time.Second, "it is at "+at.name, holds)
	killTree(s)
	if got := run.wait(); got.code != codeKilled {
		s.t.Fatalf("%v was not killed at %s: %s", args, at.name, got)
	}
	eventually(s.t, 10*time.Second, "the lock is free after the last of them has ended", func() bool {
		lock, err := os.Open(filepath.Join(s.state, "lock"))
		if err != nil {
			s.t.Fatal(err)
		}
		defer func() { _ = lock.Close() }()
		return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	})
}

func always() bool { return true }

// halfBackup tells whether a backup is being written.
func (s *site) halfBackup() bool {
	files, _ := filepath.Glob(filepath.Join(s.state, "backups", "*.partial"))
	return len(files) > 0
}

func TestAMigrationOfDataHasABackupBeforeItAndRestoreBringsTheRowsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const skip = "-skip=preflight,prerequisites,verify"
	if got := s.deploy(0, skip); !strings.Contains(got.stderr, "there is no database yet") || len(s.backupIDs()) > 0 {
		t.Errorf("the first deploy: %s", got)
	}
	if got := s.mage("restore"); got.code != 3 || !strings.Contains(got.stderr, "there is no backup in ") {
		t.Errorf("restore without a backup: %s", got)
	}
	s.post("a1")
	s.post("a2")
	eventually(t, 30*time.Second, "the worker has checked the readings", func() bool {
		return !strings.Contains(s.get("/readings"), `"excursion":null`)
	})
	before := s.get("/readings")

	s.edit("stack/app/frontend.html", "</body>", "<!-- changed --></body>")
	if causes := s.plan(); causes["backup"] != "" || causes["compile"] == "" {
		t.Errorf("no migration is new, and the plan is %v", causes)
	}
	s.migration(0)
	if cause := s.plan()["backup"]; cause == "" {
		t.Error("a migration is new, and no backup is planned")
	}

	writeFile(t, filepath.Join(s.state, "backups"), "in the way\n")
	got := s.deploy(4, skip)
	for _, want := range []string{"deploy: backup:", "resumes at backup", "running now:"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("the failure does not say %q: %s", want, got)
		}
	}
	if status := s.migrateStatus(); !strings.Contains(status, `"pending":1`) {
		t.Fatalf("it migrated without a backup: %s", status)
	}
	if err := os.Remove(filepath.Join(s.state, "backups")); err != nil {
		t.Fatal(err)
	}

	s.deploy(0, skip)
	if status := s.migrateStatus(); !strings.Contains(status, `"pending":0`) {
		t.Fatalf("not migrated: %s", status)
	}
	first := s.wantBackups(1)
	if causes := s.plan(); len(causes) != 0 {
		t.Errorf("after it something is still to do: %v", causes)
	}

	s.post("later")
	s.restore(3, nil, "which backup?", first)
	s.restore(3, []string{"-backup=none"}, `there is no backup "none"`, first)
	s.restore(3, []string{"-backup=" + first}, "there is no terminal to ask at", "-yes")
	s.has("later")
	s.wantBackups(1)

	restore := []string{"-backup=" + first, "-yes"}
	s.killed(scriptRuns("restore", "restore "), always, append([]string{"restore"}, restore...)...)
	known := len(s.journals())
	interrupted := s.start(append([]string{"restore"}, restore...)...)
	if !s.reaches(interrupted, known, scriptRuns("backup", "backup ")) {
		t.Fatalf("restore did not come to its backup: %s", interrupted.wait())
	}
	_ = syscall.Kill(-interrupted.cmd.Process.Pid, syscall.SIGINT)
	if got := interrupted.wait(); got.code != 130 {
		t.Errorf("an interrupted restore: want exit 130, got %s", got)
	}
	s.writersRun()
	s.restore(0, restore)
	if after := s.get("/readings"); after != before {
		t.Fatalf("restored:\n%s\nwant\n%s", after, before)
	}
	s.writersRun()

	// The restored data lacks the migration. The backup before it is planned for that cause, and then made.
	causes := s.plan()
	if causes["backup"] != "migrate never ran" || causes["migrate"] != "never run" {
		t.Errorf("after a restore the plan is %v", causes)
	}
	s.deploy(0, skip)
	s.wellNow()
	if after := s.get("/readings"); after != before {
		t.Fatalf("migrated after the restore:\n%s\nwant\n%s", after, before)
	}
	known = len(s.backupIDs()) // the present state before each restore is among them
	if got := s.mage("backup"); got.code != 0 || !strings.Contains(got.stdout, s.wantBackups(known+1)) || !strings.Contains(got.stdout, "B  by hand\n") {
		t.Errorf("backup: %s", got)
	}
}

// writersRun fails the test unless what writes to the database runs.
func (s *site) writersRun() {
	s.t.Helper()
	for _, service := range []string{"backend", "worker"} {
		if state := s.containers()[service]; !strings.HasSuffix(state, " running") {
			s.t.Errorf("%s is %q", service, state)
		}
	}
}

// migrateStatus is what the program says of its migrations.
func (s *site) migrateStatus() string {
	s.t.Helper()
	return s.output("docker", "run", "--rm", "--read-only", "-v", s.project+"_data:/data", "freshtrack-app:"+s.project, "migrate", "status")
}

// postgresOnly is what of the production stack works with the database, laid over the local stack.
const postgresOnly = `---
x-database: &database
  user: "0:0"
  volumes: !reset []
  depends_on:
    postgres: {condition: service_healthy}
  environment:
    DATABASE_HOST: postgres
    DATABASE_PASSWORD_FILE: /run/secrets/database_password
  secrets: [database_password]
services:
  backend: *database
  worker: *database
  migrate: *database
  frontend:
    profiles: [never]
  postgres:
    image: ${POSTGRES_IMAGE:?}
    command: [postgres, -c, fsync=off] # the test ends programs, not the machine
    environment:
      POSTGRES_INITDB_ARGS: --no-sync
      POSTGRES_USER: freshtrack
      POSTGRES_PASSWORD_FILE: /run/secrets/database_password
    secrets: [database_password]
    volumes: ["postgres:/var/lib/postgresql/data", "./metrics:/textfile:ro"]
    stop_signal: SIGINT
    healthcheck:
      test: [CMD-SHELL, pg_isready -h 127.0.0.1 -U freshtrack]
      interval: 1s
      timeout: 10s
      start_period: 60s
volumes:
  data: !reset null
  postgres:
secrets:
  database_password: {file: ./secrets/database_password}
`

// sql is what PostgreSQL answers.
func (s *site) sql(query string) string {
	s.t.Helper()
	return strings.TrimSpace(output(s.t, s.dir, "docker", "exec", s.project+"-postgres-1",
		"psql", "--no-psqlrc", "--username=freshtrack", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command="+query))
}

// migrate adds a migration to both dialects; the program counts those of the one and applies those of the other.
func (s *site) addMigration(text string) {
	s.t.Helper()
	for _, dialect := range []string{"sqlite", "postgres"} {
		writeFile(s.t, filepath.Join(s.dir, "stack/app/migrations", dialect, "90000_note.sql"), "-- +goose Up\n"+text)
	}
}

func TestPostgreSQLIsBackedUpMigratedOnceAndRestoredWhateverIsKilled(t *testing.T) {
	t.Parallel()
	s := newProduction(t)
	writeFile(t, filepath.Join(s.dir, "stack/compose.production.yaml"), postgresOnly)
	deploy := []string{"deploy", "-passes=1", "-skip=preflight,prerequisites,verify"}
	run := func(code int, sentences ...string) {
		t.Helper()
		got := s.deploy(code, deploy[2:]...)
		for _, sentence := range sentences {
			if !strings.Contains(got.stderr, sentence) {
				t.Errorf("deploy does not say %q: %s", sentence, got)
			}
		}
	}
	const checksum = "SELECT count(*), md5(string_agg(r::text, ',' ORDER BY id)) FROM readings r"

	run(0, "there is no database yet")
	s.sql("INSERT INTO readings (sensor, celsius, at, excursion) SELECT 's' || n % 50, n / 7.0, now() - n * interval '1 s', false FROM generate_series(1, 100000) n")
	before := s.sql(checksum)
	if !strings.HasPrefix(before, "100000|") {
		t.Fatalf("the rows are %s", before)
	}

	s.addMigration("ALTER TABLE readings ADD COLUMN note text;\nUPDATE readings SET note = sensor;\nSELECT 1/0;\n")
	run(4, "division by zero", "resumes at migrate")
	if now := s.sql(checksum); now != before {
		t.Fatalf("a migration that failed half-way left %s, want %s", now, before)
	}
	first := s.wantBackups(1)
	metric := output(t, s.dir, "cat", "stack/metrics/slipway-"+s.project+".prom")
	if made, err := time.Parse("20060102T150405Z", first[:16]); err != nil || !strings.HasSuffix(metric, fmt.Sprintf("{project=%q} %d\n", s.project, made.Unix())) {
		t.Errorf("monitoring is told %q of the backup %s", metric, first)
	}

	s.addMigration("ALTER TABLE readings ADD COLUMN note text;\nUPDATE readings SET note = sensor;\n" +
		"CREATE TABLE notes (reading bigint REFERENCES readings);\nSELECT pg_advisory_xact_lock(42);\n")
	s.killed(scriptRuns("backup", "backup "), s.halfBackup, "backup")
	// A migration that outlives its deployment is adopted by the next one, behind the backup that was made before it.
	release := s.holdAdvisoryLock()
	s.killed(scriptRuns("migrate", "migrate "), func() bool {
		return s.sql("SELECT count(*) FROM pg_locks WHERE objid = 42 AND NOT granted") == "1"
	}, deploy...)
	made := len(s.backupIDs())
	adopting := s.start(deploy...)
	eventually(t, 60*time.Second, "the backup is skipped", func() bool {
		return strings.Contains(adopting.stderr.String(), first+" is from before the first attempt")
	})
	release()
	if got := adopting.wait(); got.code != 0 || len(s.backupIDs()) != made {
		t.Fatalf("deploy beside a migration that runs: %s", got)
	}
	if applied := s.sql("SELECT count(*) FROM goose_db_version WHERE version_id = 90000"); applied != "1" {
		t.Errorf("the migration was applied %s times", applied)
	}
	if rows := s.sql("SELECT count(*), count(note) FROM readings"); rows != "100000|100000" {
		t.Errorf("after the migration the rows are %s", rows)
	}
	whole, err := os.ReadFile(filepath.Join(s.state, "backups", first+".dump", "0000.dump"))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(s.state, "backups", "cut.dump")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	migrated := s.sql(checksum)
	untouched := s.containers()
	s.restore(3, []string{"-backup=cut", "-yes"}, "it is broken", "nothing was changed")
	if now := s.containers(); now["backend"] != untouched["backend"] {
		t.Errorf("a broken backup touched the backend: %s, then %s", untouched["backend"], now["backend"])
	}
	if now := s.sql(checksum); now != migrated {
		t.Errorf("a broken backup left %s, want %s", now, migrated)
	}
	s.restore(0, []string{"-backup=" + first, "-yes"})
	if now := s.sql(checksum); now != before {
		t.Errorf("restored %s, want %s", now, before)
	}
	if tables := s.sql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_stat_user_tables"); tables != "goose_db_version readings sensors zones" {
		t.Errorf("after the restore there are the tables %s", tables)
	}
	s.writersRun()
	for _, id := range slices.DeleteFunc(s.backupIDs(), func(id string) bool { return id == "cut" }) {
		s.wholeDump(id)
	}
}

// holdAdvisoryLock makes a migration wait that asks for the advisory lock 42, until release is called.
func (s *site) holdAdvisoryLock() (release func()) {
	s.t.Helper()
	holder := exec.Command("docker", "exec", s.project+"-postgres-1", "psql", "--username=freshtrack", "--command=SELECT pg_advisory_lock(42), pg_sleep(300)")
	if err := holder.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, 30*time.Second, "the lock is held", func() bool {
		return s.sql("SELECT count(*) FROM pg_locks WHERE objid = 42 AND granted") == "1"
	})
	return func() {
		s.t.Helper()
		s.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = 42 AND granted")
		_ = holder.Wait() // it was ended
	}
}

// wholeDump fails the test if a backup cannot be read to its end.
func (s *site) wholeDump(id string) {
	s.t.Helper()
	script := fmt.Sprintf("docker exec -i %s-postgres-1 pg_restore --file=- >/dev/null <'%s'", s.project, filepath.Join(s.state, "backups", id+".dump", "0000.dump"))
	output(s.t, s.dir, "bash", "-c", script)
}
