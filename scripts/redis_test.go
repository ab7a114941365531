package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestARedisThatCannotLoadADumpGetsBackWhatItHadEvenIfThatIsNothing(t *testing.T) {
	t.Parallel()
	for name, world := range map[string]struct{ had, acts, has string }{
		"it has saved":                        {"old", `put_in "$1"; put_again "$1"`, "old"},
		"it has never saved":                  {"", `put_in "$1"; put_again "$1"`, ""},
		"it is put back twice":                {"", `put_in "$1"; put_again "$1"; put_again "$1"`, ""},
		"it could not be stopped":             {"old", `put_again "$1"`, "old"},
		"it can load the dump":                {"", `put_in "$1"`, "new"},
		"an earlier try on an empty one died": {"", `put_in "$1"; tidy; echo other >"$1"; put_again "$1"`, "other\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			place := filepath.Join(dir, "dump.rdb")
			for file, content := range map[string]string{place: world.had, filepath.Join(dir, ".slipway.rdb"): "new"} {
				if content == "" {
					continue
				}
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			// The disk is not the test's; the server's configuration is one place.
			cmd := exec.Command("bash", "-c", `set -eu; source lib/redis.sh; sync() { :; }
				config_of_redis() { [ "$1" != dir ] || dirname -- "$place"; }; place=$1; `+world.acts, "bash", place)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if has, err := os.ReadFile(place); err != nil != (world.has == "") || string(has) != world.has {
				t.Errorf("its dump is %q, %v; want %q", has, err, world.has)
			}
		})
	}
}
