//go:build engine

package rollout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/internal/compose"
)

func TestOnTheEngineStartFirstDropsNoRequest(t *testing.T) {
	t.Parallel()
	s := newStand(t, "stop_grace_period: 5s")
	if result := s.mustDeploy("backend"); result != "1 started" {
		t.Errorf("first: %q", result)
	}
	s.mustDeploy("client")
	if result := s.mustDeploy("backend"); result != "already as wanted" {
		t.Errorf("unchanged: %q", result)
	}
	before := ids(s.containers())

	s.release("broken")
	_, err := s.deploy("backend")
	if !errors.Is(err, ErrStillServes) || !strings.Contains(fmt.Sprint(err), "the old containers still serve: ") {
		t.Errorf("broken version: error %v", err)
	}
	if after := ids(s.containers()); !slices.Equal(after, before) {
		t.Errorf("after the broken version: containers %v, want the old %v", after, before)
	}

	s.release("2")
	if result := s.mustDeploy("backend"); result != "1 replaced, none before its successor was ready" {
		t.Errorf("start-first: %q", result)
	}
	for _, id := range ids(s.containers()) {
		if slices.Contains(before, id) {
			t.Errorf("container %s is still there", id)
		}
	}
	s.docker("compose", "stop", "client")
	log := s.docker("compose", "logs", "--no-log-prefix", "client")
	if !strings.Contains(log, " failed=0\n") || strings.Contains(log, "asked=0 ") {
		t.Errorf("the client says:\n%s", log)
	}
	t.Log(log)
}

func TestOnTheEngineThreeReplicasOverOneFolderNeverAllGoDown(t *testing.T) {
	t.Parallel()
	s := newStand(t, `deploy: {replicas: 3}, volumes: ["./data:/data"]`)
	s.mustDeploy("backend")
	running := func() int {
		up, _ := split(s.containers(), func(c compose.Container) bool { return c.Status == "running" })
		return len(up)
	}
	acts, least := s.acts(), running()
	act := acts.Script
	acts.Script = func(ctx context.Context, step string, args ...string) error {
		err := act(ctx, step, args...)
		least = min(least, running())
		return err
	}
	s.release("2")
	before := ids(s.containers())
	if result, err := s.deployBy(acts, "backend"); err != nil || result != "3 replaced, 1 at a time" {
		t.Errorf("%q, %v", result, err)
	}
	after := ids(s.containers())
	if least != 2 || len(after) != 3 || slices.ContainsFunc(after, func(id string) bool { return slices.Contains(before, id) }) {
		t.Errorf("%d ran at least; before %q, after %q", least, before, after)
	}
}

// What a hook says, it says in the container that is about to stop, with what its definition gives it.
func TestOnTheEngineHooksRunBeforeAContainerIsReplacedInEveryOrder(t *testing.T) {
	for order, keys := range map[string]string{
		"start-first": `, deploy: {update_config: {order: start-first}}`, "stop-first": ``, "one by one": `, deploy: {replicas: 2}`,
	} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, `volumes: ["./data:/data"], pre_stop: [{command: [/server, say, "a b$$c"], environment: {WORD: "it's $$1"}}]`+keys)
			s.mustDeploy("backend")
			count := len(s.containers())
			s.release("2")
			s.mustDeploy("backend")
			said, err := os.ReadFile(filepath.Join(s.project.Dir, "data/said"))
			if want := strings.Repeat("1 it's $1 a b$c\n", count); err != nil || string(said) != want {
				t.Errorf("said %q, %v, want %q", said, err, want)
			}
		})
	}
}

func TestOnTheEngineAMountedFileThatChangedIsDeployed(t *testing.T) {
	t.Parallel()
	s := newStand(t, `volumes: ["./conf:/conf:ro", /data], ports: ["127.0.0.1::8080"]`)
	s.write("conf/content", "one")
	s.mustDeploy("backend")
	before := strings.Fields(s.answer())
	s.write("conf/content", "two")
	if result := s.mustDeploy("backend"); result != "1 replaced" {
		t.Errorf("result %q", result)
	}
	after := strings.Fields(s.answer())
	if after[1] != "two" || after[2] != before[2] {
		t.Errorf("answer %q, before %q: want the new content and the same volume", after, before)
	}
}

