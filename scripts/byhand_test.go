package scripts_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const execDB = "compose exec -T db bash -c "

// migrateByHand runs the eight steps but for the first and the third, on a stack whose job and database have more in the
// compose files, and whose world answers first.
func migrateByHand(t *testing.T, state, job, database string, world ...answer) *run {
	t.Helper()
	model := fmt.Sprintf(`{"services":{
		"db":{"image":"mirror/anything"%s},
		"web":{"image":"shop"},
		"migrate":{"image":"shop","profiles":["jobs"],"depends_on":{"db":{"condition":"service_healthy"}}%s}}}`, database, job)
	answers := slices.Concat(world, []answer{
		{Args: "compose config --services", Stdout: "db\nweb\n"},
		{Args: "compose config", Stdout: model},
	}, byHand())
	return (&run{env: append(project(), "STATE_DIR="+state, "VERIFY_URLS=http://127.0.0.1:1/"), answers: answers}).
		do(t, "--skip-checks", "--no-build")
}

// position is that of the first act that begins and ends so; -1 when there is none.
func (r *run) position(begin, end string) int {
	return slices.IndexFunc(r.acts(), func(act string) bool { return strings.HasPrefix(act, begin) && strings.HasSuffix(act, end) })
}

func TestByHandABackupIsTakenAsTheComposeFilesTell(t *testing.T) {
	t.Parallel()
	inWeb := strings.ReplaceAll(oneOff, " app ", " web ")
	for name, world := range map[string]struct {
		job, database string
		begin, end    string // of the act that copies
	}{
		"the image's password":      {"", `,"environment":{"POSTGRES_PASSWORD":"x"}`, execDB, " dump_database shop"},
		"the image's password file": {"", `,"environment":{"POSTGRES_PASSWORD_FILE":"/x"}`, execDB, " dump_database shop"},
		"an image that trusts":      {"", `,"environment":{"POSTGRES_HOST_AUTH_METHOD":"trust"}`, execDB, " dump_database shop"},
		"a label for postgres":      {`,"labels":{"slipway.backup":"postgres db"}`, "", execDB, " dump_database shop"},
		"a label for sqlite":        {`,"labels":{"slipway.backup":"sqlite web"}`, "", inWeb, "backup -"},
		"the label before the rest": {`,"labels":{"slipway.backup":"sqlite web"}`, `,"environment":{"POSTGRES_PASSWORD":"x"}`, inWeb, "backup -"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			r := migrateByHand(t, state, world.job, world.database,
				answer{Args: execDB, Ends: " holds_data", Stdout: "yes\n"},
				answer{Args: execDB, Ends: " survey_server", Stdout: survey},
				answer{Args: execDB, Ends: " dump_database shop", Stdout: dumped("2 public.t")},
				answer{Args: inWeb + "backup -", Stdout: "content"})
			copied, started := r.position(world.begin, world.end), r.position(startJob, "")
			if copied < 0 || started < copied {
				t.Errorf("docker was called with\n  %s", strings.Join(r.acts(), "\n  "))
			}
			found := kept(t, state)
			if len(found) != 1 {
				t.Fatalf("the backups are %v\n%s", found, r.stderr)
			}
			for file, content := range found {
				if content != "content" {
					t.Errorf("%s holds %q", file, content)
				}
				r.wantSaid(t, "deploy.sh: migrate: backed up; to bring it back: deploy.sh restore "+file+" ")
			}
		})
	}
}

