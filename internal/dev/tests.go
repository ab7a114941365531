package dev

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// quickTests are those that need no engine.
func quickTests(ctx context.Context) error {
	mods, err := testedModules(".")
	if err != nil {
		return err
	}
	return each(mods, func(mod string) error {
		return command{dir: mod, argv: []string{"go", "test", "./..."}}.run(ctx)
	})
}

// engineTests are those on the real engine. The tables of what its faults led to, which go test keeps to itself when all is
// well, are printed after them.
func engineTests(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "slipway-tables-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tests := taggedTests("engine", "2h", "FAULT_TABLES="+dir)
	engine := engineProcess()
	failure := tests(ctx)
	if now := engineProcess(); failure != nil && now != engine && ctx.Err() == nil {
		// Engine 20.10 ends by itself where a healthcheck begins in a container that is just being stopped (a nil pointer in its
		// daemon/exec.go): what failed then says nothing about us.
		fmt.Fprintf(os.Stdout, "\nthe engine ended during the tests (process %s, now %s); it is started, and they run again from the beginning\n\n", engine, now)
		if failure = installEngine(ctx); failure == nil {
			failure = tests(ctx)
		}
	}
	tables, err := os.ReadDir(dir)
	for _, table := range tables {
		text, errRead := os.ReadFile(filepath.Join(dir, table.Name()))
		fmt.Fprintf(os.Stdout, "\n%s\n\n%s", table.Name(), text)
		err = errors.Join(err, errRead)
	}
	return errors.Join(failure, err)
}

// engineProcess is the process of this machine's engine, as its pid file has it; empty where it is not there.
func engineProcess() string {
	pid, err := os.ReadFile("/var/run/docker.pid")
	if err != nil {
		return ""
	}
	process := strings.TrimSpace(string(pid))
	if _, err := os.Stat(filepath.Join("/proc", process)); err != nil {
		return ""
	}
	return process
}

// taggedTests runs the tests that exist under the tag alone, one package at a time
// for they share one engine: of its events it keeps 256, which two would soon have
// filled. The quick ones beside them have had their run.
func taggedTests(tag, timeout string, env ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		found, err := tagged(".", tag)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("there is no test with the build tag %s", tag)
		}
		mods, err := testedModules(".")
		if err != nil {
			return err
		}
		byModule := map[string]map[string][]string{}
		for dir, tests := range found {
			mod := moduleOf(mods, filepath.Join(dir, "go.mod"))
			if byModule[mod] == nil {
				byModule[mod] = map[string][]string{}
			}
			byModule[mod][dir] = tests
		}
		return each(slices.Sorted(maps.Keys(byModule)), func(mod string) error {
			argv, err := goTest(tag, timeout, mod, byModule[mod])
			if err != nil {
				return err
			}
			return command{dir: mod, env: env, argv: argv}.run(ctx)
		})
	}
}

// goTest is the command that runs these tests of a module, named by the directory
// of their package.
func goTest(tag, timeout, mod string, tests map[string][]string) ([]string, error) {
	var packages, names []string
	for _, dir := range slices.Sorted(maps.Keys(tests)) {
		rel, err := filepath.Rel(mod, dir)
		if err != nil {
			return nil, fmt.Errorf("find the package %s in its module: %w", dir, err)
		}
		packages = append(packages, "./"+filepath.ToSlash(rel))
		names = append(names, tests[dir]...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	argv := []string{
		"go", "test", "-tags", strings.Join(append([]string{tag}, implied[tag]...), ","), "-p", "1", "-parallel", "4", "-count", "1", "-timeout", timeout,
		"-run", "^(" + strings.Join(names, "|") + ")$",
	}
	return append(argv, packages...), nil
}
