//go:build engine

package targets_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// slow is a migration that takes seconds, and fails when it is applied twice.
const slow = "-- +goose Up\nCREATE TABLE %s AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 8000000) SELECT count(*) AS n FROM c;\n"

// TestOneFaultAtATimeCostsNoMoreThanItMust has faults that hit a deployment in one way only. They share a site: each begins
// with the one before it overcome.
func TestOneFaultAtATimeCostsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	results := newTable(t, faultColumns...)
	whole := newSite(t)
	whole.deploy(0, "-skip=verify")
	whole.keepOthers()
	whole.deploy(0, "-skip=verify")
	whole.post("kept")
	for _, fault := range []struct {
		name string
		hit  func(*site, *table)
	}{
		{"a reader that goes away", goneReader},
		{"a flipped byte in a record", flippedByte},
		{"a full disk", fullDisk},
		{"a second deploy", secondDeploy},
		{"a migration that outlives its deployment", livingMigration},
		{"a migration that does not know the newest one", olderMigration},
	} {
		if !t.Run(fault.name, func(t *testing.T) { fault.hit(whole.with(t), results) }) {
			return
		}
	}
}

// goneReader is `mage deploy | head -1`: whoever read the output ends, and the deployment does not.
func goneReader(s *site, results *table) {
	s.change(1)
	reader, writer, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command("deploy", "-passes=1")
	cmd.Stdout, cmd.Stderr = writer, writer
	known := len(s.journals())
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = writer.Close()
	if _, err := bufio.NewReader(io.LimitReader(reader, 1)).ReadByte(); err != nil {
		s.t.Fatal(err)
	}
	_ = reader.Close()
	if err := cmd.Wait(); err != nil {
		s.t.Fatalf("a deploy whose reader is gone: %v", err)
	}
	faulted := events(s.journals()[known])
	if unfinished(faulted) {
		s.t.Fatal("it did not deploy to its end")
	}
	results.add("SIGPIPE", "first line", "0", outcome(faulted, s.interrupted()), listed(s.recovers(faulted, "kept")))
}

// flippedByte changes one bit of a record: no deployment trusts it, and none begins afresh.
func flippedByte(s *site, results *table) {
	path := filepath.Join(s.state, "checkpoints", "migrate.json")
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	writeFile(s.t, path, string(data))
	before := s.containers()
	got := s.deploy(3)
	for _, want := range []string{path, "reset -step=migrate"} {
		if !strings.Contains(got.stderr, want) {
			s.t.Errorf("the refusal does not say %q: %s", want, got)
		}
	}
	if now := s.containers(); len(now) != len(before) || now["backend"] != before["backend"] {
		s.t.Errorf("it touched the stack: %v, then %v", before, now)
	}
	if got := s.mage("reset", "-step=migrate"); got.code != 0 {
		s.t.Fatalf("reset: %s", got)
	}
	results.add("a flipped byte in a record", "before", "3", "as it was; `mage reset` moves it aside", listed(s.recovers(nil, "kept")))
}

// fullDisk moves the state to a small file system and fills that, once before a deployment and once within it.
func fullDisk(s *site, results *table) {
	small := smallDisk(s.t, "4m")
	output(s.t, s.dir, "cp", "-a", s.state+"/.", small)
	s = s.at(small)

	s.change(2)
	free := s.fill()
	got := s.mage("deploy", "-passes=1")
	if got.code != 3 || !strings.Contains(got.stderr, "no space left on device") {
		s.t.Errorf("want exit 3 and that the disk is full, got %s", got)
	}
	free()
	results.add("a full disk", "before", ended(got.code), "as it was", listed(s.recovers(nil, "kept")))

	s.change(3)
	known := len(s.journals())
	run := s.start("deploy", "-passes=1")
	if !s.reaches(run, known, stepRuns("compile")) {
		s.t.Fatalf("it did not come to compile: %s", run.wait())
	}
	free = s.fill()
	got = run.wait()
	if got.code != 4 || !strings.Contains(got.stderr, "no space left on device") {
		s.t.Errorf("want exit 4 and that the disk is full, got %s", got)
	}
	free()
	faulted := events(s.journals()[known])
	results.add("a full disk", "compile", ended(got.code), outcome(faulted, s.interrupted()), listed(s.recovers(faulted, "kept")))
}

// smallDisk is a file system of 4 MB.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	small := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("slipway-test", small, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		t.Fatalf("this test mounts a small file system and needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
	return small
}

// fill leaves no room on the file system of the state, until free.
func (s *site) fill() (free func()) {
	s.t.Helper()
	ballast := filepath.Join(s.state, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatalf("the small disk took it all: %v", err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			s.t.Fatal(err)
		}
	}
}

