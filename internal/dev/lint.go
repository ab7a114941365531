package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tags are the build tags under which code hides from a plain build. Mage's is not among them: it makes two packages of the
// root, this repository's magefile and package slipway. Named one by one, magefiles need no tag.
const tags = "engine,soak,services"

// overMagefiles runs a program over every magefile but those of tests.
func overMagefiles(ctx context.Context, argv ...string) error {
	found, err := files(".", func(path string) bool {
		return filepath.Base(path) == "magefile.go" && !strings.Contains(path, "testdata")
	})
	if err != nil {
		return err
	}
	return each(found, func(magefile string) error {
		return command{argv: append(slices.Clone(argv), "./"+filepath.ToSlash(magefile))}.run(ctx)
	})
}

// linters are the parts of Lint. Each sees the whole repository.
func linters() []part {
	return []part{
		{"gofmt", lintFormat},
		{"go vet", lintVet},
		{"go mod tidy", lintModules},
		{"golangci-lint", lintGo},
		{"deadcode", lintDeadCode},
		{"govulncheck", lintVulnerabilities},
		{"shellcheck", lintShell},
		{"shfmt", lintShellFormat},
		{"yamllint", lintYAML},
	}
}

func lintFormat(ctx context.Context) error {
	sources, err := files(".", named(".go"))
	if err != nil {
		return err
	}
	wrong, err := command{argv: append([]string{"gofmt", "-s", "-l"}, sources...)}.output(ctx)
	if err != nil {
		return err
	}
	if wrong != "" {
		return fmt.Errorf("not formatted: %s", strings.Join(strings.Fields(wrong), ", "))
	}
	return nil
}

func lintVet(ctx context.Context) error {
	mods, err := testedModules(".")
	if err != nil {
		return err
	}
	packages := each(mods, func(mod string) error {
		return command{dir: mod, argv: []string{"go", "vet", "-tags", tags, "./..."}}.run(ctx)
	})
	return errors.Join(packages, overMagefiles(ctx, "go", "vet"))
}

func lintModules(ctx context.Context) error {
	mods, err := modules(".")
	if err != nil {
		return err
	}
	tidy := func(mod string) error {
		return command{dir: mod, argv: []string{"go", "mod", "tidy", "-diff"}}.run(ctx)
	}
	return errors.Join(each(mods, tidy), asModule(filepath.Join("scripts", "plugins"), tidy))
}

// asModule does it in a copy of a module that must not be one where it lies, as go:embed leaves out other modules: NAME.mod and NAME.sum.
func asModule(name string, do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "slipway-module-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, part := range []string{".mod", ".sum"} {
		data, err := os.ReadFile(name + part)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "go"+part), data, 0o600)
		}
		if err != nil {
			return fmt.Errorf("copy %s%s: %w", name, part, err)
		}
	}
	return do(dir)
}

func lintGo(ctx context.Context) error {
	linter, err := buildTool(ctx, ".", "lint", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint")
	if err != nil {
		return err
	}
	config, err := filepath.Abs(".golangci.yml")
	if err != nil {
		return fmt.Errorf("find the checkout: %w", err)
	}
	mods, err := testedModules(".")
	if err != nil {
		return err
	}
	packages := each(mods, func(mod string) error {
		return command{dir: mod, argv: []string{linter, "run", "--config", config}}.run(ctx)
	})
	return errors.Join(packages, overMagefiles(ctx, linter, "run", "--config", config))
}

// buildTool builds the program that the module tools/NAME of the checkout at root pins; the build cache makes that a matter of
// a second the next time.
func buildTool(ctx context.Context, root, name, program string) (string, error) {
	binary, err := filepath.Abs(filepath.Join(root, ".build", filepath.Base(program)))
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	return binary, command{dir: filepath.Join(root, "tools", name), argv: []string{"go", "build", "-o", binary, program}}.run(ctx)
}

func lintShell(ctx context.Context) error { return overShell(ctx, "shellcheck") }

func lintShellFormat(ctx context.Context) error {
	return overShell(ctx, "shfmt", "-d", "-i", "4", "-ci")
}

func overShell(ctx context.Context, argv ...string) error {
	scripts, err := files(".", shell)
	if err != nil {
		return err
	}
	return command{argv: append(argv, scripts...)}.run(ctx)
}

func lintYAML(ctx context.Context) error {
	config := filepath.Join("stack", ".yamllint")
	if _, err := os.Stat(config); err != nil {
		return fmt.Errorf("find yamllint's rules: %w", err)
	}
	documents, err := files(".", named(".yml", ".yaml"))
	if err != nil {
		return err
	}
	return command{argv: append([]string{"yamllint", "--strict", "-c", config}, documents...)}.run(ctx)
}

// each does it for all, the ones after a failure too.
func each(dirs []string, do func(dir string) error) error {
	var failures []error
	for _, dir := range dirs {
		failures = append(failures, do(dir))
	}
	return errors.Join(failures...)
}
