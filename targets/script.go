package targets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tailLines is how much of a script's output an error repeats.
const tailLines = 20

// scriptError is a script that failed: where, how, and its last lines.
type scriptError struct {
	Script   string
	Line     int
	ExitCode int            // -1 when a signal ended it
	Signal   syscall.Signal // 0 when none did
	Tail     []string
}

func (e *scriptError) Error() string {
	how := fmt.Sprintf("exit %d", e.ExitCode)
	if e.Signal != 0 {
		how = "ended by " + e.Signal.String()
	}
	text := fmt.Sprintf("%s: %s", e.Script, how)
	for _, line := range e.Tail {
		text += "\n  | " + line
	}
	return text
}

// refusal is the sentence of a script that refused and touched nothing; empty where it did not.
func refusal(err error) string {
	var failed *scriptError
	if !errors.As(err, &failed) || failed.ExitCode != exitRefused || len(failed.Tail) == 0 {
		return ""
	}
	said := failed.Tail[len(failed.Tail)-1]
	return strings.TrimPrefix(said, strings.Replace(failed.Script, " ", ": ", 1)+": ")
}

// script runs a script of scripts/ to its end, in a process group of its own with the lock inherited, and is not cut
// short by an interrupt: what acts on the engine is finished. Its output goes to the run's log, redacted.
func (s *session) script(ctx context.Context, name string, args ...string) error {
	return s.scriptTo(ctx, io.Discard, name, args...)
}

// scriptTo is the same, with what the script prints to stdout for the caller, too.
func (s *session) scriptTo(ctx context.Context, stdout io.Writer, name string, args ...string) error {
	return orInterrupted(ctx, s.runScript(context.WithoutCancel(ctx), stdout, name, args...))
}

// orInterrupted takes a script that a signal ended for interrupted where the run gets the signal too. A signal to the group
// of the run ends a script that has been forked and has not yet its own group, before it began.
func orInterrupted(ctx context.Context, err error) error {
	var script *scriptError
	if !errors.As(err, &script) || !slices.Contains(interrupts, os.Signal(script.Signal)) {
		return err
	}
	const patience = time.Second // the run may learn of it a little later
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", script.Script, ctx.Err())
	case <-time.After(patience):
		return err
	}
}

// interruptibleScript runs a script that may be cut short: one that leaves nothing half done, as a download or a build.
func (s *session) interruptibleScript(ctx context.Context, name string, args ...string) error {
	return orInterrupted(ctx, s.runScript(ctx, io.Discard, name, args...))
}

// runScript is the one way from Go into a script: argv only, the environment spelled out.
func (s *session) runScript(ctx context.Context, stdout io.Writer, name string, args ...string) error {
	defer s.act(strings.Join(append([]string{strings.TrimSuffix(name, ".sh")}, firstWord(args)...), " "))()
	if name == "deploy.sh" {
		if err := s.lockEngine(ctx); err != nil {
			return err
		}
	}
	fault, err := os.CreateTemp("", "slipway-fault-")
	if err != nil {
		return fmt.Errorf("make a file for the script's fault: %w", err)
	}
	defer func() { _ = os.Remove(fault.Name()); _ = fault.Close() }()

	last := &tail{}
	log := s.secrets.Writer(io.MultiWriter(unfailing{s.run.Log()}, last))
	cmd := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(s.store.Dir(), "scripts", name)}, args...)...) //nolint:gosec // our own script, argv
	cmd.Dir = s.dir
	cmd.Env = s.environ("LOCK_FD=3", "FAULT_FILE="+fault.Name())
	cmd.ExtraFiles = []*os.File{s.lock.File()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(stdout, log), log
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	defer s.forget()
	s.journal("script", map[string]any{"script": name, "args": strings.Join(args, " ")})
	err = cmd.Run()
	_ = log.Flush()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(firstWord(args), ""), ctx.Err())
	}
	return scriptFailure(name, args, err, fault, last.lines())
}

func scriptFailure(name string, args []string, err error, fault io.ReadSeeker, last []string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run %s: %w", name, err)
	}
	failure := &scriptError{Script: strings.Join(append([]string{name}, firstWord(args)...), " "), ExitCode: exit.ExitCode(), Tail: last}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		failure.Signal = status.Signal()
	}
	var where struct {
		Line int `json:"line"`
	}
	if _, err := fault.Seek(0, io.SeekStart); err == nil && json.NewDecoder(fault).Decode(&where) == nil {
		failure.Line = where.Line
	}
	return failure
}

// ask runs a script that only looks, and returns its lines on stdout and its exit code.
func (s *session) ask(ctx context.Context, name string, args ...string) ([]string, int, error) {
	cmd := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(s.store.Dir(), "scripts", name)}, args...)...) //nolint:gosec // our own script, argv
	cmd.Dir = s.dir
	cmd.Env = s.environ()
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, 0, fmt.Errorf("run %s: %w", name, err)
	}
	lines := strings.FieldsFunc(s.secrets.String(out.String()), func(r rune) bool { return r == '\n' })
	return lines, cmd.ProcessState.ExitCode(), nil
}

// environ is what a script gets: the operator's environment, Compose's variables for this project, and more.
func (s *session) environ(more ...string) []string {
	project := s.project
	if s.attempt != nil {
		project = s.attempt.project
	}
	env := append(os.Environ(), project.Environ()...)
	return append(append(env, "STATE_DIR="+s.store.Dir(), "DESTINATION="+s.dest.Name, "STACK_DIR="+s.dir), more...)
}

func firstWord(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	return args[:1]
}

// unfailing is a log that may lose what it is told: were a full disk to close it, what writes to it would be ended by a signal.
type unfailing struct{ to io.Writer }

func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.to.Write(p)
	return len(p), nil
}

// tail keeps the last lines written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const enough = 16 << 10
	t.text = append(t.text, p...)
	if len(t.text) > enough {
		t.text = t.text[len(t.text)-enough:]
	}
	return len(p), nil
}

func (t *tail) lines() []string {
	lines := strings.FieldsFunc(string(t.text), func(r rune) bool { return r == '\n' || r == '\r' })
	return lines[max(0, len(lines)-tailLines):]
}
