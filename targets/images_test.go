//go:build engine

package targets_test

import (
	"os/exec"
	"sync"
	"testing"
)

// serverImages makes sure of images of stack/testimages, once for all tests that ask, and fails a test that asks where they cannot be
// built.
func serverImages(names ...string) func(*testing.T) {
	build := sync.OnceValues(exec.Command("bash", append([]string{"../stack/testimages/build.sh"}, names...)...).CombinedOutput)
	return func(t *testing.T) {
		t.Helper()
		if out, err := build(); err != nil {
			t.Fatalf("build the test images %v: %v\n%s", names, err, out)
		}
	}
}
