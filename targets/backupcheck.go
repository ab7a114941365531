package targets

import (
	"context"
	"errors"
	"fmt"

	"slipway/internal/backup"
	"slipway/internal/console"
	"slipway/internal/datadir"
)

// fits refuses a backup that is not of this database or is broken, and a restore beside a job that may write.
func (s *session) fits(ctx context.Context, chosen backup.Backup) error {
	var foreign *backup.ForeignError
	if err := chosen.Foreign(s.project.Name, s.dest.Database.Kind); errors.As(err, &foreign) && !(foreign.Fits && s.options.foreign) {
		var hints []string
		if foreign.Fits {
			hints = []string{"to restore it all the same: " + s.restoreCommand(chosen) + " -foreign"}
		}
		return refuse(ctx, fmt.Errorf("restore: %w", err), hints...)
	}
	if err := chosen.Check(); err != nil {
		return refuse(ctx, fmt.Errorf("restore: %s is broken: %w", chosen.ID, err), command("restore")+" -check   (says which are whole)")
	}
	containers, err := s.project.Containers(ctx)
	if err != nil {
		return refuse(ctx, fmt.Errorf("restore: %w", err))
	}
	for _, c := range containers {
		// These are of a restore or an upgrade that was killed: deploy.sh ends the one, and the other is in nobody's data.
		left := c.Name == s.project.Name+"-database" || c.Name == datadir.Filler(s.project.Name)
		if c.OneOff && (c.Status == "running" || c.Status == "restarting") && !left {
			return refuse(ctx, fmt.Errorf("restore: %s still runs, and may write", c.Name), "wait for its end: docker wait "+c.Name)
		}
	}
	return nil
}

// restoreCommand is what to type to restore that backup.
func (s *session) restoreCommand(chosen backup.Backup) string {
	text := command("restore") + " -backup=" + chosen.ID
	if s.options.foreign {
		text += " -foreign"
	}
	return text
}

// checkBackups reads the backups, or the one that is named, and says which are whole.
func (s *session) checkBackups(ctx context.Context) error {
	all, err := s.backups().List()
	if err != nil {
		return refuse(ctx, fmt.Errorf("restore: %w", err))
	}
	if len(all) == 0 {
		s.console.Line(console.Skip, "restore", "there is no backup in "+s.backups().Dir, 0)
	}
	broken := 0
	for _, b := range all {
		if s.options.backup != "" && b.ID != s.options.backup {
			continue
		}
		if err := s.checkBackup(ctx, b); err != nil {
			broken++
			s.console.Table(console.Fail, b.String(), firstLine(err))
			continue
		}
		s.console.Table(console.OK, b.String(), b.Holds())
	}
	if broken > 0 {
		return fail(ctx, exitFailed, fmt.Errorf("restore: %s broken", console.Count(broken, "backup")))
	}
	return nil
}

// checkBackup reads a backup to its end. Of a file of the operator's only the database's own tools tell whether it is whole.
func (s *session) checkBackup(ctx context.Context, b backup.Backup) error {
	if b.Broken != nil || b.Manifest != nil {
		return b.Check()
	}
	err := s.interruptibleScript(ctx, "deploy.sh", s.backupArgs("check", b)...)
	if said := refusal(err); said != "" {
		return errors.New(said)
	}
	return err
}

// backupArgs are the arguments of deploy.sh for what it does with a backup.
func (s *session) backupArgs(step string, b backup.Backup) []string {
	args := []string{step, b.Path, s.dest.Database.Kind, s.dest.Database.keeper()}
	if s.options.foreign {
		args = append(args, "foreign")
	}
	return args
}
