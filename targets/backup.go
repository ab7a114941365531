package targets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/checkpoints"
	"slipway/internal/console"
)

// Backup makes a backup of the database now and prints its id, time and size.
//
// The database goes on working. The backup is read to its end before it counts; it is in backups/ of the state directory,
// mode 0600. Backups are kept for 30 days, ten at most, the newest always. `mage restore` brings one back. Exit 3 when there
// is no database, 4 when the backup failed, 11 while a deployment holds the lock.
func Backup(ctx context.Context) error {
	return enter(ctx, "backup", true, flags{}, func(ctx context.Context, s *session) error {
		started := time.Now()
		if s.dest.Database.Kind == "" {
			return refuse(ctx, errors.New("backup: "+noKind))
		}
		if volume, err := s.volume(ctx); err != nil || volume == "" {
			return refuse(ctx, fmt.Errorf("backup: %w", orNoDatabase(err)))
		}
		made, err := s.takeBackup(ctx)
		switch {
		case errors.Is(err, errNoDatabase):
			return refuse(ctx, fmt.Errorf("backup: %w", err))
		case err != nil:
			return fail(ctx, exitFailed, fmt.Errorf("backup: %w", err), s.advice(err)...)
		}
		s.console.Line(console.OK, "backup", made.dir(), time.Since(started))
		s.console.Print(made.String() + "\n")
		return nil
	})
}

const noKind = "the stack names no database that can be backed up"

var errNoDatabase = errors.New("there is no database yet")

func orNoDatabase(err error) error {
	if err != nil {
		return err
	}
	return errNoDatabase
}

// backup makes a backup when the step migrate will find something to migrate in a database that is there.
//
// Whether it will is read from the migration files and the volume, not from the image: that is built meanwhile, and the
// plan could not tell.
func (s *session) backup() checkpoints.Step {
	return checkpoints.Step{
		Name:  "backup",
		Skip:  s.noBackup,
		Holds: s.unmigrated,
		Run: func(ctx context.Context) (string, error) {
			made, err := s.takeBackup(ctx)
			if errors.Is(err, errNoDatabase) {
				return errNoDatabase.Error(), nil
			}
			return made.String(), err
		},
	}
}

// noBackup says why no backup is needed before the migration; empty when one is.
func (s *session) noBackup(ctx context.Context) (string, error) {
	database := s.dest.Database
	if database.Kind == "" {
		return noKind, nil
	}
	if database.Job == "" {
		return "the stack has no migrations", nil
	}
	if volume, err := s.volume(ctx); err != nil || volume == "" {
		return errNoDatabase.Error(), err
	}
	cause, err := s.unmigrated(ctx)
	if err != nil {
		return "", err
	}
	own, exists, err := s.store.Record("backup")
	if err != nil {
		return "", err
	}
	if cause == "" && (!exists || own.State == checkpoints.Done) {
		return "nothing to migrate", nil
	}
	return s.migrating(ctx)
}

// migrating says that a job that outlived its deployment migrates now: behind that deployment's backup, and too far for
// another one.
func (s *session) migrating(ctx context.Context) (string, error) {
	containers, err := s.containers(ctx)
	if err != nil {
		return "", err
	}
	if len(s.liveJobs(containers)) > 0 {
		return s.dest.Database.Job + " is running already", nil
	}
	return "", nil
}

// unmigrated says why the database may lack migrations; empty when it lacks none.
func (s *session) unmigrated(ctx context.Context) (string, error) {
	inputs, err := s.migrations(ctx)
	if err != nil {
		return "", err
	}
	return s.store.Differs("migrate", inputs)
}

// takeBackup makes a backup, with the database started and well before it, and then removes old ones but those to spare.
func (s *session) takeBackup(ctx context.Context, spare ...string) (backup, error) {
	database := s.dest.Database
	if database.Service != "" {
		if err := s.startDatabase(ctx); err != nil {
			return backup{}, err
		}
	}
	kept := s.backups()
	made, err := kept.name(time.Now())
	if err != nil {
		return backup{}, err
	}
	// It may be cut short: what is half written is no backup.
	if err := s.interruptibleScript(ctx, "deploy.sh", "backup", made.Path, database.Kind, database.keeper()); err != nil {
		return backup{}, err
	}
	if made, err = kept.find(made.ID); err != nil {
		return backup{}, errNoDatabase // the script says so, and writes nothing
	}
	s.journal("backup", map[string]any{"id": made.ID, "size": made.Size})
	if err := kept.prune(time.Now(), append(spare, made.ID)...); err != nil {
		s.console.Line(console.Warn, "backup", "old backups are still there: "+err.Error(), 0)
	}
	if err := s.tellMonitoring(ctx, made); err != nil {
		s.console.Line(console.Warn, "backup", "monitoring does not know of it: "+err.Error(), 0)
	}
	return made, nil
}