func TestByHandAMigrationDoesNotRunBehindABackupThatFailed(t *testing.T) {
	t.Parallel()
	const postgres = `,"environment":{"POSTGRES_PASSWORD":"x"}`
	for name, world := range map[string]struct {
		job      string
		answers  []answer
		code     int
		sentence string
	}{
		"the database is not reached": {"", []answer{{Args: execDB, Ends: " holds_data", Code: 7}},
			7, "deploy.sh: migrate: db does not say whether it holds data\n"},
		"pg_dump fails": {"", []answer{{Args: execDB, Ends: " holds_data", Stdout: "yes\n"}, {Args: execDB, Ends: " survey_server", Stdout: survey}, {Args: execDB, Ends: " dump_database shop", Code: 7}},
			7, "deploy.sh: migrate: the backup failed, with exit code 7\n"},
		"the dump is cut short": {"", []answer{{Args: execDB, Ends: " holds_data", Stdout: "yes\n"}, {Args: execDB, Ends: " survey_server", Stdout: survey}, {Args: execDB, Ends: " dump_database shop", Stdout: "content"}},
			1, "deploy.sh: migrate: the backup failed, with exit code 1\n"},
		"the label is a slip": {`,"labels":{"slipway.backup":"postgresql db"}`, nil,
			3, `label slipway.backup of migrate: "postgresql db" is not "KIND SERVICE", where KIND is one of postgres, mariadb, redis, sqlite, volume`},
		"the job itself": {`,"labels":{"slipway.backup":"sqlite migrate"}`, nil, 3, "with another service than migrate\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			r := migrateByHand(t, state, world.job, postgres, world.answers...)
			r.wantCode(t, world.code)
			r.wantSaid(t, world.sentence)
			if acts := r.acts(); strings.Contains(strings.Join(acts, "\n"), "--name shop-migrate ") {
				t.Errorf("docker was called with\n  %s", strings.Join(acts, "\n  "))
			}
			if found := kept(t, state); len(found) != 0 {
				t.Errorf("the backups are %v", found)
			}
		})
	}
}

func TestByHandTheMigrationRunsWhereThereIsNothingToBackUpOrNobodySaysHow(t *testing.T) {
	t.Parallel()
	for name, world := range map[string]struct{ job, database, sentence string }{
		"a new PostgreSQL": {"", `,"environment":{"POSTGRES_PASSWORD":"x"}`, "no backup is taken, for db holds no data yet\n"},
		"no SQLite yet":    {`,"labels":{"slipway.backup":"sqlite web"}`, "", "there is no database yet\n"},
		"nobody says how": {"", "", "deploy.sh: migrate: no backup is taken, for migrate has no label slipway.backup; " +
			"take one with: deploy.sh backup FILE KIND SERVICE\n"},
		"an empty label": {`,"labels":{"slipway.backup":""}`, "", "migrate has no label slipway.backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			r := migrateByHand(t, state, world.job, world.database,
				answer{Args: execDB, Ends: " holds_data", Stdout: "no\n"},
				answer{Args: strings.ReplaceAll(oneOff, " app ", " web ") + "backup -", Code: 3})
			r.wantSaid(t, world.sentence)
			if r.position(startJob, "") < 0 {
				t.Errorf("docker was called with\n  %s", strings.Join(r.acts(), "\n  "))
			}
			if found := kept(t, state); len(found) != 0 || strings.Contains(r.stderr, "backed up") {
				t.Errorf("the backups are %v\n%s", found, r.stderr)
			}
		})
	}
}

// Nothing is backed up then: a dump of what is just being migrated brings nothing back.
func TestByHandAJobOfThisImageThatRunsIsAdopted(t *testing.T) {
	t.Parallel()
	r := migrateByHand(t, filepath.Join(t.TempDir(), "state"), "", `,"environment":{"POSTGRES_PASSWORD":"x"}`, running("sha256:now")...)
	r.wantSaid(t, "migrate already runs; waiting for it")
	if r.position(execDB, "") >= 0 || r.position("compose run", "") >= 0 || r.position("rm 2", "") < 0 {
		t.Errorf("docker was called with\n  %s", strings.Join(r.acts(), "\n  "))
	}
}

func TestByHandAnOlderJobThatFailsEndsTheRun(t *testing.T) {
	t.Parallel()
	world := append(running("sha256:older"), answer{Args: "wait 2", Stdout: "9\n"})
	r := migrateByHand(t, filepath.Join(t.TempDir(), "state"), "", "", world...)
	r.wantCode(t, 9)
	r.wantSaid(t, "migrate of another image still runs; waiting for it, to migrate behind it")
	if r.position("compose run", "") >= 0 {
		t.Errorf("docker was called with\n  %s", strings.Join(r.acts(), "\n  "))
	}
}

// running answers that a job runs, of an image where the newest is sha256:now.
func running(image string) []answer {
	return []answer{
		{Args: "container ls", Ends: "service=migrate --format {{.ID}} {{.State}} {{.Names}}", Stdout: "2 running shop-migrate\n"},
		{Args: "image inspect", Ends: " shop", Stdout: "sha256:now\n"},
		{Args: "container inspect --format {{.Image}}", Ends: " 2", Stdout: image + " 2\n"},
	}
}
