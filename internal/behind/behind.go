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

// Set by the static binary: how it is called, and its version; empty where a magefile runs.
var Binary, Version string
