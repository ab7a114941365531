package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"slipway/internal/compose"
)

// side is one of those that are compared: a project with a folder and a state directory of its own.
type side struct {
	place   *place
	project string
	dir     string
	state   string

	parallel string // how many services are replaced at a time; empty: as many as the machine has processors
}

// side makes one with that compose file; nothing runs yet.
func (p *place) side(composeFile string) (*side, error) {
	p.sides++
	s := &side{place: p, project: p.project(p.sides)}
	s.dir = filepath.Join(p.dir, s.project, "stack")
	s.state = filepath.Join(p.dir, s.project, "state")
	if err := s.value("first"); err != nil {
		return nil, err
	}
	return s, writeFile(filepath.Join(s.dir, "compose.yaml"), composeFile)
}

// value changes the environment of the services that are given VALUE.
func (s *side) value(value string) error {
	return writeFile(filepath.Join(s.dir, ".env"), "VALUE="+value+"\n")
}

func (s *side) env() []string {
	return []string{"COMPOSE_PROJECT_NAME=" + s.project, "STATE_DIR=" + s.state, "BENCH_STACK=" + s.dir, "BENCH_PARALLEL=" + s.parallel, "DESTINATION=local"}
}

// deploy is Slipway's turn.
func (s *side) deploy(ctx context.Context) (execution, error) { return s.mage(ctx, "deploy") }

func (s *side) mage(ctx context.Context, args ...string) (execution, error) {
	return execute(ctx, s.place.checkout(), s.env(), append([]string{s.place.binary}, args...)...)
}

// up is Compose's turn.
func (s *side) up(ctx context.Context, flags ...string) (execution, error) {
	return s.compose(ctx, append([]string{"up", "-d"}, flags...)...)
}

func (s *side) compose(ctx context.Context, args ...string) (execution, error) {
	return execute(ctx, s.dir, s.env(), append([]string{"docker", "compose"}, args...)...)
}

// rolledOut is when the rollout, or the one of a service, had its verdict in the last run.
func (s *side) rolledOut(step string) (time.Time, error) {
	log, err := lastJournal(s.state)
	if err != nil {
		return time.Time{}, err
	}
	return log.done(step)
}

func (s *side) containers(ctx context.Context) (map[string]compose.Container, error) {
	listed, err := compose.Project{Name: s.project}.Containers(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]compose.Container{}
	for _, c := range listed {
		if other, twice := found[c.Service]; twice {
			return nil, fmt.Errorf("%s has two containers, %s and %s", c.Service, other.Name, c.Name)
		}
		found[c.Service] = c
	}
	return found, nil
}

// removeProject takes away what a project has on the engine. It tries again for a while: after an interrupt the engine may
// still be busy with what it was told before.
func removeProject(ctx context.Context, project string) error {
	const tries, pause = 30, time.Second
	var err error
	for range tries {
		if err = removeOnce(ctx, project); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return err
}

func removeOnce(ctx context.Context, project string) error {
	its := "label=" + compose.ProjectLabel + "=" + project
	for _, kind := range [][2][]string{
		{{"ps", "-aq", "--filter", its}, {"rm", "-fv"}},
		{{"ps", "-aq", "--filter", "label=slipway.keeps=" + project}, {"rm", "-f"}},
		{{"network", "ls", "-q", "--filter", its}, {"network", "rm"}},
		{{"image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=slipway/" + project + "-*"}, {"rmi"}},
	} {
		listed, err := execute(ctx, ".", nil, append([]string{"docker"}, kind[0]...)...)
		if err != nil {
			return err
		}
		// One after the other: engine 20.10 loses count of a network's endpoints when many containers leave it at once.
		for _, id := range strings.Fields(listed.stdout) {
			if _, err := execute(ctx, ".", nil, append(append([]string{"docker"}, kind[1]...), id)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// discard ends a side whose round is over.
func (s *side) discard(ctx context.Context) error { return removeProject(ctx, s.project) }
