package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slipway/checkpoints"
	"slipway/internal/backup"
	"slipway/internal/console"
)

// Backup makes a backup of the database now and prints its id, time and size.
//
// The database goes on working; what writes to a plain volume is stopped meanwhile. A backup has every database of the server and its roles, and says what it does not hold. It is
// read to its end before it counts; it is in backups/ of the state directory, for its owner alone. The ten newest good ones of
// each cause are kept, and those from before a migration or a restore until a deployment was verified after them. `mage restore` brings one
// back.
//
// -to=DIR puts a copy into a folder as well, such as one of another machine, where nothing is ever removed; a program that the
// declaration names takes one too, as of every backup. Exit 3 when there is no database or no such folder, 4 when the backup or a
// copy failed, 11 while a deployment holds the lock.
func Backup(ctx context.Context, to *string) error {
	return enter(ctx, "backup", true, flags{to: to}, func(ctx context.Context, s *session) error {
		started := time.Now()
		if s.dest.Database.Kind == "" {
			return refuse(ctx, errors.New("backup: "+noKind))
		}
		if volume, err := s.volume(ctx); err != nil || volume == "" {
			return refuse(ctx, fmt.Errorf("backup: %w", orNoDatabase(err)))
		}
		made, err := s.takeBackup(ctx, backup.ByHand)
		switch {
		case errors.Is(err, errNoDatabase):
			return refuse(ctx, fmt.Errorf("backup: %w", err))
		case err != nil:
			return fail(ctx, exitFailed, fmt.Errorf("backup: %w", err), s.advice(err)...)
		}
		s.console.Line(console.OK, "backup", filepath.Dir(made.Path), time.Since(started))
		s.console.Print(made.String() + "\n")
		s.console.Below(made.Holds())
		if err := errors.Join(s.copyTo(made), s.copyElsewhere(ctx, made)); err != nil {
			return fail(ctx, exitFailed, fmt.Errorf("backup: %w", err))
		}
		return nil
	})
}

// copyTo puts a copy of a backup into the folder that was asked for.
func (s *session) copyTo(made backup.Backup) error {
	if s.options.to == "" {
		return nil
	}
	started := time.Now()
	copied, err := made.CopyTo(s.options.to)
	if err != nil {
		return fmt.Errorf("%s was made here, and not copied to %s: %w", made.ID, s.options.to, err)
	}
	s.console.Line(console.OK, "copy", copied, time.Since(started))
	return nil
}

const noKind = "the stack names no database that can be backed up"

var errNoDatabase = errors.New("there is no database yet")

func orNoDatabase(err error) error {
	if err != nil {
		return err
	}
	return errNoDatabase
}

func (s *session) backups() backup.Store {
	return backup.Store{Dir: filepath.Join(s.store.Dir(), "backups")}
}

// backup makes a backup when the step migrate will find something to migrate in a database that is there, and none is there
// from before an earlier attempt.
//
// Whether it will is read from the migration files and the volume, not from the image: that is built meanwhile, and the
// plan could not tell.
func (s *session) backup() checkpoints.Step {
	return checkpoints.Step{
		Name:  "backup",
		Skip:  s.noBackup,
		Holds: s.unmigrated,
		Run: func(ctx context.Context) (string, error) {
			standing, found, err := s.standing(ctx)
			if err != nil || found {
				return standing.String(), err
			}
			made, err := s.takeBackup(ctx, backup.BeforeMigration)
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
	settled := !exists || own.State == checkpoints.Done
	if cause == "" && settled {
		return "nothing to migrate", nil
	}
	if standing, found, err := s.standing(ctx); err != nil || found && settled {
		return standing.ID + " is from before the first attempt", err
	}
	return s.migrating(ctx)
}

// standing is the backup from before the first attempt of the migration that is to be done.
func (s *session) standing(ctx context.Context) (backup.Backup, bool, error) {
	volume, err := s.volume(ctx)
	if err != nil {
		return backup.Backup{}, false, err
	}
	return s.backups().Standing(volume)
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

// takeBackup makes a backup, with the database started and well before it, and then removes those that are no longer needed.
func (s *session) takeBackup(ctx context.Context, why backup.Why) (backup.Backup, error) {
	database := s.dest.Database
	if database.Service != "" {
		if err := s.startDatabase(ctx); err != nil {
			return backup.Backup{}, err
		}
	}
	about, err := s.about(ctx, why)
	if err != nil {
		return backup.Backup{}, err
	}
	kept := s.backups()
	made, err := kept.Next(time.Now())
	if err != nil {
		return backup.Backup{}, err
	}
	running, err := s.runningWriters(ctx)
	if err != nil {
		return backup.Backup{}, err
	}
	args := []string{"backup", made.Path, database.Kind, database.keeper(), about}
	if database.Kind == "volume" { // whose services it stops and starts again: that is not cut short
		err = errors.Join(s.script(ctx, "deploy.sh", args...), s.startAgain(context.WithoutCancel(ctx), running))
	} else { // what is half written is no backup
		err = s.interruptibleScript(ctx, "deploy.sh", args...)
	}
	if err != nil {
		return backup.Backup{}, err
	}
	if _, err := os.Stat(made.Path); errors.Is(err, fs.ErrNotExist) {
		return backup.Backup{}, errNoDatabase // the script says so, and writes nothing
	}
	if made, err = kept.Find(made.ID); err != nil {
		return backup.Backup{}, err
	}
	s.journal("backup", map[string]any{"id": made.ID, "size": made.Size})
	if why != backup.BeforeRestore { // an attempt to restore takes nothing away
		if err := kept.Prune(s.project.Name); err != nil {
			s.console.Line(console.Warn, "backup", "old backups are still there: "+err.Error(), 0)
		}
	}
	if err := s.tellMonitoring(ctx, made); err != nil {
		s.console.Line(console.Warn, "backup", "monitoring does not know of it: "+err.Error(), 0)
	}
	if why == backup.ByHand { // who asked for it is told how its copy ended
		return made, nil
	}
	err = s.copyElsewhere(ctx, made)
	if err != nil && ctx.Err() == nil { // the way back is here: it is no reason not to go on
		s.console.Line(console.Warn, "copy", err.Error(), 0)
		err = nil
	}
	return made, err
}

// about is what the manifest says of the cause of a backup, as JSON.
func (s *session) about(ctx context.Context, why backup.Why) (string, error) {
	volume, err := s.volume(ctx)
	if err != nil {
		return "", err
	}
	about := backup.About{Why: why, Run: s.run.ID(), Volume: volume}
	if s.dest.Database.Job != "" {
		files, err := s.migrationFiles(ctx)
		if err != nil {
			return "", err
		}
		about.Migrations = checkpoints.Digest(files)
	}
	text, err := json.Marshal(about)
	return string(text), err
}

// verifiedBackups lets go of the backups that were the way back from this deployment.
func (s *session) verifiedBackups() {
	if s.options.skips("verify") {
		return
	}
	if err := s.backups().Verified(); err != nil {
		s.console.Line(console.Warn, "backup", "old backups are kept: "+err.Error(), 0)
	}
}
