package dev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestEveryPartRunsAndEachThatFailedIsNamed(t *testing.T) {
	var ran []string
	does := func(name string, err error) part {
		return part{name, func(context.Context) error { ran = append(ran, name); return err }}
	}
	broken := errors.New("broken")
	err := runParts(t.Context(), "test", []part{does("a", nil), does("b", broken), does("c", nil), does("d", broken)})
	if err == nil || err.Error() != "test: failed: b, d" {
		t.Errorf("the error is %v", err)
	}
	if !slices.Equal(ran, []string{"a", "b", "c", "d"}) {
		t.Errorf("ran %v", ran)
	}
	if err := runParts(t.Context(), "test", []part{does("e", nil)}); err != nil {
		t.Errorf("a chore whose parts all pass fails: %v", err)
	}
}

func TestAnInterruptStopsBeforeTheNextPart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := runParts(ctx, "test", []part{
		{"a", func(context.Context) error { cancel(); return nil }},
		{"b", func(context.Context) error { t.Error("b ran"); return nil }},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestACommandThatFailsIsNamedWithoutItsArguments(t *testing.T) {
	err := command{dir: t.TempDir(), argv: []string{"bash", "-c", "exit 3", "argument"}}.run(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "bash -c in ") || !strings.HasSuffix(err.Error(), ": exit status 3") {
		t.Errorf("the error is %v", err)
	}
	if _, err := (command{argv: []string{"no-such-program"}}).output(t.Context()); err == nil {
		t.Error("a program that is not there ran")
	}
}

func TestOnlyMissingPackagesAreInstalled(t *testing.T) {
	there := func(program string) bool {
		return slices.Contains([]string{"jq", "ip", "/usr/lib/postgresql/*/bin/postgres"}, program)
	}
	got := lacking([]string{"jq", "iproute2", "postgresql", "shfmt"}, there)
	if !slices.Equal(got, []string{"shfmt"}) {
		t.Errorf("missing are %v, want shfmt alone", got)
	}
	if !present("bash") || !present("/*/*/env") || present("no-such-program") || present("/no/such/*") {
		t.Error("present mistakes what is there")
	}
}

// repository writes a small checkout of two modules and what is no part of it.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range map[string]string{
		"go.mod":               "module a\n",
		"a_test.go":            "package a\nfunc TestQuick(t *testing.T) {}\n",
		"a/real_test.go":       "//go:build engine && linux\n\npackage a\nfunc TestReal(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\nfunc helper() {}\n",
		"a/long_test.go":       "//go:build engine && soak\n\npackage a\nfunc TestLong(t *testing.T) {}\n",
		"a/plain_test.go":      "//go:build !engine\n\npackage a\nfunc TestPlain(t *testing.T) {}\n",
		"b/app/go.mod":         "module b\n",
		"b/app/main.go":        "package main\n",
		"b/app/in/app_test.go": "//go:build engine\n\npackage in\nfunc TestApp(t *testing.T) {}\n",
		"tools/go.mod":         "module tools\n",
		"run":                  "#!/usr/bin/env bash\n",
		"b/x.sh":               "",
		"LICENSE":              "text\n",
		".git/config.sh":       "",
		"b/app/bin/left.go":    "package left\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestTheFilesOfTheRepositoryAreFound(t *testing.T) {
	root := repository(t)
	for name, want := range map[string]struct {
		find func() ([]string, error)
		want []string
	}{
		"shell scripts":      {func() ([]string, error) { return files(root, shell) }, []string{"b/x.sh", "run"}},
		"modules":            {func() ([]string, error) { return modules(root) }, []string{".", "b/app", "tools"}},
		"modules with tests": {func() ([]string, error) { return testedModules(root) }, []string{".", "b/app"}},
	} {
		got, err := want.find()
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i], err = filepath.Rel(root, got[i]); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want.want) {
			t.Errorf("%s: %v, want %v", name, got, want.want)
		}
	}
}

func TestTheTestsOfATagAreThoseThatExistUnderItAlone(t *testing.T) {
	root := repository(t)
	for tag, want := range map[string]map[string][]string{
		"engine": {filepath.Join(root, "a"): {"TestReal"}, filepath.Join(root, "b/app/in"): {"TestApp"}},
		"soak":   {filepath.Join(root, "a"): {"TestLong"}},
		"none":   {},
	} {
		got, err := tagged(root, tag)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", tag, got, want)
		}
	}
}

func TestGoTestIsAskedForThoseTestsInTheirModule(t *testing.T) {
	argv, err := goTest("soak", "6h", "b/app", map[string][]string{"b/app/in": {"TestB", "TestA"}, "b/app": {"TestA"}})
	if err != nil {
		t.Fatal(err)
	}
	want := "go test -tags soak,engine -p 1 -parallel 4 -count 1 -timeout 6h -run ^(TestA|TestB)$ ./. ./in"
	if got := strings.Join(argv, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheInnermostModuleOwnsAFile(t *testing.T) {
	mods := []string{".", "stack/app", "stack/app/deep"}
	for path, want := range map[string]string{
		"main.go": ".", "stack/x.go": ".", "stack/app/x.go": "stack/app", "stack/app/deep/y/x.go": "stack/app/deep", "stack/apple/x.go": ".",
	} {
		if got := moduleOf(mods, path); got != want {
			t.Errorf("%s is in %q, want %q", path, got, want)
		}
	}
}
