//go:build engine

package targets_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/internal/compose"
)

// with is the same site, judged by another test.
func (s *site) with(t *testing.T) *site {
	other := *s
	other.t = t
	return &other
}

// keepOthers lets worker and frontend keep the image of the first deployment, so that a later change of the program
// replaces the backend alone: the one that holds the data and the port.
func (s *site) keepOthers() {
	s.t.Helper()
	first := "freshtrack-app:" + s.project + "-first"
	output(s.t, s.dir, "docker", "tag", "freshtrack-app:"+s.project, first)
	for _, command := range []string{"work", "frontend"} {
		s.edit("stack/docker-compose.yml", "command: ["+command+"]", "image: "+first+"\n    command: ["+command+"]")
		s.edit("stack/docker-compose.yml", "pull_policy: never", "pull_policy: missing") // the first that is left is this one's
	}
	s.t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", first).Run() })
	s.volume = s.dataVolume()
}

// dataVolume tells the volume of the database from a later one of the same name. Nothing of Slipway's removes it; where a
// reading is lost, this says whether it went with its volume.
func (s *site) dataVolume() string {
	s.t.Helper()
	identity, err := compose.VolumeIdentity(s.t.Context(), s.project+"_data")
	if err != nil {
		s.t.Fatal(err)
	}
	return identity
}

// change makes the program another one and adds a migration that fails when it is applied twice.
func (s *site) change(n int) {
	s.t.Helper()
	s.edit("stack/app/frontend.html", "</body>", fmt.Sprintf("<!-- %d --></body>", n))
	s.migration(n)
}

// migration adds a migration that fails when it is applied twice.
func (s *site) migration(n int) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.dir, "stack/app/migrations/sqlite", fmt.Sprintf("%05d_matrix.sql", 90000+n)),
		fmt.Sprintf("-- +goose Up\nCREATE TABLE matrix_%d (n INTEGER);\n", n))
}

// status is what `mage status -json` says.
type status struct {
	Holder *struct{ PID int }
	Steps  []struct{ Step, State string }
	Next   string
}

func (s *site) status() status {
	s.t.Helper()
	got := s.mage("status", "-json")
	var found status
	if err := json.Unmarshal([]byte(got.stdout), &found); err != nil || got.code != 0 {
		s.t.Fatalf("status -json: %v: %s", err, got)
	}
	return found
}

// interrupted are the steps that status calls interrupted, once nobody holds the lock any more.
func (s *site) interrupted() []string {
	s.t.Helper()
	var now status
	eventually(s.t, time.Minute, "nobody holds the lock", func() bool {
		now = s.status()
		return now.Holder == nil
	})
	var steps []string
	for _, step := range now.Steps {
		switch step.State {
		case "interrupted":
			steps = append(steps, step.Step)
		case "running":
			s.t.Errorf("status says that %s is running, and nobody holds the lock", step.Step)
		}
	}
	if len(steps) > 0 && !strings.Contains(now.Next, "resumes at "+steps[0]) {
		s.t.Errorf("status does not say that it resumes at %s: %q", steps[0], now.Next)
	}
	return steps
}

// steps are the steps of a journal with an event of that kind. The rollout is the steps of its services, once there is one.
func steps(journal []event, kind string) []string {
	found := map[string]bool{}
	services := false
	for _, e := range journal {
		services = services || strings.HasPrefix(e.Fields.Step, "rollout.")
		if e.Kind == kind && e.Fields.Step != "" {
			found[e.Fields.Step] = true
		}
	}
	if services {
		delete(found, "rollout")
	}
	return slices.Sorted(maps.Keys(found))
}

// repeated are the steps that a run had begun and the next one ran again. What was recorded done may not be among them, but
// for one: the backup before a migration that was interrupted, which is made again where that had come to its end.
func (s *site) repeated(before, after []event) []string {
	s.t.Helper()
	done := steps(before, "done")
	var again []string
	for _, e := range after {
		step := e.Fields.Step
		if e.Kind != "run" || !slices.Contains(steps(before, "run"), step) {
			continue
		}
		if slices.Contains(done, step) && e.Fields.Cause != "migrate was interrupted" {
			s.t.Errorf("%s was done before the fault and ran again: %q", step, e.Fields.Cause)
		}
		again = append(again, step)
	}
	if counted := slices.DeleteFunc(slices.Clone(again), func(step string) bool { return step == "backup" }); len(counted) > 1 {
		s.t.Errorf("more than one step was repeated: %v", again)
	}
	return again
}

// cameTrue fails the test unless the run did what the plan had said. Of the services of a rollout the plan is silent while
// their images are to be built.
func (s *site) cameTrue(plan map[string]string, run []event) {
	s.t.Helper()
	whole := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.HasPrefix(name, "rollout") })
	}
	planned, ran := whole(slices.Sorted(maps.Keys(plan))), whole(steps(run, "run"))
	if !slices.Equal(planned, ran) {
		s.t.Errorf("the plan was %v and %v ran", plan, ran)
	}
}

// migratedOnce fails the test unless the database has each migration, and each once: none is pending, and goose has as
// many rows as there are files, and its own first one.
func (s *site) migratedOnce() {
	s.t.Helper()
	backend := s.project + "-backend-1"
	if text := output(s.t, s.dir, "docker", "exec", backend, "/app", "migrate", "status"); !strings.Contains(text, `"pending":0`) {
		s.t.Fatalf("migrations are pending: %s", text)
	}
	copied, err := exec.Command("docker", "exec", backend, "/app", "backup", "-").Output()
	if err != nil {
		s.t.Fatalf("copy the database: %v", err)
	}
	inspect := exec.Command("docker", "exec", "-i", backend, "/app", "inspect", "-")
	inspect.Stdin, inspect.Stderr = bytes.NewReader(copied), os.Stderr
	out, err := inspect.Output()
	var rows map[string]int
	if err == nil {
		err = json.Unmarshal(out, &rows)
	}
	if err != nil {
		s.t.Fatalf("inspect the database: %v: %s", err, out)
	}
	files, _ := filepath.Glob(filepath.Join(s.dir, "stack/app/migrations/sqlite/*.sql"))
	if rows["goose_db_version"] != len(files)+1 {
		s.t.Fatalf("%d migrations and %d rows in goose_db_version", len(files), rows["goose_db_version"])
	}
}

// recovers deploys again and asks for every promise: it ends well, as planned, with at most one step repeated, every
// acknowledged reading there and each migration applied once. It returns the steps that were repeated.
func (s *site) recovers(faulted []event, sensors ...string) []string {
	s.t.Helper()
	plan := s.plan()
	volume := s.dataVolume()
	s.deploy(0, "-wait=60s", "-timeout=60s")
	if now := s.dataVolume(); now != volume || volume != s.volume {
		s.t.Fatalf("the volume was %q, is %q, and began as %q; the plan was %v", volume, now, s.volume, plan)
	}
	journals := s.journals()
	run := events(journals[len(journals)-1])
	s.cameTrue(plan, run)
	s.wellNow()
	s.has(sensors...)
	s.migratedOnce()
	return s.repeated(faulted, run)
}
