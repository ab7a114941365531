package dev

import (
	"context"
	"os"

	"slipway/internal/console"
	"slipway/internal/dev/bench"
	"slipway/internal/redact"
)

// Bench measures Slipway against docker compose on the engine here and prints one table; all of it writes docs/performance.md.
//
// -only=a,d measures those cases alone, -rounds=1 each that often. Its projects, images and folders are its own and are
// removed at the end, also after a failure or an interrupt. On a machine that is busy the figures say little.
func Bench(ctx context.Context, only *string, rounds *int) error {
	o := bench.Options{Console: console.New(os.Stdout, os.Stderr, redact.New())}
	if only != nil {
		o.Only = *only
	}
	if rounds != nil {
		o.Rounds = *rounds
	}
	return bench.Run(ctx, o)
}
