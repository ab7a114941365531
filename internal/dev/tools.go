package dev

import (
	"context"
	"os/exec"
	"path/filepath"
)

// programs are what the packages are installed for, where the names differ. A
// pattern is one of files that are not on the PATH.
var programs = map[string]string{
	"gnupg":      "gpg",
	"iproute2":   "ip",
	"postgresql": "/usr/lib/postgresql/*/bin/postgres",
}

// installPackages installs those of the Debian packages whose program is missing.
func installPackages(packages ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		missing := lacking(packages, present)
		if len(missing) == 0 {
			return nil
		}
		script := filepath.Join("internal", "dev", "packages.sh")
		return command{argv: append([]string{"bash", script}, missing...)}.run(ctx)
	}
}

func lacking(packages []string, present func(program string) bool) []string {
	var missing []string
	for _, name := range packages {
		program := name
		if other, ok := programs[name]; ok {
			program = other
		}
		if !present(program) {
			missing = append(missing, name)
		}
	}
	return missing
}

func present(program string) bool {
	if filepath.IsAbs(program) {
		found, err := filepath.Glob(program)
		return err == nil && len(found) > 0
	}
	_, err := exec.LookPath(program)
	return err == nil
}

// installEngine installs Docker the way a deployment does.
func installEngine(ctx context.Context) error {
	return command{
		argv: []string{"bash", filepath.Join("scripts", "prerequisites.sh"), "engine", "compose", "buildx", "tools"},
	}.run(ctx)
}
