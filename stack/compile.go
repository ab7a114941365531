// Package stack has what FreshTrack needs to be deployed beside its compose files.
package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"slipway/checkpoints"
)

// Compile compiles the program on this machine, because no base image can be assumed.
var Compile = checkpoints.Step{
	Name:   "compile",
	Inputs: func(context.Context) ([]checkpoints.Input, error) { return sources() },
	Holds: func(context.Context) (string, error) {
		if _, err := os.Stat("stack/app/bin/app"); err != nil {
			return "stack/app/bin/app is gone", nil
		}
		return "", nil
	},
	Run: func(ctx context.Context) (string, error) {
		inputs, err := sources()
		if err != nil {
			return "", err
		}
		// The version is that of the sources, so that the same sources make the same image.
		flags := "-s -w -X main.version=" + checkpoints.Digest(inputs)[:12]
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", "bin/app", ".")
		cmd.Dir = "stack/app"
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return "stack/app/bin/app", nil
	},
}

// sources is everything the program is made of but its tests.
func sources() ([]checkpoints.Input, error) {
	return checkpoints.Tree("stack/app", "stack/app", func(rel string) bool {
		return !strings.HasPrefix(rel, "bin/") && !strings.HasSuffix(rel, "_test.go")
	})
}
