//go:build engine

package targets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootRunsNothingThatAnotherUserMayWrite lets a user who may write to the state directory put another script there, or
// lead the scripts elsewhere.
func TestRootRunsNothingThatAnotherUserMayWrite(t *testing.T) {
	for name, world := range map[string]struct {
		tamper func(t *testing.T, d *demo, ran string) error
		words  []string
	}{
		"a script of theirs": {func(_ *testing.T, d *demo, ran string) error {
			script := filepath.Join(d.state, "scripts/deploy.sh")
			if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o700); err != nil {
				return err
			}
			for _, path := range []string{d.state, filepath.Dir(script), script} {
				if err := os.Chown(path, nobody, nobody); err != nil {
					return err
				}
			}
			return nil
		}, []string{" belongs to nobody, who could change what root runs", "hint: look at what is there; if nobody has tampered with it: sudo chown -hR root "}},
		"a file that is sourced": {func(_ *testing.T, d *demo, _ string) error {
			return os.Chown(filepath.Join(d.state, "scripts/lib/lock.sh"), nobody, nobody)
		}, []string{"/scripts/lib/lock.sh belongs to nobody", "sudo chown -hR root "}},
		"a link that leads the scripts elsewhere": {func(t *testing.T, d *demo, ran string) error {
			t.Helper()
			scripts := filepath.Join(d.state, "scripts")
			if err := os.RemoveAll(scripts); err != nil {
				return err
			}
			if err := os.Symlink(filepath.Dir(ran), scripts); err != nil {
				return err
			}
			return os.Lchown(scripts, nobody, nobody)
		}, []string{"/scripts belongs to nobody", "sudo chown -hR root "}},
		"a state directory in a folder of theirs": {func(_ *testing.T, d *demo, _ string) error {
			return os.Chown(filepath.Dir(d.state), nobody, nobody)
		}, []string{" belongs to nobody", "hint: or name another directory with STATE_DIR"}},
		"a script that everybody may write": {func(_ *testing.T, d *demo, _ string) error {
			return os.Chmod(filepath.Join(d.state, "scripts/deploy.sh"), 0o777)
		}, []string{"/scripts/deploy.sh has mode 0777: others can write to it", "chmod go-w "}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, map[string]string{"compose.yaml": "services:\n  web: {build: ./app, command: [serve]}\n"})
			if got := d.mage("reset"); got.code != 0 { // which makes the state directory
				t.Fatalf("reset: %s", got)
			}
			elsewhere := t.TempDir()
			if err := world.tamper(t, d, filepath.Join(elsewhere, "ran")); err != nil {
				t.Fatal(err)
			}
			d.refused(world.words...)
			for _, target := range []string{"status", "plan", "reset"} {
				if got := d.mage(target); got.code != 3 || !strings.Contains(got.stderr, world.words[0]) {
					t.Errorf("%s: want exit 3 and %q, got %s", target, world.words[0], got)
				}
			}
			if files, err := os.ReadDir(elsewhere); err != nil || len(files) > 0 {
				t.Errorf("something was run or written: %v, %v", files, err)
			}
		})
	}
}
