package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const startJob = "compose run --no-deps -T --detach --name shop-migrate migrate"

func TestAJobThatSucceedsLeavesNoContainer(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "logs", Stdout: "2 applied\n"},
		{Args: "wait", Stdout: "0\n"},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 0)
	r.wantActs(t, startJob, "rm shop-migrate")
	r.wantSaid(t, "2 applied")
	if r.stdout != "" {
		t.Errorf("stdout carries %q", r.stdout)
	}
}

// An older Compose has no `run --pull never`, and would fetch what the pull step did not.
func TestCaseJ1AJobRunsTheImageThatIsHere(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	r := (&run{env: append(project(), "STATE_DIR="+state), answers: []answer{{Args: "wait", Stdout: "0\n"}}}).do(t, "migrate", "migrate")
	r.wantCode(t, 0)
	more := filepath.Join(state, "migrate.alone.yaml")
	for _, c := range r.calls {
		if c.Args == startJob && c.Files != "docker-compose.yml:"+more {
			t.Errorf("the job is run from the files %s", c.Files)
		}
	}
	text, err := os.ReadFile(more)
	if want := `{"services": {"migrate": {"pull_policy": "never"}}}` + "\n"; err != nil || string(text) != want {
		t.Errorf("the file says %q, want %q: %v", text, want, err)
	}
}

func TestAJobThatFailsIsKeptAndItsExitCodePassesThrough(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "logs", Stderr: "syntax error at or near TABEL\n"},
		{Args: "wait", Stdout: "7\n"},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 7)
	r.wantActs(t, startJob)
	r.wantSaid(t, "syntax error at or near TABEL\ndeploy.sh: migrate: migrate ended with exit code 7; its container is kept\n")
	if !strings.Contains(r.fault, `"exit_code":7`) {
		t.Errorf("the fault is %q", r.fault)
	}
}

func TestAJobThatRunsIsAdopted(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "container ls", Stdout: "1 exited someone-elses\n2 running shop-migrate\n"},
		{Args: "wait 2", Stdout: "0\n"},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 0)
	r.wantActs(t, "rm 2")
	r.wantSaid(t, "migrate already runs; waiting for it")
}

func TestAnAdoptedJobThatFailsFailsTheStep(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "container ls", Stdout: "2 running shop-migrate\n"},
		{Args: "wait 2", Stdout: "9\n"},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 9)
	r.wantActs(t)
}

func TestLeftoversOfAJobAreRemovedBeforeItStarts(t *testing.T) {
	t.Parallel()
	for list, remove := range map[string]string{
		"2 created shop-migrate\n":      "rm 2",
		"2 paused shop-migrate\n":       "rm --force 2",
		"2 paused shop-migrate-run-a\n": "rm --force 2",
		"2 exited shop-migrate\n":       "rm 2",
		"2 dead shop-migrate\n":         "rm --force 2",
	} {
		r := (&run{env: project(), answers: []answer{
			{Args: "container ls", Stdout: list},
			{Args: "wait", Stdout: "0\n"},
		}}).do(t, "migrate", "migrate")
		r.wantCode(t, 0)
		r.wantActs(t, remove, startJob, "rm shop-migrate")
	}
}

func TestAnEndedJobOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "container ls", Stdout: "2 exited shop-migrate-run-a\n"},
		{Args: "wait", Stdout: "0\n"},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 0)
	r.wantActs(t, startJob, "rm shop-migrate")
}

// It is a container of the job's service when it is the job's program that backs up.
func TestABackupThatRunsIsNotTakenForTheJob(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "container ls", Stdout: "2 running shop-database\n"},
		{Args: "wait", Stdout: "0\n"},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 0)
	r.wantActs(t, startJob, "rm shop-migrate")
}

func TestAJobIsNotStartedWhenTheEngineCannotSayWhetherOneRuns(t *testing.T) {
	t.Parallel()
	r := (&run{env: project(), answers: []answer{
		{Args: "container ls", Stderr: "Cannot connect to the Docker daemon\n", Code: 1},
	}}).do(t, "migrate", "migrate")
	r.wantCode(t, 1)
	r.wantActs(t)
}
