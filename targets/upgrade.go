package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/datadir"
	"slipway/internal/preflight"
	"slipway/internal/rollout"
)

// Upgrade takes a PostgreSQL to the major version of the image that the compose files now name: `mage upgrade db`.
//
// Give the service the new image and a new volume, under another name, and run this before the next deploy. What depends on the
// service is stopped; all databases and roles go into the new volume, dumped with the old server's own tools; the rows of every
// table are compared; the service comes up on the new volume, and the others start again. The old volume is not written to and
// not removed: the report names it and the way back. Interrupted at any instant, the old server or the new one has all of it;
// run it again. Exit 3: refused, nothing was touched. 4: failed, the message says what runs now. 11: another deployment holds
// the lock.
func Upgrade(ctx context.Context, service string) error {
	return enter(ctx, "upgrade", true, flags{}, func(ctx context.Context, s *session) error {
		if err := s.follow(ctx); err != nil {
			return refuse(ctx, fmt.Errorf("upgrade: %w", err))
		}
		for _, step := range []checkpoints.Step{s.pull(), s.build()} {
			if _, err := s.do(ctx, step); err != nil {
				return fail(ctx, exitFailed, fmt.Errorf("upgrade: %w", err), s.advice(err)...)
			}
		}
		u, err := s.upgradeOf(ctx, service)
		if err != nil {
			return refuse(ctx, fmt.Errorf("upgrade: service %s: %w", service, err))
		}
		if _, err := s.do(ctx, s.upgrade(service, u)); err != nil {
			return fail(ctx, exitFailed, fmt.Errorf("upgrade: %w%s", err, s.running(ctx)), "run it again: "+command("upgrade")+" "+service,
				"or give the service its old image and volume back, and: "+command("deploy"))
		}
		if u.From != "" {
			s.console.Below("old data     " + u.From + ", as it was; nothing here writes to it or removes it")
			s.console.Below("way back     give the service its old image and volume again, and: " + command("deploy") + "   (without what was written since)")
		}
		s.console.Below("next         " + command("deploy"))
		return nil
	})
}

// upgradeOf is the upgrade of a service; empty where its container has the new version already, and only the rest is still to be done.
func (s *session) upgradeOf(ctx context.Context, service string) (datadir.Upgrade, error) {
	world, err := s.dataWorld(ctx)
	if err != nil {
		return datadir.Upgrade{}, err
	}
	u, err := world.Upgrade(ctx, service)
	if errors.Is(err, datadir.ErrUpgraded) && s.upgrading(service) {
		return datadir.Upgrade{}, nil
	}
	if err != nil {
		return u, err
	}
	for _, c := range world.Containers {
		if c.OneOff && c.Status == "running" && c.Name != datadir.Filler(world.Model.Name) {
			return u, fmt.Errorf("job container %s runs: wait for it to end", c.Name)
		}
	}
	view, err := s.view(ctx)
	if err != nil {
		return u, err
	}
	stages, err := s.stages(ctx, view)
	for _, stage := range stages {
		if way := stage.Way(); len(way) > 0 && slices.Contains(stage.Services, service) {
			return u, fmt.Errorf("it would come up together with other changes (%s): deploy those before or after it", way[0])
		}
	}
	return u, err
}

// upgrade is the step of an upgrade. It runs whenever it is asked for; its record tells a deployment of one that was cut short.
func (s *session) upgrade(service string, u datadir.Upgrade) checkpoints.Step {
	return checkpoints.Step{
		Name: upgradeStep(service),
		Inputs: func(ctx context.Context) ([]checkpoints.Input, error) {
			model, err := s.model(ctx)
			if err != nil {
				return nil, err
			}
			var inputs []checkpoints.Input
			for _, v := range model.Services[service].Writes() {
				inputs = append(inputs, checkpoints.Value(datadir.World{Model: model}.Place(v), ""))
			}
			return inputs, nil
		},
		Holds: func(context.Context) (string, error) { return "asked for", nil },
		Run: func(ctx context.Context) (string, error) {
			users, err := s.usersOf(ctx, service)
			if err != nil {
				return "", err
			}
			if u.From == "" {
				return "the rest of an upgrade that was cut short", s.startAgain(ctx, users)
			}
			if err := s.onServices(ctx, "stop", users); err != nil {
				return "", errors.Join(err, s.startAgain(ctx, users))
			}
			rows, err := s.fillNew(ctx, service, u)
			if err != nil {
				return "", errors.Join(err, s.startAgain(ctx, users))
			}
			view, err := s.view(ctx)
			if err != nil {
				return "", err
			}
			if _, err := s.do(ctx, s.serviceStep(view, service)); err != nil {
				return "", err
			}
			return fmt.Sprintf("%s: %s", u, rows), s.startAgain(ctx, users)
		},
	}
}

