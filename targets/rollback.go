package targets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/console"
	"slipway/internal/release"
)

// Rollback brings an earlier release back: its images, its files and its settings, with the secrets of today.
//
// Without -release=ID it is the last verified one before the present. Everything that it needs is looked at first, and no registry,
// no build and no checkout is needed. Only what differs is replaced, and then it is verified. -plan shows what would be done, and
// what would change back. The data stays as it is: where the data has migrations that the release does not know, it refuses, unless
// -migrations=keep says that the release can live with them.
//
// Exit 3: refused, nothing was touched. 5: failed, the message says what runs now. 11: another deployment holds the lock.
func Rollback(ctx context.Context, release, migrations *string, plan *bool, timeout, wait *time.Duration, passes *int) error {
	asked := flags{release: release, migrations: migrations, plan: plan, timeout: timeout, wait: wait, passes: passes}
	return enter(ctx, "rollback", !or(plan, false), asked, func(ctx context.Context, s *session) error {
		to, left, err := s.rollbackTo()
		if err != nil {
			return refuse(ctx, fmt.Errorf("rollback: %w", err), command("history"))
		}
		if err := s.mayRollBack(ctx, to); err != nil {
			return err
		}
		if err := s.adoptFor(ctx, to); err != nil {
			return refuse(ctx, fmt.Errorf("rollback: release %s: %w", to.ID, err), "go forward: mend it and run: "+command("deploy"))
		}
		s.console.Line(console.Note, "rollback", "to release "+whatIs(to), 0)
		for _, change := range to.Since(left) {
			s.console.Line(console.Note, "rollback", change.String(), 0)
		}
		if s.options.plan {
			return s.planRollback(ctx)
		}
		return s.rollBack(ctx, to, left)
	})
}

// rollbackTo is the release to bring back, and the present one.
func (s *session) rollbackTo() (to, left release.Release, err error) {
	store := s.releases()
	left, _, err = store.Current()
	if err != nil && !errors.Is(err, release.ErrNone) {
		return to, left, err
	}
	if s.options.release != "" {
		to, err = store.Find(s.options.release)
		return to, left, err
	}
	if outcome, err := store.Outcome(left.ID); err == nil && left.BackTo != "" && outcome.State != release.Verified { // it did not come to its end
		if to, err = store.Find(left.BackTo); err == nil {
			return to, left, nil
		}
	}
	to, found, err := store.Good(left)
	if err == nil && !found {
		err = errors.New("there is no verified release before the present one")
	}
	return to, left, err
}

// mayRollBack refuses what cannot go well, before anything is touched.
func (s *session) mayRollBack(ctx context.Context, to release.Release) error {
	lacking, err := s.lacking(ctx, to)
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	if len(lacking) > 0 {
		return refuse(ctx, fmt.Errorf("rollback: release %s is no longer whole; gone is:\n  %s", to.ID, strings.Join(lacking, "\n  ")),
			"another one: "+command("history"), "or the earlier commit: git checkout "+to.Revision+" && "+command("deploy"))
	}
	if begun, err := s.backups().Restoring(); err != nil || begun {
		return refuse(ctx, errors.Join(errors.New("rollback: a restore was cut short, and has to come to its end first"), err), command("deploy")+"   (brings it to its end)")
	}
	why, err := s.acrossMigration(to)
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	if why == "" || s.options.migrations == "keep" {
		return nil
	}
	hints := []string{
		"go forward: mend it and run: " + command("deploy"),
		"if that release can live with the data as it is: " + command("rollback") + " -release=" + to.ID + " -migrations=keep",
	}
	if backup := s.backupAfter(to); backup != "" {
		hints = append(hints, "give up what was written since, and bring the data back first: "+command("restore")+" -backup="+backup)
	} else {
		hints = append(hints, "bring older data back first: "+command("restore")+" lists the backups")
	}
	return refuse(ctx, fmt.Errorf("rollback: release %s does not know the data: %s", to.ID, why), hints...)
}

// backupAfter is the backup from before the first migration after a release.
func (s *session) backupAfter(to release.Release) string {
	all, _ := s.releases().All() // what is damaged has been named
	backup := ""
	for _, r := range all {
		if outcome, err := s.releases().Outcome(r.ID); err == nil && r.ID > to.ID && outcome.Backup != "" {
			backup = outcome.Backup
		}
	}
	if _, err := s.backups().Find(backup); err != nil {
		return ""
	}
	return backup
}

// planRollback prints what a rollback would do.
func (s *session) planRollback(ctx context.Context) error {
	s.options.prune = true
	decisions, err := s.store.Plan(ctx, []checkpoints.Step{s.rollout()})
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	steps, err := s.withServices(ctx, decisions)
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	return s.printPlan(ctx, steps)
}

// rollBack brings an adopted release back, as a release of its own.
func (s *session) rollBack(ctx context.Context, to, left release.Release) error {
	store := s.releases()
	made, err := store.Again(to, release.Release{ID: store.NewID(s.run.ID()), Made: time.Now().UTC(), Who: who()})
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	model, err := s.model(ctx)
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	now, err := s.keep(ctx, made, model)
	if err == nil {
		err = s.begin(store, now)
	}
	if err != nil {
		return refuse(ctx, fmt.Errorf("rollback: %w", err))
	}
	err = s.bringBack(ctx, to, left)
	if err == nil {
		err = s.applied()
	}
	if err == nil {
		err = s.well(ctx)
	}
	if err != nil {
		s.concluded(release.Failed, err, "")
		if ctx.Err() != nil {
			return fail(ctx, exitInterrupted, fmt.Errorf("rollback: interrupted%s", s.running(ctx)), command("rollback")+" -release="+to.ID)
		}
		return &Failure{Code: exitReturnFailed, Hints: append(s.advice(err), command("rollback")+" -release="+to.ID, command("deploy"), command("status")),
			Err: redacted{fmt.Errorf("rollback: to release %s: %w%s", to.ID, err, s.each(ctx))}}
	}
	s.concluded(release.Verified, nil, "")
	s.console.Line(console.OK, "rollback", "release "+whatIs(to)+" serves", time.Since(s.started))
	return nil
}
