//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestABackupOrARestoreThatIsKilledIsAllOrNothing is the short form of the series in soak_test.go.
func TestABackupOrARestoreThatIsKilledIsAllOrNothing(t *testing.T) {
	killedBackups(t, 4)
}

// killedBackups kills a restore, and a backup, at as many instants spread over the time that each usually takes. The databases
// are all as in the backup or all as they were, every backup in the list is whole, and the next deployment has everything run.
func killedBackups(t *testing.T, instants int) {
	d := shop(t, "17")
	d.deploy(0, straight)
	d.furnish()
	old := d.furnished()
	d.says(d.mage("backup"), 0)
	id := d.backups()[0]
	// The same change in both databases: half of a restore would show.
	change := func() {
		d.sql("shop", "UPDATE orders SET note = note || '!' WHERE id <= 100")
		d.sql("price list", "UPDATE prices SET cents = cents + 1")
	}
	restore := []string{"restore", "-backup=" + id, "-yes"}
	change()
	began := time.Now()
	d.says(d.mage(restore...), 0)
	usual := time.Since(began)
	restored := 0
	for n := range instants {
		for _, args := range [][]string{restore, {"backup"}} {
			change()
			changed := d.furnished()
			run := d.start(args...)
			time.Sleep(usual * time.Duration(n+1) / time.Duration(instants+1)) // the instant is drawn from a range, not awaited
			killAllOf(d.state)
			got := run.wait()
			if got.code != codeKilled && got.code != 0 {
				t.Fatalf("%v: %s", args, got)
			}
			eventually(t, 2*time.Minute, "the exchange of databases, if it was begun in the container, has come to its end", func() bool {
				return !strings.Contains(d.docker("top", d.project+"-db-1"), " swap_databases shop ")
			})
			now := d.furnished()
			clean := d.withoutLeftovers(now)
			switch {
			case clean == old && args[0] == "restore":
				restored++
			case clean != changed:
				t.Fatalf("%v, killed at instant %d, left\n%s\nwant\n%s\nor\n%s", args, n, clean, changed, old)
			}
			d.says(d.mage("restore", "-check"), 0, "ok    "+id)
			d.deploy(0, straight)
			if up := d.docker("ps", "--filter", "label=com.docker.compose.project="+d.project, "--format", `{{.Label "com.docker.compose.service"}}`); !strings.Contains(up, "web") || !strings.Contains(up, "db") {
				t.Fatalf("%v, killed at instant %d: after the next deployment there run %q", args, n, up)
			}
		}
	}
	d.says(d.mage(restore...), 0)
	if now := d.furnished(); now != old {
		t.Errorf("restored:\n%s\nwant:\n%s", now, old)
	}
	if half, _ := filepath.Glob(filepath.Join(d.state, "backups", "*.partial")); len(half) > 1 {
		t.Errorf("half-made backups are left: %v", half)
	}
	t.Logf("%d restores and as many backups were killed; %d of the restores had been carried out", instants, restored)
}

// withoutLeftovers is what furnished says, but for the databases that the next backup or restore removes.
func (d *demo) withoutLeftovers(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		kept := strings.Split(line, ", ")
		for i := 0; i < len(kept); {
			if strings.HasPrefix(kept[i], "slipway.") {
				kept = append(kept[:i], kept[i+1:]...)
				continue
			}
			i++
		}
		lines[n] = strings.Join(kept, ", ")
	}
	return strings.Join(lines, "\n")
}

// TestABackupOnAFullDiskIsNone needs root, for it mounts a small file system.
func TestABackupOnAFullDiskIsNone(t *testing.T) {
	d := shop(t, "15")
	d.state = filepath.Join(smallDisk(t, "4m"), "state")
	d.env = []string{"STATE_DIR=" + d.state}
	d.deploy(0, straight)
	d.furnish()
	d.says(d.mage("backup"), 0)
	good := d.backups()[0]
	d.sql("shop", "CREATE TABLE large AS SELECT n, md5(n::text) || md5((n + 1)::text) AS noise FROM generate_series(1, 200000) n")
	want := d.furnished()
	for _, args := range [][]string{{"backup"}, {"restore", "-backup=" + good, "-yes"}} {
		got := d.says(d.mage(args...), 4, "o space left on device")
		if now := d.furnished(); now != want {
			t.Errorf("%v on a full disk: %s\n%s\nwant\n%s", args, got, now, want)
		}
		if made := d.backups(); len(made) != 1 {
			t.Errorf("%v on a full disk: the backups are %v", args, made)
		}
	}
	d.says(d.mage("restore", "-check"), 0, "ok    "+good)
	entries, err := os.ReadDir(filepath.Join(d.state, "backups"))
	if err != nil || len(entries) > 2 {
		t.Errorf("left in the backups: %v, %v", fmt.Sprint(entries), err)
	}
}
