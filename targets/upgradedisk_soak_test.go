//go:build engine && soak

package targets_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAnUpgradeOnAFullDiskLosesNothing needs root, for it mounts small file systems: one for the dump, and one for the new volume.
func TestAnUpgradeOnAFullDiskLosesNothing(t *testing.T) {
	u := &upgrade{demo: newDemo(t, nil)}
	disks := map[string]string{"dump": smallDisk(t, "4m"), "volume": smallDisk(t, "64m")}
	u.state = filepath.Join(disks["dump"], "state")
	u.env = []string{"STATE_DIR=" + u.state}
	u.databases("postgres:15", "postgres:17")
	u.image("demo:1")
	u.begin(200_000)
	u.onDisk("data17", disks["volume"])
	results := newTable(t, upgradeColumns...)
	for _, where := range []string{"dump", "volume"} {
		got := u.mage("upgrade", "db")
		if got.code != 4 || !strings.Contains(got.stderr, "o space left on device") {
			t.Fatalf("on a full disk for the %s: %s", where, got)
		}
		u.untouched("on a full disk for the " + where)
		results.add("a full disk", "the "+where, ended(got.code), "the old server", "refused")
		if up := u.docker("ps", "--format", "{{.Names}}"); !strings.Contains(up, u.project+"-web-1") {
			t.Errorf("on a full disk for the %s, what depends on the database is not started again", where)
		}
		if err := syscall.Mount("slipway-test", disks[where], "tmpfs", syscall.MS_REMOUNT, "size=512m"); err != nil {
			t.Fatal(err)
		}
	}
	u.succeeds()
}

// onDisk keeps a volume in a folder.
func (u *upgrade) onDisk(volume, folder string) {
	u.t.Helper()
	text, err := os.ReadFile(filepath.Join(u.dir, "compose.yaml"))
	if err != nil {
		u.t.Fatal(err)
	}
	u.write("compose.yaml", strings.ReplaceAll(string(text), "volumes: {"+volume+": }", "volumes: {"+volume+": {driver_opts: {type: none, o: bind, device: "+folder+"}}}"))
}
