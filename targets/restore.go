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

	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/settings"
)

// Restore puts a backup in the place of the database's content: of the one named with -backup=ID. Without it, it lists them.
//
// It asks on a terminal; -yes confirms. It stops the services that write, backs up the present state, restores, compares the
// rows of each table with the backup, starts the services again, also when the restore failed, and waits for them to be well.
// The data is all of the backup or all as it was. Interrupted, run it again. What the restored data lacks of migrations, the
// next deploy applies. Exit 3: refused, nothing was touched. 4: failed, the message says what runs now. 11: another
// deployment holds the lock.
func Restore(ctx context.Context, backup *string, yes *bool) error {
	return enter(ctx, "restore", backup != nil, flags{backup: backup, yes: yes}, func(ctx context.Context, s *session) error {
		if s.dest.Database.Kind == "" {
			return refuse(ctx, errors.New("restore: "+noKind))
		}
		chosen, err := s.backups().find(s.options.backup)
		if err != nil {
			return refuse(ctx, fmt.Errorf("restore: %w", err))
		}
		if err := s.sure(ctx, chosen); err != nil {
			return refuse(ctx, fmt.Errorf("restore: %w", err), command("restore")+" -backup="+chosen.ID+" -yes")
		}
		if err := s.restore(ctx, chosen); err != nil {
			return fail(ctx, exitFailed, fmt.Errorf("restore: %w%s", err, s.running(ctx)), s.restoreHints(err, chosen)...)
		}
		s.console.Below("next         " + command("deploy") + "   (applies the migrations that the data lacks)")
		return nil
	})
}

// sure asks the operator, where that was not confirmed with -yes.
func (s *session) sure(ctx context.Context, chosen backup) error {
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
func (s *session) restore(ctx context.Context, chosen backup) error {
	writers, err := s.writers(ctx)
	if err != nil {
		return err
	}
	if s.dest.Database.Service != "" {
		if err := s.startDatabase(ctx); err != nil {
			return err
		}
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
func (s *session) replaceData(ctx context.Context, chosen backup) error {
	started := time.Now()
	before, err := s.takeBackup(ctx, chosen.ID)
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
		database := s.dest.Database
		return s.script(ctx, "deploy.sh", "restore", chosen.Path, database.Kind, database.keeper())
	})
}

// unsavedError is a backup before a restore that failed.
type unsavedError struct{ err error }

func (e *unsavedError) Error() string {
	return "nothing was restored: back up the present state: " + e.err.Error()
}

func (e *unsavedError) Unwrap() error { return e.err }

// restoreHints are what to do about a restore that failed. A database that is broken cannot be backed up and must still be
// restored: that is for the operator to decide.
func (s *session) restoreHints(err error, chosen backup) []string {
	hints := s.advice(err)
	var unsaved *unsavedError
	if errors.As(err, &unsaved) && !errors.Is(err, context.Canceled) {
		database := s.dest.Database
		hints = append(hints, fmt.Sprintf("to give up what is there now, stop what writes and run: "+
			"COMPOSE_PROJECT_NAME=%s DESTINATION=%s STATE_DIR=%s scripts/deploy.sh restore %s%s %s %s",
			s.project.Name, s.dest.Name, s.store.Dir(), chosen.ID, backupSuffix, database.Kind, database.keeper()))
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
