package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lintDeadCode fails where there are functions that no target, no other program and no test reaches.
func lintDeadCode(ctx context.Context) error {
	deadcode, err := buildTool(ctx, ".", "lint", "golang.org/x/tools/cmd/deadcode")
	if err != nil {
		return err
	}
	var programs []string
	defer func() {
		for _, dir := range programs {
			_ = os.RemoveAll(dir)
		}
	}()
	for _, magefile := range []string{"magefile.go", filepath.Join("cmd", "slipway", "magefile.go")} {
		program, err := magefileAsProgram(ctx, magefile)
		if err != nil {
			return err
		}
		programs = append(programs, "./"+filepath.ToSlash(program))
	}
	mods, err := testedModules(".")
	if err != nil {
		return err
	}
	var dead []string
	err = each(mods, func(mod string) error {
		argv := []string{deadcode, "-tags", tags, "-test", "./..."}
		if mod == "." {
			argv = append(argv, programs...)
		}
		found, err := command{dir: mod, argv: argv}.output(ctx)
		for line := range strings.Lines(found) {
			dead = append(dead, filepath.Join(mod, strings.TrimSpace(line)))
		}
		return err
	})
	if len(dead) > 0 {
		err = errors.Join(err, fmt.Errorf("nothing reaches:\n  %s", strings.Join(dead, "\n  ")))
	}
	return err
}

// magefileAsProgram makes a package main of a magefile and what Mage generates for it, with every target in it, and returns its
// folder, which lies within the module and beside what ./... means.
func magefileAsProgram(ctx context.Context, magefile string) (string, error) {
	if err := os.MkdirAll(".build", 0o750); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	dir, err := os.MkdirTemp(".build", "program-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	text, err := os.ReadFile(magefile) //nolint:gosec // of the checkout
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "magefile.go"), text, 0o600)
	}
	if err == nil {
		err = command{argv: []string{"go", "tool", "mage", "-d", dir, "-keep", "-compile", "program"}}.run(ctx)
	}
	for _, name := range []string{"magefile.go", "mage_output_file.go"} {
		if err == nil {
			err = withoutConstraint(filepath.Join(dir, name))
		}
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// withoutConstraint takes the line away that says under which tags a Go file counts.
func withoutConstraint(path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // made just now
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n, line := range lines {
		if bytes.HasPrefix(line, []byte("//go:build ")) || bytes.HasPrefix(line, []byte("// +build ")) {
			lines[n] = nil
		}
	}
	return os.WriteFile(path, bytes.Join(lines, nil), 0o600) //nolint:gosec // likewise
}
