package scripts_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const oneOff = "compose run --no-deps -T --rm --name shop-database app "

// survey is what a PostgreSQL with one database tells of itself, and the statements for its roles behind it.
const survey = `{"server": "15.14", "main": "shop", "roles": ["shop"], "databases": [{"name": "shop", "create": "CREATE DATABASE :\"name\";"}], "lacks": []}
CREATE ROLE shop;
`

// kept returns what is in the backups of a state directory: name -> content, of a folder that of its first dump.
func kept(t *testing.T, state string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(state, "backups", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		dump := file
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			dump = filepath.Join(file, "0000.dump")
		}
		data, err := os.ReadFile(dump)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(file)] = string(data)
	}
	return found
}

func keep(t *testing.T, state, name, content string) {
	t.Helper()
	dir := filepath.Join(state, "backups")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestABackupIsTheOwnersAloneAndCheckedBeforeItGetsItsName(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	keep(t, state, "a.dump.partial", "left by a run that was killed, and longer than the new one")
	r := (&run{env: append(project(), "STATE_DIR="+state), answers: []answer{
		{Args: oneOff + "backup -", Stdout: "content"},
		{Args: oneOff + "inspect -", Stdout: `{"readings":1}`},
	}}).do(t, "backup", "a.dump", "sqlite", "app")
	r.wantCode(t, 0)
	r.wantActs(t, oneOff+"backup -", oneOff+"inspect -")
	if found := kept(t, state); len(found) != 1 || found["a.dump"] != "content" {
		t.Errorf("the backups are %v", found)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "0000.dump": 0o600, "manifest.json": 0o600} {
		info, err := os.Stat(filepath.Join(state, "backups", "a.dump", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("the backup's %q has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

// manifest is what the manifest of the backup a.dump says.
type manifest struct {
	Version                             int
	Project, Kind, Service, Server, Why string
	Made                                time.Time
	Roles, Lacks                        []string
	Databases                           []struct {
		Name, File string
		Rows       map[string]int
	}
	Files map[string]struct {
		Size   int
		SHA256 string
	}
}

func readManifest(t *testing.T, state string) manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(state, "backups", "a.dump", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestABackupHasAManifestOfWhatIsInIt(t *testing.T) {
	t.Parallel()
	const exec = "compose exec -T db bash -c "
	for name, world := range map[string]struct {
		args    []string
		answers []answer
		want    manifest
		files   []string
	}{
		"sqlite": {[]string{"sqlite", "app"}, []answer{
			{Args: oneOff + "backup -", Stdout: "content"}, {Args: oneOff + "inspect -", Stdout: `{"readings":5,"zones":0}` + "\n"},
		}, manifest{Kind: "sqlite", Why: "by hand"}, []string{"0000.dump"}},
		"sqlite, whose program says no rows": {[]string{"sqlite", "app", `{"why": "before a restore"}`}, []answer{
			{Args: oneOff + "backup -", Stdout: "content"}, {Args: oneOff + "inspect -", Stdout: "well\n"},
		}, manifest{Kind: "sqlite", Why: "before a restore"}, []string{"0000.dump"}},
		"postgres": {[]string{"postgres", "db", `{"why": "before a migration"}`}, []answer{
			{Args: exec, Ends: " survey_server", Stdout: survey}, {Args: exec, Ends: " dump_database shop", Stdout: dumped("5 public.\"a b\"\n0 public.t")},
		}, manifest{Kind: "postgres", Why: "before a migration", Server: "15.14"}, []string{"0000.dump", "roles.sql"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			r := (&run{env: append(project(), "STATE_DIR="+state), answers: world.answers}).do(t, append([]string{"backup", "a.dump"}, world.args...)...)
			r.wantCode(t, 0)
			m := readManifest(t, state)
			if m.Version != 1 || m.Project != "shop" || m.Service != world.args[1] || m.Kind != world.want.Kind || m.Why != world.want.Why ||
				m.Server != world.want.Server || time.Since(m.Made) > time.Hour || len(m.Databases) != 1 || m.Databases[0].File != "0000.dump" {
				t.Errorf("the manifest is %+v", m)
			}
			rows := map[string]map[string]int{"sqlite": {"readings": 5, "zones": 0}, "postgres": {`public."a b"`: 5, "public.t": 0}}[name]
			if !maps.Equal(m.Databases[0].Rows, rows) {
				t.Errorf("the rows are %v, want %v", m.Databases[0].Rows, rows)
			}
			if files := slices.Sorted(maps.Keys(m.Files)); !slices.Equal(files, world.files) {
				t.Errorf("the files are %v, want %v", files, world.files)
			}
			const digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73" // of "content"
			if f := m.Files["0000.dump"]; f.Size != 7 || f.SHA256 != digest {
				t.Errorf("the dump is %+v", f)
			}
		})
	}
}

func TestABackupThatFailsOrIsBrokenIsNotKept(t *testing.T) {
	t.Parallel()
	const exec = "compose exec -T db bash -c "
	for name, world := range map[string]struct {
		args     string
		answers  []answer
		sentence string
	}{
		"sqlite cannot be copied": {"backup a.dump sqlite app", []answer{
			{Args: oneOff + "backup -", Stdout: "hal", Stderr: "disk I/O error\n", Code: 7},
		}, "disk I/O error\ndeploy.sh: backup: the backup failed, with exit code 7\n"},
		"the copy of sqlite is damaged": {"backup a.dump sqlite app", []answer{
			{Args: oneOff + "inspect -", Stderr: "malformed\n", Code: 7},
		}, "malformed\ndeploy.sh: backup: the backup is broken, with exit code 7\n"},
		"pg_dump fails": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " survey_server", Stdout: survey}, {Args: exec, Ends: " dump_database shop", Code: 7},
		}, "the backup failed, with exit code 7"},
		"no database is no excuse for pg_dump": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " survey_server", Stdout: survey}, {Args: exec, Ends: " dump_database shop", Code: 3},
		}, "the backup failed, with exit code 3"},
		"the server does not tell": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " survey_server", Code: 7},
		}, "the backup failed, with exit code 7"},
		"the end of the dump does not arrive": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " survey_server", Stdout: survey}, {Args: exec, Ends: " dump_database shop", Stdout: strings.TrimSuffix(dumped("5 public.t"), "\n")},
		}, "the dump has not arrived whole\ndeploy.sh: backup: the backup failed, with exit code 1"},
		"nothing of the dump arrives": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " survey_server", Stdout: survey}, {Args: exec, Ends: " dump_database shop"},
		}, "the dump has not arrived whole\n"},
		"the engine does not say what an earlier run left": {"backup a.dump sqlite app", []answer{
			{Args: "container ls", Code: 7},
		}, "the backup failed, with exit code 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			keep(t, state, "old.dump", "old")
			r := (&run{env: append(project(), "STATE_DIR="+state), answers: world.answers}).do(t, strings.Fields(world.args)...)
			if r.code == 0 {
				t.Error("the step succeeded")
			}
			r.wantSaid(t, world.sentence)
			if found := kept(t, state); len(found) != 1 || found["old.dump"] != "old" {
				t.Errorf("the backups are %v", found)
			}
		})
	}
}