// at is the same site with another state directory.
func (s *site) at(state string) *site {
	other := s.with(s.t)
	other.state = state
	other.env = map[string]string{}
	for key, value := range s.env {
		other.env[key] = value
	}
	other.env["STATE_DIR"] = state
	return other
}

// secondDeploy begins two while a third works: one does not wait and is refused, one waits and finds nothing to do.
func secondDeploy(s *site, results *table) {
	s.change(4)
	known := len(s.journals())
	first := s.start("deploy", "-passes=1")
	if !s.reaches(first, known, stepRuns("compile")) {
		s.t.Fatalf("it did not come to compile: %s", first.wait())
	}
	waiting := s.start("deploy", "-passes=1", "-wait=60s")
	refused := s.deploy(11)
	if !strings.Contains(refused.stderr, "@") {
		s.t.Errorf("the refusal does not name the holder: %s", refused)
	}
	if got := first.wait(); got.code != 0 {
		s.t.Fatalf("the first: %s", got)
	}
	got := waiting.wait()
	if got.code != 0 {
		s.t.Fatalf("the one that waits: %s", got)
	}
	journals := s.journals()
	if len(journals) != known+2 {
		s.t.Fatalf("want 2 runs, got %d", len(journals)-known)
	}
	if ran := steps(events(journals[known+1]), "run"); len(ran) > 0 {
		s.t.Errorf("the one that waited ran %v again", ran)
	}
	results.add("second deploy", "compile", "11", "done by the first", listed(s.recovers(events(journals[known]), "kept")))
	results.add("second deploy with -wait=60s", "compile", "0", "done by the first", "nothing")
}

// livingMigration kills a deployment while its migration works: the next one waits for that and starts no other.
func livingMigration(s *site, results *table) {
	faulted, migration := s.orphanMigration("95000_slow")
	interrupted := s.interrupted()
	next := s.start("deploy", "-passes=1")
	for !zombie(next.cmd.Process.Pid) {
		if now := s.migrating(); now != "" && now != migration {
			s.t.Fatalf("a second migration was started: %s beside %s", now, migration)
		}
	}
	if got := next.wait(); got.code != 0 {
		s.t.Fatalf("the next deploy: %s", got)
	}
	journals := s.journals()
	again := s.repeated(faulted, events(journals[len(journals)-1]))
	results.add("SIGKILL of all but the migration", "migrate", "killed", outcome(faulted, interrupted), listed(again)+": waited for")
	if ran := s.recovers(nil, "kept"); len(ran) > 0 {
		s.t.Errorf("%v ran once more", ran)
	}
}

// olderMigration adds a migration while that of a killed deployment works, which does not know it: it is applied after that.
func olderMigration(s *site, results *table) {
	faulted, migration := s.orphanMigration("96000_slower")
	output(s.t, s.dir, "docker", "update", "--cpus=0.05", migration) // it works for as long as the next deployment builds
	interrupted := s.interrupted()
	s.change(6001)
	known := len(s.journals())
	next := s.start("deploy", "-passes=1")
	if !s.reaches(next, known, scriptRuns("migrate", "migrate ")) || s.migrating() != migration {
		s.t.Fatalf("the migration ended too soon, or the next deploy: %s", next.wait())
	}
	output(s.t, s.dir, "docker", "update", "--cpus=2", migration)
	if got := next.wait(); got.code != 0 {
		s.t.Fatalf("the next deploy: %s", got)
	}
	s.recovers(nil, "kept")
	results.add("the same, and a new migration", "migrate", "killed", outcome(faulted, interrupted), "migrate: waited for, then begun")
}

// orphanMigration kills a deployment once its migration works, which takes seconds, and returns what ran.
func (s *site) orphanMigration(name string) (faulted []event, migration string) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.dir, "stack/app/migrations/sqlite", name+".sql"), fmt.Sprintf(slow, name[len("00000_"):]))
	known := len(s.journals())
	s.killed(scriptRuns("migrate", "migrate "), func() bool {
		migration = s.migrating()
		return migration != ""
	}, "deploy", "-passes=1")
	if now := s.migrating(); now != migration {
		s.t.Fatalf("the migration did not outlive its deployment: %q, then %q", migration, now)
	}
	return events(s.journals()[known]), migration
}

// migrating are the ids of the migrations that run.
func (s *site) migrating() string {
	s.t.Helper()
	return strings.TrimSpace(output(s.t, s.dir, "docker", "ps", "-q", "--no-trunc",
		"--filter", "label=com.docker.compose.project="+s.project, "--filter", "label=com.docker.compose.service=migrate"))
}

// command is a target that is not started yet.
func (s *site) command(args ...string) *exec.Cmd {
	s.t.Helper()
	binary, err := compiled()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.prepared(binary, args...)
}
