package targets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// compiled is the repository's magefile as a binary named mage, and static cmd/slipway as one named slipway, each made once.
var (
	compiled = sync.OnceValues(func() (string, error) { return compile(".", "mage") })
	static   = sync.OnceValues(func() (string, error) { return compile("cmd/slipway", "slipway") })
)

// compile compiles the magefile of a folder of the repository.
func compile(dir, name string) (string, error) {
	binary := filepath.Join(work, name)
	cmd := exec.Command("go", "tool", "mage", "-d", dir, "-compile", binary)
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the magefile of %s: %w\n%s", dir, err, out)
	}
	return binary, nil
}

// work is where the tests of this package keep what they share.
var work string

// TestMain lets the test binary stand in for docker, where a script finds it on its PATH under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "docker" {
		os.Exit(playDocker(os.Args[1:]))
	}
	os.Exit(test(m))
}

func test(m *testing.M) int {
	dir, err := os.MkdirTemp("", "slipway-mage-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	work = dir
	return m.Run()
}
