package targets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"slipway/internal/backup"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/settings"
)

// Restore puts a backup in the place of the database's content: of the one named with -backup=ID. Without it, it lists them.
//
// It asks on a terminal; -yes confirms. The backup is read and compared with what was written before anything stops. Then it stops
// the services that write, backs up the present state, restores all databases and the roles that are missing, compares the rows
// of each table, or how many keys or files there are, with the backup, starts the services again, also when the restore failed, and waits for them to be
// well. The data is all of the backup or all as it was. Interrupted, run it again. What the restored data lacks of migrations, the
// next deploy applies.
//
// A backup of another project or of a newer server is refused; -foreign insists. -check reads the backups and restores none: all,
// or the one that is named. Exit 3: refused, nothing was touched. 4: failed, the message says what runs now, or with -check
// which backups are broken. 11: another deployment holds the lock.
func Restore(ctx context.Context, backup *string, yes, foreign, check *bool) error {
	asked := flags{backup: backup, yes: yes, foreign: foreign, check: check}
	return enter(ctx, "restore", backup != nil || or(check, false), asked, func(ctx context.Context, s *session) error {
		if s.dest.Database.Kind == "" {
			return refuse(ctx, errors.New("restore: "+noKind))
		}
		if s.options.check {
			return s.checkBackups(ctx)
		}
		chosen, err := s.backups().Find(s.options.backup)
		if err != nil {
			return refuse(ctx, fmt.Errorf("restore: %w", err))
		}
		if err := s.fits(ctx, chosen); err != nil {
			return err
		}
		if err := s.sure(ctx, chosen); err != nil {
			return refuse(ctx, fmt.Errorf("restore: %w", err), s.restoreCommand(chosen)+" -yes")
		}
		if err := s.restore(ctx, chosen); err != nil {
			return fail(ctx, exitFailed, fmt.Errorf("restore: %w%s", err, s.running(ctx)), s.restoreHints(err, chosen)...)
		}
		s.console.Below("next         " + command("deploy") + "   (applies the migrations that the data lacks)")
		return nil
	})
}

// sure asks the operator, where that was not confirmed with -yes.
func (s *session) sure(ctx context.Context, chosen backup.Backup) error {
	if s.options.yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) || !s.console.Terminal() {
		return fmt.Errorf("it replaces the data of %s by %s, and there is no terminal to ask at", s.project.Name, chosen.ID)
	}
	prompt := settings.NewPrompt(os.Stdin, os.Stderr)
	return prompt.Confirm(ctx, fmt.Sprintf("Replace the data of %s at %s by %s?", s.project.Name, s.dest.Name, chosen))
}

// restore replaces the data with nobody writing meanwhile. Whatever comes of it, the writers run again.
func (s *session) restore(ctx context.Context, chosen backup.Backup) error {
	writers, err := s.writers(ctx)
	if err != nil {
		return err
	}
	if s.dest.Database.Service != "" {
		if err := s.startDatabase(ctx); err != nil {
			return err
		}
	}
	err = s.interruptibleScript(ctx, "deploy.sh", s.backupArgs("check", chosen)...)
	if said := refusal(err); said != "" {
		var hints []string
		if chosen.Manifest != nil && !s.options.foreign { // it is whole and of this project, so it is of a newer server
			hints = []string{"to restore it all the same: " + s.restoreCommand(chosen) + " -foreign"}
		}
		return refuse(ctx, errors.New("restore: "+said), hints...)
	}
	if err != nil {
		return err
	}
	// Before the data changes: whoever is killed after that must not take its migrations for applied.
	if _, err := s.store.Reset(s.lock, "migrate", s.steps()); err != nil {
		return err
	}
	err = s.timed("stop", strings.Join(writers, ", "), func() error { return s.onServices(ctx, "stop", writers) })
	if err == nil {
		err = s.replaceData(ctx, chosen)
	}
	starting := s.timed("start", strings.Join(writers, ", "), func() error {
		if err := s.onServices(ctx, "start", writers); err != nil {
			return err
		}
		for _, writer := range writers {
			if err := s.await(ctx, writer, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, starting)
}

// replaceData backs up what is there, then restores.
func (s *session) replaceData(ctx context.Context, chosen backup.Backup) error {
	started := time.Now()
	before, err := s.takeBackup(ctx, backup.BeforeRestore)
	switch {
	case errors.Is(err, errNoDatabase):
		s.console.Line(console.Skip, "backup", err.Error(), 0)
	case err != nil:
		s.console.Line(console.Fail, "backup", firstLine(err), time.Since(started))
		return &unsavedError{err}
	default:
		s.console.Line(console.OK, "backup", before.String(), time.Since(started))
	}
	return s.timed("restore", chosen.String(), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.script(ctx, "deploy.sh", s.backupArgs("restore", chosen)...)
	})
}

// finishRestore has a restore that was killed come to its end, or to nothing, before anybody writes to the data again.
func (s *session) finishRestore(ctx context.Context) error {
	begun, err := s.backups().Restoring()
	if err != nil || !begun {
		return err
	}
	if s.dest.Database.Service != "" {
		if err := s.startDatabase(ctx); err != nil {
			return err
		}
	}
	return s.timed("restore", "one that was cut short is out of the way", func() error { return s.script(ctx, "deploy.sh", "finish") })
}

// unsavedError is a backup before a restore that failed.
type unsavedError struct{ err error }

func (e *unsavedError) Error() string {
	return "nothing was restored: back up the present state: " + e.err.Error()
}

func (e *unsavedError) Unwrap() error { return e.err }

// restoreHints are what to do about a restore that failed. A database that is broken cannot be backed up and must still be
// restored: that is for the operator to decide.
func (s *session) restoreHints(err error, chosen backup.Backup) []string {
	hints := s.advice(err)
	var unsaved *unsavedError
	if errors.As(err, &unsaved) && !errors.Is(err, context.Canceled) {
		hints = append(hints, fmt.Sprintf("to give up what is there now, stop what writes and run: "+
			"COMPOSE_PROJECT_NAME=%s DESTINATION=%s STATE_DIR=%s scripts/deploy.sh %s",
			s.project.Name, s.dest.Name, s.store.Dir(), strings.Join(s.backupArgs("restore", chosen), " ")))
	}
	return hints
}

// writers are the services that write to the database and have a container.
func (s *session) writers(ctx context.Context) ([]string, error) {
	containers, err := s.project.Containers(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(s.dest.Database.Writers), func(writer string) bool {
		return !slices.ContainsFunc(containers, func(c compose.Container) bool { return !c.OneOff && c.Service == writer })
	}), nil
}

// runningWriters are those that run.
func (s *session) runningWriters(ctx context.Context) ([]string, error) {
	containers, err := s.project.Containers(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(s.dest.Database.Writers), func(writer string) bool {
		return !slices.ContainsFunc(containers, func(c compose.Container) bool { return !c.OneOff && c.Service == writer && c.Status == "running" })
	}), nil
}

// onServices runs a step of deploy.sh on services, if there are any.
func (s *session) onServices(ctx context.Context, step string, services []string) error {
	if len(services) == 0 {
		return nil
	}
	return s.script(ctx, "deploy.sh", append([]string{step}, services...)...)
}

// timed does one part of a target and prints what came of it.
func (s *session) timed(part, detail string, work func() error) error {
	started := time.Now()
	if err := work(); err != nil {
		s.console.Line(console.Fail, part, firstLine(err), time.Since(started))
		return err
	}
	s.console.Line(console.OK, part, detail, time.Since(started))
	return nil
}