func TestWithoutADatabaseThereIsNothingToBackUp(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	r := (&run{env: append(project(), "STATE_DIR="+state), answers: []answer{
		{Args: oneOff + "backup -", Code: 3},
	}}).do(t, "backup", "a.dump", "sqlite", "app")
	r.wantCode(t, 0)
	r.wantSaid(t, "there is no database yet")
	if found := kept(t, state); len(found) != 0 {
		t.Errorf("the backups are %v", found)
	}
}

func TestWhatAKilledBackupLeftRunningIsEndedFirst(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "container ls", Stdout: "1 running shop-app-run-x\n2 running shop-database\n"},
	}}).do(t, "backup", "a.dump", "sqlite", "app")
	r.wantCode(t, 0)
	if acts := r.acts(); len(acts) == 0 || acts[0] != "rm --force 2" {
		t.Errorf("docker was called with %q, want the removal first", acts)
	}
}

// dumped is what dump_database prints of a database: a dump, and which rows are in it.
func dumped(rows string) string { return fmt.Sprintf("content%s%012d\n", rows, len(rows)) }

// database answers for a PostgreSQL 15 that is backed up as a.dump.
func database(version string) []answer {
	const exec = "compose exec -T db bash -c "
	return []answer{
		{Args: exec, Ends: " survey_server", Stdout: survey},
		{Args: exec, Ends: " describe_server", Stdout: strings.SplitAfter(survey, "\n")[0]},
		{Args: exec, Ends: " dump_database shop", Stdout: dumped("2 public.t\n5 public.u")},
		{Args: exec, Ends: " server_version", Stdout: version + "\n"},
	}
}

