package dev

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// leftOut are the directories of a checkout that hold nothing of the repository.
var leftOut = []string{".git", ".build", ".deploy", "bin", "secrets"}

// files returns the repository's files that match, sorted. It asks the tree and
// not git, so that a new file counts before it is added.
func files(root string, match func(path string) bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && slices.Contains(leftOut, entry.Name()) {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() && match(path) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the repository's files: %w", err)
	}
	return found, nil
}

func named(suffixes ...string) func(string) bool {
	return func(path string) bool {
		return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(path, suffix) })
	}
}

// shell reports whether the file is a shell script, by its name or its first line.
func shell(path string) bool {
	if filepath.Ext(path) == ".sh" {
		return true
	}
	if filepath.Ext(path) != "" {
		return false
	}
	data, err := os.ReadFile(path)
	return err == nil && (bytes.HasPrefix(data, []byte("#!/usr/bin/env bash\n")) || bytes.HasPrefix(data, []byte("#!/bin/sh\n")))
}

// modules returns the directories of the Go modules.
func modules(root string) ([]string, error) {
	mods, err := files(root, func(path string) bool { return filepath.Base(path) == "go.mod" })
	for i, mod := range mods {
		mods[i] = filepath.Dir(mod)
	}
	slices.Sort(mods)
	return mods, err
}

// testedModules returns the modules that hold tests. The others pin a program of
// somebody else's, with at most a main that names what to link: to analyse that
// would compile it all.
func testedModules(root string) ([]string, error) {
	mods, err := modules(root)
	if err != nil {
		return nil, err
	}
	sources, err := files(root, named("_test.go"))
	if err != nil {
		return nil, err
	}
	holds := map[string]bool{}
	for _, source := range sources {
		holds[moduleOf(mods, source)] = true
	}
	return slices.Sorted(maps.Keys(holds)), nil
}

// moduleOf returns the innermost of the modules that path is in.
func moduleOf(mods []string, path string) string {
	best := ""
	for _, mod := range mods {
		rel, err := filepath.Rel(mod, path)
		if err == nil && filepath.IsLocal(rel) && len(mod) > len(best) {
			best = mod
		}
	}
	return best
}

// implied are the tags that come with a tag: a long series is made of what the
// tests on the engine use.
var implied = map[string][]string{"soak": {"engine"}}

// tagged returns the names of the tests that exist under the build tag alone, by
// their package's directory.
func tagged(root, tag string) (map[string][]string, error) {
	sources, err := files(root, named("_test.go"))
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read the tests of %s: %w", source, err)
		}
		if !needsTag(file, tag) {
			continue
		}
		dir := filepath.Dir(source)
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" {
				found[dir] = append(found[dir], fn.Name.Name)
			}
		}
	}
	return found, nil
}

// needsTag reports whether the file is built with the tag and not without it.
func needsTag(file *ast.File, tag string) bool {
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if comment.Pos() > file.Package || !constraint.IsGoBuild(comment.Text) {
				continue
			}
			expr, err := constraint.Parse(comment.Text)
			if err != nil {
				return false
			}
			known := append([]string{"linux", "unix"}, implied[tag]...)
			with := expr.Eval(func(t string) bool { return t == tag || slices.Contains(known, t) })
			without := expr.Eval(func(t string) bool { return slices.Contains(known, t) })
			return with && !without
		}
	}
	return false
}
