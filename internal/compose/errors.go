package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"

	"github.com/moby/moby/client"
)

// Errors somebody decides on.
var (
	ErrNoDocker = errors.New("the docker command is not installed")
	ErrNoEngine = errors.New("the docker engine is not reachable")
)

// explain turns the end of a docker command into an error without values.
func explain(ctx context.Context, what string, err error, stderr string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s: %w", what, ErrNoDocker)
	}
	if said := harmless(stderr); said != "" {
		return &Error{What: what, Said: said, err: err}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// refusal turns a failure of the engine's API into an error without values. What names the question.
func refusal(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case client.IsErrConnectionFailed(err):
		var dial *net.OpError
		if errors.As(err, &dial) { // the rest repeats it
			err = dial
		}
		return fmt.Errorf("%s: %w: %s", what, ErrNoEngine, harmless(err.Error()))
	}
	return &Error{What: what, Said: harmless(err.Error()), err: err}
}

// Error is a question that docker or its engine answered with a failure.
type Error struct {
	What string // the question, in a few words
	Said string // the answer without lines that may hold values
	err  error
}

func (e *Error) Error() string { return e.What + ": " + e.Said }

// Unwrap returns how the docker command ended, or the engine's own error.
func (e *Error) Unwrap() error { return e.err }

var (
	quoted = regexp.MustCompile("\"[^\"]*\"?|'[^']*'?|`[^`]*`?")
	prefix = regexp.MustCompile(`^time="[^"]*" level=\w+ msg=`)
)

// harmless drops warnings, which quote fragments of a password that holds a dollar sign, and empties the quotes of
// parse errors, which repeat the line of the env file that could not be read.
func harmless(stderr string) string {
	var kept []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, "level=warning") || strings.Contains(line, "variable is not set") {
			continue
		}
		line = prefix.ReplaceAllString(line, "")
		if quotesInput(line) {
			line = quoted.ReplaceAllString(line, `"…"`)
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "; ")
}

func quotesInput(line string) bool {
	for _, sign := range []string{
		"unexpected character", "unterminated quoted", "invalid interpolation", "invalid template", "invalid variable",
		"yaml:", "failed to read", "invalid environment", "invalid hostPort", "invalid proto", "invalid containerPort",
	} {
		if strings.Contains(line, sign) {
			return true
		}
	}
	return false
}
