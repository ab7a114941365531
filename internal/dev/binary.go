package dev

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// largestBinary is what the static binary may weigh.
const largestBinary = 30 << 20

// architectures are those that it is compiled for.
var architectures = []string{"amd64", "arm64"}

// Binary compiles the program slipway for Linux on amd64 and arm64 into bin/: static, stripped, with the scripts and the pins of
// Docker's plugins inside.
func Binary(ctx context.Context) error {
	var parts []part
	for _, arch := range architectures {
		parts = append(parts, part{"linux/" + arch, func(ctx context.Context) error { return compileBinary(ctx, "bin", arch) }})
	}
	return runParts(ctx, "binary", parts)
}

// compileBinary compiles cmd/slipway for one architecture.
func compileBinary(ctx context.Context, dir, arch string) error {
	binary, err := filepath.Abs(filepath.Join(dir, "slipway-linux-"+arch))
	if err != nil {
		return fmt.Errorf("find the checkout: %w", err)
	}
	version, err := command{argv: []string{"git", "describe", "--tags", "--always", "--dirty"}}.output(ctx)
	if err != nil {
		return err
	}
	flags := "-s -w -X slipway/cmd/binary.version=" + strings.TrimSpace(version)
	mage := []string{"go", "tool", "mage", "-d", filepath.Join("cmd", "slipway"), "-goos", "linux", "-goarch", arch, "-ldflags", flags, "-compile", binary}
	if err := (command{env: []string{"CGO_ENABLED=0", "GOFLAGS=-trimpath"}, argv: mage}).run(ctx); err != nil {
		return err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("weigh it: %w", err)
	}
	if info.Size() > largestBinary {
		return fmt.Errorf("%s has %d MB, and may have %d", binary, info.Size()>>20, largestBinary>>20)
	}
	return nil
}
