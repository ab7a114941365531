//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAnUpgradeThatIsKilledLosesNothingAndBeginsAnew is the short form of the series in soak_test.go.
func TestAnUpgradeThatIsKilledLosesNothingAndBeginsAnew(t *testing.T) {
	newUpgrade(t, 20_000).killed("the dump is being restored", "half of the new data is in its place")
}

// upgradeColumns are those of a table of faults of upgrades.
var upgradeColumns = []string{"fault", "instant", "exit", "all of the data has", "the next deploy"}

// upgrade is a stack whose PostgreSQL is upgraded while something goes wrong.
type upgrade struct {
	*demo
	rows string // what the database holds
}

func newUpgrade(t *testing.T, rows int) *upgrade {
	t.Helper()
	u := &upgrade{demo: newDemo(t, nil)}
	u.databases("postgres:15", "postgres:17")
	u.image("demo:1")
	u.begin(rows)
	return u
}

// begin deploys what was before the upgrade.
func (u *upgrade) begin(rows int) {
	u.t.Helper()
	u.was()
	u.deploy(0, patient)
	u.psql("shop", fmt.Sprintf("CREATE TABLE readings AS SELECT id, md5(id::text) AS value FROM generate_series(1, %d) id", rows))
	u.rows = u.psql("shop", sumOfAll)
	u.will()
}

func (u *upgrade) was()  { u.upgradable("postgres:15", "data", postgresData) }
func (u *upgrade) will() { u.upgradable("postgres:17", "data17", postgresData) }

// untouched fails the test unless the old server has all of the data and nobody else writes to its volume, and nothing half done can be
// deployed.
func (u *upgrade) untouched(when string) {
	u.t.Helper()
	if got := u.psql("shop", sumOfAll); got != u.rows {
		u.t.Fatalf("%s, the old server has %s, want %s", when, got, u.rows)
	}
	if writers := strings.Fields(u.docker("ps", "--filter", "volume="+u.project+"_data", "--format", "{{.Names}}")); !slices.Equal(writers, []string{u.project + "-db-1"}) {
		u.t.Fatalf("%s, the old volume is that of %q", when, writers)
	}
	u.refused("service db: its upgrade was cut short, and volume @P_data17 may lack data", "upgrade db")
}

// succeeds upgrades, and fails the test unless the new server has all of the data and can be deployed. It returns how long the upgrade
// took.
func (u *upgrade) succeeds() (took time.Duration) {
	u.t.Helper()
	began := time.Now()
	if got := u.mage("upgrade", "db"); got.code != 0 && (got.code != 3 || !strings.Contains(got.stderr, "of that version already")) {
		u.t.Fatalf("another try: %s", got)
	}
	took = time.Since(began)
	u.deploy(0, patient)
	if got := u.psql("shop", sumOfAll); got != u.rows {
		u.t.Fatalf("the new server has %s, want %s", got, u.rows)
	}
	if got := u.psql("shop", "SHOW server_version"); !strings.HasPrefix(got, "17.") {
		u.t.Fatalf("the server is %s", got)
	}
	return took
}

// killed kills every process of an upgrade at one instant after the other: what was before can be deployed then, and another try
// brings all of it over.
func (u *upgrade) killed(instants ...string) {
	t := u.t
	results := newTable(t, upgradeColumns...)
	for _, at := range u.instants() {
		if !slices.Contains(instants, at.name) {
			continue
		}
		u.kill(at.name, at.holds)
		if at.then != nil {
			at.then()
		}
		eventually(t, 2*time.Minute, "what the killed upgrade left running in its container has come to its end", func() bool {
			return u.docker("ps", "-aq", "--filter", "name=^"+u.project+"-upgrade$") == ""
		})
		u.untouched("killed when " + at.name)
		results.add("SIGKILL of the whole tree", at.name, ended(codeKilled), "the old server", "refused")
	}
	if got := u.mage("reset"); got.code != 3 || !strings.Contains(got.stderr, "an upgrade of db was cut short") {
		t.Errorf("a reset takes away what keeps deployments off the new volume: %s", got)
	}
	u.was()
	u.deploy(0, patient)
	if !strings.Contains(u.docker("ps", "--format", "{{.Names}}"), u.project+"-web-1") {
		t.Error("after a deployment of what was before, what depends on the database is not up")
	}
	u.psql("shop", "INSERT INTO readings VALUES (0, 'written since')")
	u.rows = u.psql("shop", sumOfAll)
	u.will()
	u.succeeds()
	u.settled()
}

