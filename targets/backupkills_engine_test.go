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
	killedBackups(t, 2)
}

// killedBackups does it with a PostgreSQL that has two databases.
func killedBackups(t *testing.T, instants int) {
	d := shop(t, "17")
	d.deploy(0, straight)
	d.furnish()
	d.says(d.mage("backup"), 0)
	killing{
		d: d, id: d.backups()[0], instants: instants, whole: true,
		content: func() string { return d.withoutLeftovers(d.furnished()) },
		// The same change in both databases: half of a restore would show.
		change: func() {
			d.sql("shop", "UPDATE orders SET note = note || '!' WHERE id <= 100")
			d.sql("price list", "UPDATE prices SET cents = cents + 1")
		},
		settle: func() {
			eventually(t, 2*time.Minute, "the exchange of databases, if it was begun in the container, has come to its end", func() bool {
				return !strings.Contains(d.docker("top", d.project+"-db-1"), " swap_databases shop ")
			})
		},
	}.run()
}

// killing kills a restore, and a backup, at as many instants spread over the time that each usually takes. The data is all as in the
// backup or all as it was, every backup in the list is whole, and the next deployment has everything run.
type killing struct {
	d        *demo
	id       string // the backup, of what is there
	instants int
	change   func()
	content  func() string
	settle   func() // waits for what a killed run has left at work; nil where it leaves nothing
	whole    bool   // a restore that was killed is all or nothing at once, and not with the next deployment only
}

func (k killing) run() {
	k.d.t.Helper()
	old := k.content()
	restore := []string{"restore", "-backup=" + k.id, "-yes"}
	k.change()
	began := time.Now()
	k.d.says(k.d.mage(restore...), 0)
	usual := time.Since(began)
	restored := 0
	for n := range k.instants {
		for _, args := range [][]string{restore, {"backup"}} {
			k.change()
			changed := k.content()
			run := k.d.start(args...)
			time.Sleep(usual * time.Duration(n+1) / time.Duration(k.instants+1)) // the instant is drawn from a range, not awaited
			killAllOf(k.d.state)
			got := run.wait()
			if got.code != codeKilled && got.code != 0 {
				k.d.t.Fatalf("%v: %s", args, got)
			}
			if k.settle != nil {
				k.settle()
			}
			if k.whole {
				k.allOrNothing(n, args, old, changed)
			}
			k.d.deploy(0, straight)
			if k.allOrNothing(n, args, old, changed) && args[0] == "restore" {
				restored++
			}
			k.d.says(k.d.mage("restore", "-check"), 0, "ok    "+k.id)
			for service := range k.d.ids() {
				if up := k.d.docker("ps", "--filter", "label=com.docker.compose.project="+k.d.project, "--filter", "label=com.docker.compose.service="+service, "--format", "{{.Names}}"); up == "" {
					k.d.t.Fatalf("%v, killed at instant %d: after the next deployment %s does not run", args, n, service)
				}
			}
		}
	}
	k.d.says(k.d.mage(restore...), 0)
	if now := k.content(); now != old {
		k.d.t.Errorf("restored:\n%s\nwant:\n%s", now, old)
	}
	if half, _ := filepath.Glob(filepath.Join(k.d.state, "backups", "*.partial")); len(half) > 1 {
		k.d.t.Errorf("half-made backups are left: %v", half)
	}
	k.d.t.Logf("%d restores and as many backups were killed; %d of the restores had been carried out", k.instants, restored)
}

// allOrNothing fails the test unless the data is what it was, or after a restore what it was to be; it tells whether that is so.
func (k killing) allOrNothing(instant int, args []string, old, changed string) bool {
	k.d.t.Helper()
	now := k.content()
	if done := now == old && args[0] == "restore"; done || now == changed {
		return done
	}
	k.d.t.Fatalf("%v, killed at instant %d, left\n%s\nwant\n%s\nor\n%s", args, instant, now, changed, old)
	return false
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
