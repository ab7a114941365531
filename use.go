package slipway

import (
	"context"
	"errors"

	"slipway/checkpoints"
	"slipway/internal/behind"
)

var declared Stack

// Use declares the stack that the targets act on. It is called from the magefile's init; a declaration that cannot work is refused by
// the first target that needs it. Without it, everything is read from the compose files in the magefile's folder.
func Use(stack Stack) { declared = stack }

// Declared is what was declared with Use.
func Declared() Stack { return declared }

// To selects a destination for the targets after it: the body of a target of that name.
//
//	// Production selects the destination production.
//	func Production() error { return slipway.To("production") }
func To(destination string) error {
	if behind.To == nil {
		return errNoTargets
	}
	return behind.To(destination)
}

// Run runs a step of your own, from a target in your magefile, under the rules of the built-in steps.
//
// It is skipped when it is done, unchanged and still holds; it is recorded before and after the work; one run at a time
// holds the stack; its errors and its result are redacted. A failure ends the target with exit 4, a held lock with 11.
// Package checkpoints has the inputs: files, globs, values, keys of the environment, other steps (After).
func Run(ctx context.Context, step checkpoints.Step) error {
	if behind.Run == nil {
		return errNoTargets
	}
	return behind.Run(ctx, step)
}

var errNoTargets = errors.New(`there are no targets: import "slipway/targets" under the comment "// mage:import"`)
