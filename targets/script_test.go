package targets_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts plays testdata/script over the compiled magefile and a docker and an engine that only remember. A script that brings no
// stack of its own gets testdata/stack. UPDATE_SCRIPTS=1 writes the goldens anew.
func TestScripts(t *testing.T) {
	mage, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	slipway, err := static()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name, program := range map[string]string{"docker": self, "mage": mage, "slipway": slipway} {
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			env.Setenv("MAGE", mage)
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
			env.Setenv("GOTOOLCHAIN", "local")
			env.Setenv("STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("FAKE_DOCKER", env.WorkDir)
			host, stop, err := serveEngine(env.WorkDir)
			if err != nil {
				return err
			}
			env.Defer(stop)
			env.Setenv("DOCKER_HOST", host)
			return addMissing(filepath.Join(env.WorkDir, "stack"), "testdata/stack")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "tidy": tidy, "mode": mode, "flip": flip},
	})
}

// addMissing copies the files of a folder that the other one does not have.
func addMissing(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if _, err := os.Stat(target); err == nil {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

// exits CODE COMMAND ARG… runs a command that must end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s: exit code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// untidy is what differs from run to run and from machine to machine.
var untidy = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^wait .*\n`), ""},
	{regexp.MustCompile(`((not healthy|not reachable) after) \d+(\.\d)?m?s`), "$1 TOOK"}, // measured: a busy machine adds to the timeout
	{regexp.MustCompile(`(?m) +(\d+m\d\ds|\d+\.\ds)$`), ""},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\b(\d{6}-\d{8}T\d{6}Z-[0-9a-f]{6}|\d{8}T\d{6}Z-[0-9a-f]{4})\b`), "ID"},
	{regexp.MustCompile(`(\.sh [a-z]* ?line) \d+`), "$1 N"},
	{regexp.MustCompile(`\b\d{8}T\d{6}Z-[0-9a-f]{4}\b`), "BACKUP"},
}

// tidy FILE writes a file, stdout or stderr to the file tidied, without what differs from run to run.
func tidy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tidy FILE")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	for _, u := range untidy {
		text = u.find.ReplaceAllString(text, u.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs("tidied"), []byte(text), 0o600))
}

// mode PERM FILE… compares the permissions of files.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode PERM FILE…")
	}
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}

// flip FILE OFFSET turns one bit of a file over.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[offset] ^= 1
	ts.Check(os.WriteFile(path, data, 0o600))
}
