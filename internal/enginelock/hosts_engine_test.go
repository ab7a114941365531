//go:build engine

package enginelock

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/testhost"
)

// TestTheLockIsTheSameOnEveryEngine runs the tests of this package that need no more than an engine on hosts of other
// distributions, and sees that what people clean up with leaves a lock alone.
func TestTheLockIsTheSameOnEveryEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := filepath.Join(dir, "tests")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "engine", "-o", tests, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, system := range []testhost.System{testhost.Debian13, testhost.Testing, testhost.TestingContainerd} {
		t.Run(system.Name, func(t *testing.T) {
			t.Parallel()
			host := testhost.Start(t, system, dir)
			do := func(argv ...string) string {
				t.Helper()
				out, err := host.Exec(t.Context(), argv...)
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				return strings.TrimSpace(out)
			}
			do(tests, "-test.run", "^(TestOfMany|TestWhoHas|TestAHolder|TestALockOfAContainer|TestALockIsMade)")
			id := do("docker", "network", "create", "--config-only", "--label", projectLabel+"=sw-lock", "lock")
			do("docker", "network", "prune", "--force")
			do("docker", "system", "prune", "--force", "--all", "--volumes")
			if left := do("docker", "network", "ls", "--quiet", "--no-trunc", "--filter", "label="+projectLabel); left != id {
				t.Errorf("after a prune the lock is %q, want %q", left, id)
			}
		})
	}
}
