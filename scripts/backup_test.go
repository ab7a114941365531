package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const oneOff = "compose run --no-deps -T --rm --name shop-database app "

// kept returns what is in the backups of a state directory: name -> content.
func kept(t *testing.T, state string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(state, "backups", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
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
	r.wantSaid(t, `{"readings":1}`)
	if found := kept(t, state); len(found) != 1 || found["a.dump"] != "content" {
		t.Errorf("the backups are %v", found)
	}
	info, err := os.Stat(filepath.Join(state, "backups", "a.dump"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v", info.Mode())
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
			{Args: exec, Ends: " dump_database", Code: 7},
		}, "the backup failed, with exit code 7"},
		"no database is no excuse for pg_dump": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " dump_database", Code: 3},
		}, "the backup failed, with exit code 3"},
		"the dump is cut short": {"backup a.dump postgres db", []answer{
			{Args: exec, Ends: " count_rows", Code: 7},
		}, "the backup is broken, with exit code 7"},
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

func TestARestoreChecksTheBackupBeforeItTouchesTheDatabase(t *testing.T) {
	t.Parallel()
	const exec = "compose exec -T db bash -c "
	for _, world := range []struct {
		args  string
		check answer
		last  string // how the last act ends when the backup is good
	}{
		{"restore a.dump sqlite app", answer{Args: oneOff + "inspect -", Stdout: `{"readings":1}`}, "app restore -"},
		{"restore a.dump postgres db", answer{Args: exec, Ends: " count_rows", Stdout: "2 public.t\n5 public.u\n"}, " restore_database 2 public.t\n5 public.u"},
	} {
		for _, code := range []int{0, 7} {
			state := filepath.Join(t.TempDir(), "state")
			keep(t, state, "a.dump", "content")
			world.check.Code = code
			r := (&run{env: append(project(), "STATE_DIR="+state), answers: []answer{world.check}}).do(t, strings.Fields(world.args)...)
			r.wantCode(t, code)
			acts := r.acts()
			restored := strings.HasSuffix(acts[len(acts)-1], world.last)
			if restored != (code == 0) {
				t.Errorf("%s with a check that exits %d: docker was called with\n%s", world.args, code, strings.Join(acts, "\n"))
			}
		}
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
