package settings

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrDeclined is returned when the operator said no, or left, before anything was written.
var ErrDeclined = errors.New("declined; nothing was changed")

// interruptedError is ErrDeclined by Ctrl-C or a signal, which is context.Canceled as well.
type interruptedError struct{}

func (interruptedError) Error() string { return "interrupted; nothing was changed" }

func (interruptedError) Unwrap() []error { return []error{ErrDeclined, context.Canceled} }

// Problem is one reason why the configuration cannot be used. It names a place, never a value.
type Problem struct {
	Path   string // the file, if it is about one
	Line   int    // 0 when it is about the whole file
	Key    string
	Why    string
	Remedy string // a command to paste, or what to do
}

func (p Problem) String() string {
	var place []string
	switch {
	case p.Path != "" && p.Line > 0:
		place = append(place, fmt.Sprintf("%s:%d", p.Path, p.Line))
	case p.Path != "":
		place = append(place, p.Path)
	}
	if p.Key != "" {
		place = append(place, p.Key)
	}
	return strings.Join(append(place, p.Why), ": ")
}

// RefusedError lists everything that is wrong, so that the operator mends it in one go.
type RefusedError struct {
	Problems []Problem
}

func (e *RefusedError) Error() string {
	all := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		all[i] = p.String()
	}
	return strings.Join(all, "\n  ")
}

// Hints returns the remedies, each once.
func (e *RefusedError) Hints() []string {
	var hints []string
	seen := map[string]bool{}
	for _, p := range e.Problems {
		if p.Remedy != "" && !seen[p.Remedy] {
			seen[p.Remedy] = true
			hints = append(hints, p.Remedy)
		}
	}
	return hints
}

func refuse(problems ...Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &RefusedError{Problems: problems}
}

// MissingError lists the settings that have no value where nobody can be asked.
type MissingError struct {
	Keys []string
}

func (e *MissingError) Error() string {
	return "no value for " + strings.Join(e.Keys, ", ") + ": set them in the environment, or run this on a terminal"
}