func TestARestoreChecksTheBackupBeforeItTouchesTheDatabase(t *testing.T) {
	t.Parallel()
	const exec = "compose exec -T db bash -c "
	for name, world := range map[string]struct {
		args    string
		answers []answer
		harm    func(folder string) error
		code    int
		said    string
		last    string // how the last act ends
	}{
		"postgres": {"restore a.dump postgres db", database("15.14"), nil, 0,
			"each table has the rows of the backup: 2 public.t,5 public.u\n", " swap_databases shop shop"},
		"a later postgres": {"restore a.dump postgres db", database("18.2"), nil, 0, "each table has the rows", " swap_databases shop shop"},
		"case H6, an earlier postgres": {"restore a.dump postgres db", database("13.9"), nil, 3,
			"it is a backup of PostgreSQL 15.14, and db is PostgreSQL 13.9; nothing was changed\n", " server_version"},
		"an earlier postgres, insisted": {"restore a.dump postgres db foreign", database("13.9"), nil, 0, "each table has the rows", " swap_databases shop shop"},
		"case H6, another project": {"restore a.dump postgres db", database("15.14"), replaceIn("manifest.json", `"shop"`, `"blog"`), 3,
			"it is a backup of the project blog and not of shop; nothing was changed\n", " dump_database shop"},
		"another project, insisted": {"restore a.dump postgres db foreign", database("15.14"), replaceIn("manifest.json", `"project": "shop"`, `"project": "blog"`),
			0, "each table has the rows", " swap_databases shop shop"},
		"case H7, another byte": {"restore a.dump postgres db", database("15.14"), replaceIn("0000.dump", "t", "T"), 3,
			"the backup is broken: it is not what was written; nothing was changed\n", " dump_database shop"},
		"case H7, roles that were changed": {"restore a.dump postgres db", database("15.14"), replaceIn("roles.sql", "shop", "root"), 3, "the backup is broken", " dump_database shop"},
		"case H7, a file is gone": {"restore a.dump postgres db foreign", database("15.14"), func(folder string) error {
			return os.Remove(filepath.Join(folder, "0000.dump"))
		}, 3, "the backup is broken", " dump_database shop"},
		"case H7, half a manifest": {"restore a.dump postgres db", database("15.14"), func(folder string) error {
			return os.Truncate(filepath.Join(folder, "manifest.json"), 50)
		}, 3, "manifest.json cannot be read; nothing was changed\n", " dump_database shop"},
		"another kind": {"restore a.dump sqlite db", database("15.14"), nil, 3, "it is a backup of postgres and not of sqlite; nothing was changed\n", " dump_database shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			env := append(project(), "STATE_DIR="+state)
			made := (&run{env: env, answers: world.answers}).do(t, "backup", "a.dump", "postgres", "db")
			made.wantCode(t, 0)
			if world.harm != nil {
				if err := world.harm(filepath.Join(state, "backups", "a.dump")); err != nil {
					t.Fatal(err)
				}
			}
			r := (&run{env: env, answers: world.answers}).do(t, strings.Fields(world.args)...)
			r.wantCode(t, world.code)
			r.wantSaid(t, world.said)
			acts := append(made.acts(), r.acts()...)
			if last := acts[len(acts)-1]; !strings.HasSuffix(last, world.last) {
				t.Errorf("the last act ends with %q, want %q", last[max(0, len(last)-60):], world.last)
			}
			if r.position(exec, " swap_databases shop shop") >= 0 != (world.code == 0) {
				t.Error("what was refused was restored, or the other way round")
			}
		})
	}
}

