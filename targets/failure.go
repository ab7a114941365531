package targets

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"slipway/checkpoints"
	"slipway/internal/behind"
	"slipway/internal/compose"
)

// Exit codes of every target. 2 is Mage's own: wrong usage.
const (
	exitUnexpected   = 1
	exitRefused      = 3   // preflight, prerequisites or config said no; the running stack was not touched
	exitFailed       = 4   // deploy or verify failed; the message says what runs now
	exitReturnFailed = 5   // a rollback failed, or an automatic return; the message says what runs
	exitHeld         = 11  // another deployment holds the lock
	exitChanges      = 12  // plan -exit: a deployment would do something
	exitInterrupted  = 130 // interrupted; the message says where it resumes
)

// Failure is how a target ends that did not do what was asked: the exit code, the reason and commands to go on with.
type Failure struct {
	Code  int
	Hints []string
	Err   error
	now   string // what ran when it failed
}

// Error is the reason with its hints below, as the operator reads it.
func (f *Failure) Error() string {
	var text strings.Builder
	text.WriteString(f.Err.Error() + f.now)
	for _, hint := range f.Hints {
		text.WriteString("\n  hint: " + hint)
	}
	return text.String()
}

// ExitStatus is the code that Mage leaves with. Mage reads it from the outermost error only.
func (f *Failure) ExitStatus() int { return f.Code }

func (f *Failure) Unwrap() error { return f.Err }

// refuse turns an error met before anything was touched into a Failure.
func refuse(ctx context.Context, err error, hints ...string) *Failure {
	return fail(ctx, exitRefused, err, hints...)
}

// fail makes the Failure of an error: a code that the error itself asks for wins over the given one.
func fail(ctx context.Context, code int, err error, hints ...string) *Failure {
	var made *Failure
	if errors.As(err, &made) {
		return made
	}
	var held *checkpoints.HeldError
	var record *checkpoints.RecordError
	var remedied interface{ Hints() []string }
	if errors.As(err, &remedied) {
		hints = append(remedied.Hints(), hints...)
	}
	if errors.Is(err, compose.ErrNoDocker) || errors.Is(err, compose.ErrNoEngine) {
		hints = append(hints, command("prerequisites"))
	}
	switch {
	case errors.As(err, &held):
		code, hints = exitHeld, append([]string{"wait for it, or give it time: " + command("deploy") + " -wait=10m", command("status")}, hints...)
	case errors.As(err, &record):
		hints = []string{resetRecord(record.Step)}
	case errors.Is(err, context.Canceled) || ctx.Err() != nil:
		code = exitInterrupted
	}
	return &Failure{Code: code, Hints: hints, Err: redacted{err}}
}

// resetRecord is the remedy for a record that cannot be read.
func resetRecord(step string) string {
	return command("reset") + " -step=" + step + "   (moves the record aside; the step runs again)"
}

// redacted hides secrets in the text of an error that leaves the process through Mage.
type redacted struct{ err error }

func (r redacted) Error() string {
	if current == nil {
		return r.err.Error()
	}
	return current.secrets.String(r.err.Error())
}

func (r redacted) Unwrap() error { return r.err }

// called is how the operator starts targets.
func called() string {
	if behind.Binary != "" {
		return behind.Binary
	}
	if _, err := exec.LookPath("mage"); err != nil {
		return "go tool mage"
	}
	return "mage"
}

// command is what to type for a target at the current destination.
func command(target string) string {
	words := []string{called(), target}
	switch name := destinationName(); {
	case name == "" || current != nil && name == current.stack.Destinations[0].Name:
	case selected != "" || behind.Binary != "" || destinationIsTarget():
		words = slices.Insert(words, 1, name)
	default:
		words = slices.Insert(words, 0, "DESTINATION="+name)
	}
	return strings.Join(words, " ")
}

// destinationIsTarget tells whether the magefile has a target that selects the destination.
var destinationIsTarget = sync.OnceValue(func() bool {
	_, known := magefile{}.usage(strings.ToLower(destinationName()))
	return known
})
