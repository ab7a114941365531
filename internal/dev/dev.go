// Package dev holds the chores of this repository: its linters and its tests.
// They run at the root of a checkout, where Mage starts its targets, and install
// what they need, so that they also run on a fresh machine.
package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"slipway/internal/console"
	"slipway/internal/redact"
)

// Lint runs every linter over this repository and says which of them complained.
func Lint(ctx context.Context) error {
	parts := append([]part{{"tools", installPackages("shellcheck", "shfmt", "yamllint")}}, linters()...)
	return runParts(ctx, "lint", parts)
}

// Test installs what the tests need, then runs every linter and every test, those
// on the real engine included.
func Test(ctx context.Context) error {
	parts := []part{
		{"tools", installPackages(
			"shellcheck", "shfmt", "yamllint", "jq", "curl", "mmdebstrap", "iproute2", "postgresql", "redis-server", "gnupg",
		)},
		{"engine", installEngine},
	}
	parts = append(parts, linters()...)
	parts = append(parts,
		part{"quick tests", quickTests},
		part{"services tests", taggedTests("services", "20m")},
		part{"engine tests", engineTests},
	)
	return runParts(ctx, "test", parts)
}

// Soak runs the long series on the real engine: deployments killed at random
// instants, again and again.
func Soak(ctx context.Context) error {
	return runParts(ctx, "soak", []part{{"soak tests", taggedTests("soak", "6h")}})
}

// part is one thing that a chore does.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts runs them all, the ones after a failure too: a linter's complaint is no
// reason to keep the tests' result back. It ends with how long each part took, and
// its error names every part that failed.
func runParts(ctx context.Context, chore string, parts []part) error {
	out := console.New(os.Stdout, os.Stderr, redact.New())
	begin := time.Now()
	var failed []string
	var spent []string
	for _, p := range parts {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: stopped before %s: %w", chore, p.name, context.Cause(ctx))
		}
		out.Line(console.Run, p.name, "", 0)
		start := time.Now()
		err := p.run(ctx)
		took := time.Since(start)
		spent = append(spent, fmt.Sprintf("%s %s", p.name, took.Round(100*time.Millisecond)))
		if err != nil {
			failed = append(failed, p.name)
			out.Line(console.Fail, p.name, err.Error(), took)
			continue
		}
		out.Line(console.OK, p.name, "", took)
	}
	word := console.OK
	if len(failed) > 0 {
		word = console.Fail
	}
	out.Line(word, chore, strings.Join(spent, ", "), time.Since(begin))
	if len(failed) > 0 {
		return errors.New(chore + ": failed: " + strings.Join(failed, ", "))
	}
	return nil
}