// fillNew fills the new volume from the old server, and says what was compared.
func (s *session) fillNew(ctx context.Context, service string, u datadir.Upgrade) (string, error) {
	var said strings.Builder
	if err := s.runScript(ctx, &said, "deploy.sh", "upgrade", service, u.Old.ID, u.Target, u.Server.Home); err != nil {
		return "", err
	}
	tables, rows := 0, 0
	for line := range strings.Lines(said.String()) {
		count, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " ")+1:]))
		if err != nil {
			continue
		}
		tables, rows = tables+1, rows+count
	}
	return fmt.Sprintf("%s with %s are alike", console.Count(tables, "table"), console.Count(rows, "row")), nil
}

// startAgain starts what an upgrade has stopped, and waits until it is well.
func (s *session) startAgain(ctx context.Context, users []string) error {
	if err := s.onServices(ctx, "start", users); err != nil {
		return err
	}
	for _, user := range users {
		if err := s.await(ctx, user, nil); err != nil {
			return err
		}
	}
	return nil
}

// usersOf are the services with a container that use a service: what depends on it, be it through others, and what is declared to
// write to the database.
func (s *session) usersOf(ctx context.Context, service string) ([]string, error) {
	view, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	uses := map[string]bool{service: true}
	if s.dest.Database.Service == service {
		for _, writer := range s.dest.Database.Writers {
			uses[writer] = true
		}
	}
	for more := true; more; {
		more = false
		for _, user := range view.model.Up() {
			for name := range user.DependsOn {
				if uses[name] && !uses[user.Name] {
					uses[user.Name], more = true, true
				}
			}
		}
	}
	var users []string
	for _, user := range view.model.Up() {
		if uses[user.Name] && user.Name != service && len(rollout.Of(user.Name, view.containers)) > 0 {
			users = append(users, user.Name)
		}
	}
	return users, nil
}

// upgradeFamily begins the names of the steps of upgrades.
const upgradeFamily = "upgrade."

// upgradeStep is the name of the step of a service's upgrade.
func upgradeStep(service string) string {
	return upgradeFamily + strings.TrimPrefix(rollout.StepName(service), "rollout.")
}

// upgrading reports whether an upgrade of the service was begun and did not come to its end.
func (s *session) upgrading(service string) bool {
	record, begun, err := s.store.Record(upgradeStep(service))
	return err == nil && begun && record.State != checkpoints.Done
}

// noHalfUpgrade refuses where an upgrade was cut short: its record alone keeps deployments off the volume that it left behind.
func (s *session) noHalfUpgrade() error {
	records, _ := s.store.Records() // damaged ones are what a reset is for
	for _, record := range records {
		if service, is := strings.CutPrefix(record.Step, upgradeFamily); is && record.State != checkpoints.Done {
			return fmt.Errorf("an upgrade of %s was cut short, and its record keeps deployments off the new volume: run %s %[1]s; "+
				"or, where the new volume was removed: %s -step=%s", service, command("upgrade"), command("reset"), record.Step)
		}
	}
	return nil
}

// halfUpgraded are the services that would get a volume which an upgrade that was cut short has left behind: half filled, or with data
// of which the old server has newer.
func (s *session) halfUpgraded(world datadir.World) ([]preflight.Problem, error) {
	var problems []preflight.Problem
	for _, service := range world.Model.Up() {
		record, begun, err := s.store.Record(upgradeStep(service.Name))
		if err != nil {
			return nil, err
		}
		if !begun || record.State == checkpoints.Done {
			continue
		}
		for _, v := range service.Writes() {
			_, into := record.Inputs[world.Place(v)]
			if into && !slices.ContainsFunc(rollout.Of(service.Name, world.Containers), func(c compose.Container) bool {
				return slices.ContainsFunc(c.Mounts, func(m compose.Mount) bool { return world.Has(m, v) })
			}) {
				problems = append(problems, preflight.Problem{
					Text:   fmt.Sprintf("service %s: its upgrade was cut short, and %s may lack data", service.Name, world.Place(v)),
					Remedy: command("upgrade") + " " + service.Name + "; or give the service its old image and volume back",
				})
			}
		}
	}
	return problems, nil
}