// instant is one of an upgrade.
type upgradeInstant struct {
	name  string
	holds func(since time.Time) bool
	then  func() // what the instant after it would have left
}

func (u *upgrade) instants() []upgradeInstant {
	u.t.Helper()
	volume := func(elem ...string) string { // the new one
		return filepath.Join(append([]string{"/var/lib/docker/volumes", u.project + "_data17", "_data"}, elem...)...)
	}
	if root := strings.TrimSpace(u.docker("info", "--format", "{{.DockerRootDir}}")); root != "/var/lib/docker" {
		u.t.Fatalf("the engine keeps its volumes in %s", root)
	}
	there := func(path string) func(time.Time) bool { // and not left by the try before
		return func(since time.Time) bool {
			info, err := os.Lstat(path)
			return err == nil && info.ModTime().After(since)
		}
	}
	const filling = ".slipway-upgrade"
	return []upgradeInstant{
		{"the dump is being written", there(filepath.Join(u.state, "upgrades", "db.sql.partial")), nil},
		{"the new server is being made", there(volume(filling)), nil},
		{"the dump is being restored", there(volume(filling, "postmaster.pid")), nil},
		{"the rows are being compared", there(volume(filling, "slipway.upgrade")), nil},
		{"half of the new data is in its place", there(volume(filling, "slipway.upgrade")), func() {
			for _, name := range []string{"base", "global", "postgresql.conf"} {
				if err := os.Rename(volume(filling, name), volume(name)); err != nil {
					u.t.Fatal(err)
				}
			}
		}},
		{"the new data is in its place", there(volume("PG_VERSION")), nil},
	}
}

// kill kills every process of an upgrade at an instant.
func (u *upgrade) kill(name string, holds func(since time.Time) bool) {
	u.t.Helper()
	dir, err := demoBinaries()
	if err != nil {
		u.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "mage"), "upgrade", "db")
	cmd.Dir, cmd.Env = u.dir, append(os.Environ(), u.env...)
	run := &started{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &run.stdout, &run.stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	eventually(u.t, 10*time.Minute, name, func() bool { return holds(began) || zombie(cmd.Process.Pid) })
	killAllOf(u.state)
	if got := run.wait(); got.code != codeKilled {
		u.t.Fatalf("not killed when %s: %s", name, got)
	}
}

// killedWithin kills upgrades at as many instants spread over the time that one takes: the old server or the new one has all of the
// data, and another try ends well, from what was before each time.
func (u *upgrade) killedWithin(instants int) {
	t := u.t
	var usual time.Duration
	killed := 0
	for n := range instants + 1 { // the first is not killed
		u.was()
		u.deploy(0, patient)
		if got := u.psql("shop", sumOfAll); got != u.rows {
			t.Fatalf("before instant %d the old server has %s, want %s", n, got, u.rows)
		}
		if volume := u.project + "_data17"; strings.Contains(u.docker("volume", "ls", "-q"), volume) {
			u.docker("volume", "rm", volume)
		}
		u.will()
		if n > 0 {
			run := u.start("upgrade", "db")
			time.Sleep(usual * time.Duration(n) / time.Duration(instants+1)) // the instant is drawn from a range, not awaited
			killAllOf(u.state)
			got := run.wait()
			if got.code != codeKilled && got.code != 0 {
				t.Fatalf("killed at instant %d: %s", n, got)
			}
			if got.code == codeKilled {
				killed++
			}
		}
		if took := u.succeeds(); n == 0 {
			usual = took
		}
	}
	u.settled()
	t.Logf("%d of %d upgrades were killed before their end", killed, instants)
}
