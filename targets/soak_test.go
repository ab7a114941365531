//go:build engine && soak

package targets_test

import (
	"slices"
	"strings"
	"testing"
)

// TestTwoHundredKillsAtRandomInstantsLoseNothing prints its seed.
func TestTwoHundredKillsAtRandomInstantsLoseNothing(t *testing.T) { kills(t, 200) }

// TestStartFirstThroughCaddyDropsNoRequest does with the reference stack what mage test does with a smaller one.
func TestStartFirstThroughCaddyDropsNoRequest(t *testing.T) { startFirstThroughCaddy(t) }

// TestEachMishapAtEachInstant is the whole fault matrix.
func TestEachMishapAtEachInstant(t *testing.T) { faultMatrix(t, mishaps) }

// TestAHundredDeploymentsBegunAtOnceNeverActTwoAtATime begins them from different users, state directories and checkouts, a
// container that has the engine's socket, and by hand.
func TestAHundredDeploymentsBegunAtOnceNeverActTwoAtATime(t *testing.T) { atOnce(t, 100) }

// TestABackupOrARestoreThatIsKilledAtTwentyInstantsIsAllOrNothing takes some minutes.
func TestABackupOrARestoreThatIsKilledAtTwentyInstantsIsAllOrNothing(t *testing.T) {
	killedBackups(t, 20)
}

// TestCasesH2AndH3EveryMajorIsBackedUpAndRestoredOnANewServer has the servers of Debian 11 to testing.
func TestCasesH2AndH3EveryMajorIsBackedUpAndRestoredOnANewServer(t *testing.T) {
	restoredAnew(t, "13", "15", "17", "18")
}

// TestAPostgreSQLWithAMillionRowsIsUpgraded is the size that a check of the rows must bear.
func TestAPostgreSQLWithAMillionRowsIsUpgraded(t *testing.T) { upgraded(t, 1_000_000) }

// TestAnUpgradeThatIsKilledAtTwentyInstantsLosesNothing takes half an hour.
func TestAnUpgradeThatIsKilledAtTwentyInstantsLosesNothing(t *testing.T) {
	u := newUpgrade(t, 300_000)
	var all []string
	for _, at := range u.instants() {
		all = append(all, at.name)
	}
	u.killed(all...)
	u.killedWithin(20 - len(all))
}

// TestEveryKindOfDataThatIsKilledAtTwentyInstantsIsAllOrNothing does so with the other kinds.
func TestEveryKindOfDataThatIsKilledAtTwentyInstantsIsAllOrNothing(t *testing.T) {
	const instants = 20
	for name, restored := range map[string]func(*testing.T){
		"MariaDB 10.11":            func(t *testing.T) { mariadbIsRestored(t, "10.11", instants) },
		"MariaDB 11.8":             func(t *testing.T) { mariadbIsRestored(t, "11.8", instants) },
		"Redis":                    func(t *testing.T) { redisIsRestored(t, "", instants) },
		"Redis with an append log": func(t *testing.T) { redisIsRestored(t, "--appendonly yes", instants) },
		"a volume":                 func(t *testing.T) { volumeIsRestored(t, instants) },
	} {
		t.Run(name, restored)
	}
}

// TestCaseH1ThirtyFailingDeploymentsAndTwentyFailingRestoresKeepTheGoodBackup is the case as it is written.
func TestCaseH1ThirtyFailingDeploymentsAndTwentyFailingRestoresKeepTheGoodBackup(t *testing.T) {
	failing(t, 30, 20)
}

// TestTwentyDeploysAtOnceAreOneAtATime starts them together twice: those that do not wait are refused but for one, those that
// wait all end well, and no two runs overlap.
func TestTwentyDeploysAtOnceAreOneAtATime(t *testing.T) {
	s := newSite(t)
	s.deploy(0)
	s.volume = s.dataVolume()
	s.post("kept")
	s.change(1)
	if codes := s.together(20); codes[0] == 0 || codes[0]+codes[11] != 20 {
		t.Errorf("want exit 0 and 11 alone, one 0 at least; exit code: how often: %v", codes)
	}
	s.change(2)
	if codes := s.together(20, "-wait=20m"); codes[0] != 20 {
		t.Errorf("want 20 that end well; exit code: how often: %v", codes)
	}
	s.oneAtATime()
	if again := s.recovers(nil, "kept"); len(again) > 0 {
		t.Errorf("%v ran once more", again)
	}
}

// together starts deployments at once, and counts how they ended.
func (s *site) together(count int, flags ...string) map[int]int {
	s.t.Helper()
	var runs []*started
	for range count {
		runs = append(runs, s.start(append([]string{"deploy", "-passes=1"}, flags...)...))
	}
	codes := map[int]int{}
	for _, run := range runs {
		got := run.wait()
		codes[got.code]++
		if got.code == 11 && !strings.Contains(got.stderr, "holds the lock") {
			s.t.Errorf("a refusal that does not say why: %s", got)
		}
	}
	return codes
}

// oneAtATime fails the test when two runs overlap: each journal begins after the one before it has ended.
func (s *site) oneAtATime() {
	s.t.Helper()
	var last event
	journals := s.journals()
	slices.Sort(journals)
	for _, path := range journals {
		run := events(path)
		if len(run) == 0 || run[len(run)-1].Kind != "end" {
			s.t.Fatalf("%s has no end", path)
		}
		if run[0].Time.Before(last.Time) {
			s.t.Errorf("a run began at %s, before the last had ended at %s", run[0].Time, last.Time)
		}
		last = run[len(run)-1]
	}
}