func TestOnTheEngineARecreateKilledInTheMiddleIsHealed(t *testing.T) {
	t.Parallel()
	s := newStand(t, `volumes: [/data], environment: {LINGER: 2s}, ports: ["127.0.0.1::8080"]`)
	s.mustDeploy("backend")
	before := strings.Fields(s.answer())
	s.release("2")

	command := s.script(t.Context(), "renew", "backend", "1")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.eventually("the half-made successor appears", func() bool {
		return slices.ContainsFunc(s.containers(), halfMade)
	})
	if err := syscall.Kill(-command.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil {
		t.Fatal("the recreate was not killed")
	}
	if !slices.ContainsFunc(s.containers(), halfMade) {
		t.Fatal("nothing is left over: the test shows nothing")
	}
	s.mustHeal("2", before[1])
}

// The old container is gone, and the only one left is the successor without its name.
func TestOnTheEngineALeftoverThatIsAloneKeepsTheData(t *testing.T) {
	t.Parallel()
	s := newStand(t, `volumes: [/data], ports: ["127.0.0.1::8080"]`)
	s.mustDeploy("backend")
	before := strings.Fields(s.answer())
	only := s.containers()[0]
	s.docker("stop", "-t", "0", only.ID)
	s.docker("rename", only.ID, only.ID[:12]+"_"+only.Name)
	s.mustHeal("1", before[1])
}

func halfMade(c compose.Container) bool {
	_, left := leftover(compose.Service{}, c)
	return left
}

// Case C5: what has no service, or one whose profile is off, is pruned, and nothing else.
func TestOnTheEngineOnlyWhatIsNotToBeUpIsPruned(t *testing.T) {
	t.Parallel()
	s := newStand(t, "profiles: [extra]")
	name := func(service string) string { return s.project.Name + "-" + service }
	var volumes []string
	for _, service := range []string{"backend", "gone", "client"} {
		s.docker("run", "-d", "-v", "/data", "--name", name(service),
			"--label", compose.ProjectLabel+"="+s.project.Name, "--label", compose.ServiceLabel+"="+service,
			"--label", compose.OneOffLabel+"=False", s.image)
		volumes = append(volumes, strings.TrimSpace(s.docker("inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", name(service))))
	}
	t.Cleanup(func() {
		s.docker("rm", "-f", name("client"))
		for _, volume := range volumes {
			s.docker("volume", "rm", volume) // fails the test if the volume is gone
		}
	})
	model, err := s.project.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.project.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var orphans []string
	found := Orphans(model, all)
	for _, c := range found {
		orphans = append(orphans, c.Service)
	}
	slices.Sort(orphans)
	if !slices.Equal(orphans, []string{"backend", "gone"}) {
		t.Fatalf("orphans are those of %q, want backend and gone", orphans)
	}
	if err := Prune(t.Context(), s.acts(), found); err != nil {
		t.Fatal(err)
	}
	if all, err = s.project.Containers(t.Context()); err != nil || len(all) != 1 || all[0].Service != "client" {
		t.Errorf("containers %v, %v, want that of client", all, err)
	}
}

func (s *stand) mustHeal(version, kept string) {
	s.t.Helper()
	s.mustDeploy("backend")
	found := s.containers()
	if len(found) != 1 || found[0].Name != s.project.Name+"-backend-1" {
		s.t.Fatalf("containers %v", found)
	}
	after := strings.Fields(s.answer())
	if after[0] != version || after[1] != kept {
		s.t.Errorf("answer %q, want version %s and %s of the volume", after, version, kept)
	}
}

func (s *stand) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("in vain: %s", what)
		}
	}
}
