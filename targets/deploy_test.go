//go:build engine

package targets_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDeployBringsUpAStackThatKeepsItsDataAndIsThenLeftAlone is the main job from a fresh checkout, and what follows.
func TestDeployBringsUpAStackThatKeepsItsDataAndIsThenLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(0)
	s.wellNow()
	s.post("a1")
	first := s.containers()

	again := s.deploy(0)
	if strings.Contains(again.stderr, "\nrun ") {
		t.Fatalf("an unchanged deploy ran a step: %s", again)
	}
	if now := s.containers(); !maps.Equal(now, first) {
		t.Fatalf("an unchanged deploy touched containers:\n%v\n%v", first, now)
	}

	other := *s
	other.dir = checkout(t)
	other.monitorBriefly()
	other.deploy(0)
	if now := s.containers(); !maps.Equal(now, first) {
		t.Fatalf("a second checkout of the same commit touched containers:\n%v\n%v", first, now)
	}

	writeFile(t, filepath.Join(s.dir, "README.md"), "changed\n")
	if causes := s.plan(); len(causes) != 0 {
		t.Fatalf("a changed README is a cause: %v", causes)
	}

	got := s.mage("verify", "-json", "-passes=1")
	var verified struct{ OK bool }
	if err := json.Unmarshal([]byte(got.stdout), &verified); err != nil || got.code != 0 || !verified.OK {
		t.Fatalf("verify -json: %v: %s", err, got)
	}
	if got := s.mage("status"); got.code != 0 || !strings.Contains(got.stdout, "rollout") {
		t.Fatalf("status: %s", got)
	}
	if got := s.mage("logs", "backend"); got.code != 0 || !strings.Contains(got.stdout, "serve") {
		t.Fatalf("logs: %s", got)
	}
}

func TestARemovedStackComesBackWithItsDataAndANewVolumeIsMigrated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(0)
	s.post("kept")

	s.compose("down")
	if cause := s.plan()["rollout"]; !strings.Contains(cause, "is gone") && !strings.Contains(cause, "containers run") {
		t.Fatalf("rollout: the cause does not name what is gone: %q", cause)
	}
	s.deploy(0)
	s.wellNow()
	s.has("kept")

	if got := s.mage("down"); got.code != 0 {
		t.Fatalf("down: %s", got)
	}
	s.compose("down", "-v")
	if cause := s.plan()["migrate"]; cause != "volume data changed" {
		t.Fatalf("migrate after down -v: cause %q", cause)
	}
	s.deploy(0)
	s.wellNow()
}

func TestAChangedLineOfTheAppIsBuiltAndRolledOutAndNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(0)
	s.post("kept")
	before := s.containers()

	s.edit("stack/app/frontend.html", "</body>", "<!-- changed --></body>")
	if cause := s.plan()["compile"]; !strings.Contains(cause, "frontend.html") {
		t.Fatalf("compile: the cause does not name the file: %q", cause)
	}
	s.deploy(0)
	s.wellNow()
	s.has("kept")
	if now := s.containers(); now["frontend"] == before["frontend"] {
		t.Fatal("the frontend still runs the old image")
	}
}

func TestAFailedMigrationShowsItsLastLinesAndIsResumedAfterTheFix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deploy(0)
	s.post("kept")
	before := s.containers()

	broken := "stack/app/migrations/sqlite/99999_broken.sql"
	writeFile(t, filepath.Join(s.dir, broken), "-- +goose Up\nALTER TABLE no_such_table ADD COLUMN x TEXT;\n")
	got := s.deploy(4)
	for _, want := range []string{"no_such_table", "deploy: migrate:", "resumes at migrate", "running now:"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("the failure does not say %q: %s", want, got)
		}
	}
	if now := s.containers(); !maps.Equal(now, before) {
		t.Error("a failed migration changed the running containers")
	}
	if got := s.mage("status"); !strings.Contains(got.stdout, "resumes at migrate") {
		t.Errorf("status does not show where it resumes: %s", got)
	}
	if err := os.Remove(filepath.Join(s.dir, broken)); err != nil {
		t.Fatal(err)
	}
	s.deploy(0)
	s.wellNow()
	s.has("kept")
}

func TestTwoDeploysAtOnceAreOneDeployAndARefusalThatNamesTheHolder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.start("deploy", "-passes=1")
	eventually(t, 30*time.Second, "the first deploy holds the lock", func() bool {
		_, err := os.Stat(filepath.Join(s.state, "lock"))
		return err == nil
	})
	eventually(t, 30*time.Second, "a second deploy is refused", func() bool {
		got := s.mage("deploy", "-passes=1")
		if got.code != 11 {
			t.Fatalf("want exit 11, got %s", got)
		}
		return strings.Contains(got.stderr, "deploy") && strings.Contains(got.stderr, "@")
	})
	if got := first.wait(); got.code != 0 {
		t.Fatalf("the first deploy: %s", got)
	}
	s.wellNow()
	if got := s.mage("reset"); got.code != 0 {
		t.Fatalf("reset: %s", got)
	}
	if cause := s.plan()["rollout"]; cause == "" {
		t.Error("after a reset nothing would run")
	}
}

func TestAServiceThatNeverBecomesHealthyFailsTheDeployWithItsReason(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.edit("stack/docker-compose.yml", "test: [CMD, /app, healthcheck, worker]", "test: [CMD, /app, healthcheck, 'http://127.0.0.1:9/none']")
	got := s.deploy(4, "-timeout=12s")
	for _, want := range []string{`service "worker"`, "after 12s", "worker | ", "healthcheck | "} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("the failure does not say %q: %s", want, got)
		}
	}
}
