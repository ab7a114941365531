package targets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"slipway"
	"slipway/internal/adopt"
	"slipway/internal/behind"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/redact"
)

// Init makes a Compose project one that Mage deploys: it writes magefile.go and go.mod into -dir=FOLDER, else into this one.
//
// It says what the compose files tell of the stack and what they do not; docs/adopt.md says how to add that. It asks nothing,
// overwrites nothing and touches no engine. Exit 3 when there is no compose file, or it cannot be read.
func Init(ctx context.Context, dir *string) error {
	if err := misused(); err != nil {
		return err
	}
	if err := adoptIn(or(dir, ".")); err != nil {
		return refuse(ctx, fmt.Errorf("init: %w", err))
	}
	return nil
}

func adoptIn(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("the folder: %w", err)
	}
	found, unsure, err := slipway.Discover(slipway.Stack{Dir: dir})
	if err != nil {
		return err
	}
	first := found.Destinations[0]
	said, err := compose.Project{Dir: dir, Files: first.Files, EnvFile: first.EnvFile}.Said()
	if err != nil {
		return err
	}
	name := cmp.Or(said.Name.Value, compose.Project{Dir: dir}.DefaultName())
	from := source()
	files, err := adopt.Files(found, module(name), from, dir)
	if err != nil {
		return err
	}
	wrote, kept, err := adopt.Write(dir, files)
	if err != nil {
		return err
	}
	out := console.New(os.Stdout, os.Stderr, redact.New())
	if len(wrote) > 0 {
		out.Line(console.OK, "init", "wrote "+strings.Join(wrote, ", "), 0)
	}
	for _, file := range kept {
		out.Line(console.Skip, "init", file+" is there, and stays as it is", 0)
	}
	out.Below(adopt.Report(name, found, unsure)...)
	out.Below(nextCommands(dir, from, kept)...)
	return nil
}

// source is where this program comes from: a checkout that is still there, else its version.
func source() adopt.Source {
	_, file, _, _ := runtime.Caller(0)
	checkout := filepath.Dir(filepath.Dir(file))
	// In a binary without the paths of where it was compiled, the file is relative.
	if mod, err := os.ReadFile(filepath.Join(checkout, "go.mod")); filepath.IsAbs(file) && err == nil && strings.HasPrefix(string(mod), "module slipway\n") {
		return adopt.Source{Checkout: checkout}
	}
	version := cmp.Or(behind.Version, "v0.0.0")
	if info, ok := debug.ReadBuildInfo(); ok && behind.Version == "" {
		for _, dep := range info.Deps {
			if dep.Path == "slipway" {
				version = dep.Version
			}
		}
	}
	if !released.MatchString(version) { // a binary of a commit, which a module cannot require
		version = "v0.0.0"
	}
	return adopt.Source{Version: version}
}

// released is the version of a release.
var released = regexp.MustCompile(`^v\d+\.\d+\.\d+`)

// module is the name of the project's module.
func module(project string) string {
	if project == "slipway" { // which it needs
		return "slipway-stack"
	}
	return project
}

// nextCommands are the commands to go on with.
func nextCommands(dir string, from adopt.Source, kept []string) []string {
	var commands []string
	if current, err := os.Getwd(); err != nil || current != dir {
		commands = append(commands, "cd "+dir)
	}
	if slices.Contains(kept, "go.mod") {
		edit := "go mod edit -tool=github.com/magefile/mage -require=slipway@" + cmp.Or(from.Version, "v0.0.0")
		if from.Checkout != "" {
			edit += " -replace=slipway=" + from.Checkout + " && go mod tidy"
		}
		commands = append(commands, edit)
	}
	if from.Checkout == "" {
		commands = append(commands, "go mod edit -replace=slipway=CHECKOUT   (a folder with Slipway's sources)", "go mod tidy")
	}
	commands = append(commands, "go tool mage plan", "go tool mage deploy")
	for i, command := range commands {
		label := ""
		if i == 0 {
			label = "next"
		}
		commands[i] = fmt.Sprintf("%-12s %s", label, command)
	}
	return commands
}
