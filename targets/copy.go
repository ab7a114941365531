package targets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"slipway/internal/backup"
	"slipway/internal/console"
)

// checkCopy says what is wrong with the command that copies backups elsewhere.
func checkCopy(argv []string) error {
	if len(argv) == 0 {
		return nil
	}
	if argv[0] == "" {
		return errors.New("its Copy names no program")
	}
	has := false
	for _, word := range copyWord.FindAllString(strings.Join(argv[1:], "\x00"), -1) {
		if word != copyFolder && word != copyID {
			return fmt.Errorf("its Copy has %s, which is neither %s, the folder of the backup, nor %s, its id", word, copyFolder, copyID)
		}
		has = has || word == copyFolder
	}
	if !has {
		return fmt.Errorf("its Copy does not say what to copy: %s stands for the folder of the backup", copyFolder)
	}
	return nil
}

// What stands in the arguments of the command for a backup.
const (
	copyFolder = "${BACKUP}"
	copyID     = "${ID}"
)

var copyWord = regexp.MustCompile(`\$\{[^}]*\}`)

// copyElsewhere runs the declared command on a backup, without a shell, with the operator's own environment. What it prints goes
// to the run's log, redacted.
func (s *session) copyElsewhere(ctx context.Context, made backup.Backup) error {
	argv := s.dest.Database.Copy
	if len(argv) == 0 {
		return nil
	}
	defer s.act("copy " + argv[0])()
	started := time.Now()
	args := make([]string, 0, len(argv))
	for _, arg := range argv[1:] {
		args = append(args, strings.NewReplacer(copyFolder, made.Path, copyID, made.ID).Replace(arg))
	}
	last := &tail{}
	log := s.secrets.Writer(io.MultiWriter(unfailing{s.run.Log()}, last))
	cmd := exec.CommandContext(ctx, argv[0], args...) //nolint:gosec // declared by the operator, argv
	cmd.Dir, cmd.Env = s.dir, os.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	s.journal("copy", map[string]any{"id": made.ID, "program": argv[0]})
	err := cmd.Run()
	_ = log.Flush()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("copy %s: %w", made.ID, ctx.Err())
	case err != nil:
		said := strings.Join(append([]string{""}, last.lines()...), "\n  | ")
		return fmt.Errorf("%s is whole, in %s, and was not copied elsewhere: %s: %w%s", made.ID, made.Path, argv[0], err, said)
	}
	s.console.Line(console.OK, "copy", made.ID+" by "+argv[0], time.Since(started))
	return nil
}