// replaceIn replaces text in a file of a backup.
func replaceIn(name, old, with string) func(string) error {
	return func(folder string) error {
		path := filepath.Join(folder, name)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, with)), 0o600)
	}
}

func TestARestoreOfAPlainFileReadsItToItsEndFirst(t *testing.T) {
	t.Parallel()
	const exec = "compose exec -T db bash -c "
	for _, world := range []struct {
		args  string
		check answer
		last  string // how the last act ends when the backup is good
	}{
		{"restore a.dump sqlite app", answer{Args: oneOff + "inspect -", Stdout: `{"readings":1}`}, "app restore -"},
		{"restore a.dump postgres db", answer{Args: exec, Ends: " count_rows", Stdout: "2 public.t\n5 public.u\n"}, " swap_databases shop shop"},
	} {
		for _, code := range []int{0, 7} {
			state := filepath.Join(t.TempDir(), "state")
			keep(t, state, "a.dump", "content")
			world.check.Code = code
			r := (&run{env: append(project(), "STATE_DIR="+state), answers: append([]answer{world.check}, database("15.14")...)}).do(t, strings.Fields(world.args)...)
			acts := r.acts()
			restored := strings.HasSuffix(acts[len(acts)-1], world.last)
			if restored != (code == 0) || r.code != map[int]int{0: 0, 7: 3}[code] {
				t.Errorf("%s with a check that exits %d: exit code %d, docker was called with\n%s", world.args, code, r.code, strings.Join(acts, "\n"))
			}
		}
	}
}

func TestCaseH5ARestoreAndADownAreRefusedBesideAJobThatRuns(t *testing.T) {
	t.Parallel()
	running := []answer{{Args: "container ls", Ends: "oneoff=True --format {{.ID}} {{.State}} {{.Names}}", Stdout: "1 exited shop-old\n2 running shop-database\n3 running shop-migrate\n"}}
	for _, args := range []string{"restore a.dump sqlite app", "down"} {
		state := filepath.Join(t.TempDir(), "state")
		keep(t, state, "a.dump", "content")
		r := (&run{env: append(project(), "STATE_DIR="+state), answers: running}).do(t, strings.Fields(args)...)
		r.wantCode(t, 3)
		r.wantSaid(t, "shop-migrate still runs; wait for its end: docker wait shop-migrate\n")
		r.wantActs(t)
	}
}

func TestARestoreOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	r := (&run{env: project()}).do(t, "restore", "none.dump", "sqlite", "app")
	r.wantCode(t, 3)
	r.wantSaid(t, "there is no backup ")
	r.wantActs(t)
}

func TestARestoreThatFailsFailsTheStep(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	keep(t, state, "a.dump", "content")
	r := (&run{env: append(project(), "STATE_DIR="+state), answers: []answer{
		{Args: oneOff + "restore -", Stderr: "somebody writes to it\n", Code: 7},
	}}).do(t, "restore", "a.dump", "sqlite", "app")
	r.wantCode(t, 7)
	r.wantSaid(t, "somebody writes to it\ndeploy.sh: restore: the restore failed; it replaces all of the data or none\n")
}
