// Package behind is what package slipway calls and package targets does. Targets read what package slipway declares, so that it cannot
// import them.
package behind

import (
	"context"

	"slipway/checkpoints"
)

// Set by package targets.
var (
	Run func(ctx context.Context, step checkpoints.Step) error
	To  func(destination string) error
)

// Binary is how the static binary is called; empty where a magefile runs.
var Binary string

// Version is the static binary's.
var Version string
