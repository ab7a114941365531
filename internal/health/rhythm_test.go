package health

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/compose"
)

// dying returns a container that has lived so long each time, and up for so long now.
func dying(life time.Duration, restarts int, up time.Duration) compose.Container {
	c := running("a")
	now := time.Now()
	c.StartedAt = now.Add(-up)
	c.Created = c.StartedAt.Add(-time.Duration(restarts) * life)
	c.RestartCount, c.RestartPolicy = restarts, "always"
	return c
}

func TestCaseI2ServiceThatDiesAgainAndAgainIsUnwellWheneverItIsLookedAt(t *testing.T) {
	for _, life := range []time.Duration{14 * time.Second, 40 * time.Second} {
		for restarts := 1; restarts <= 6; restarts++ {
			for _, share := range []time.Duration{1, 5, 9} {
				up := share * life / 10
				t.Run(fmt.Sprintf("every %s, %d times, up for %s", life, restarts, up), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f := newFakeEngine(dying(life, restarts, up))
						over := time.Now().Add(3 * time.Minute)
						done := make(chan struct{})
						go func() {
							defer close(done)
							for pause := life - up; time.Now().Before(over); pause = life {
								time.Sleep(pause)
								f.crash("a", 1)
							}
						}()
						report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {}}, Recent: true}, f)
						if err != nil || report.OK || !strings.HasPrefix(report.Verdicts[0].Reason, "crash loop: ") {
							t.Errorf("%+v, %v", report, err)
						}
						<-done
					})
				})
			}
		}
	}
}

func TestServiceThatIsStableSinceItsLastRestartIsWell(t *testing.T) {
	for name, c := range map[string]struct {
		life     time.Duration
		restarts int
		up       time.Duration
		to       time.Duration // when the wait ends
	}{
		"one restart an hour ago":                     {14 * time.Second, 1, time.Hour, time.Second},
		"one restart half a minute ago, after days":   {72 * time.Hour, 1, 30 * time.Second, 31 * time.Second},
		"four restarts until the database was there":  {2 * time.Second, 4, 11 * time.Second, time.Second},
		"restarted by its own wish every ten minutes": {10 * time.Minute, 40, 2 * time.Minute, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				v := outcome(t, newFakeEngine(dying(c.life, c.restarts, c.up)), nil)
				if took := time.Since(begin); v.State != Unchecked || took > c.to {
					t.Errorf("%+v after %s", v, took)
				}
			})
		})
	}
}

func TestRhythmOfRestartsIsSaidInTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(dying(14*time.Second, 6, 9*time.Second))
		const want = "crash loop: restarted 6 times, about every 14s, up for 9s"
		if v := outcome(t, f, nil); v.Reason != want {
			t.Errorf("%q", v.Reason)
		}
	})
}

func TestCaseE2PrunedOneShotIsNoAlarmWhereItMayBeGone(t *testing.T) {
	for pruned, want := range map[bool]State{true: Done, false: Failed} {
		synctest.Test(t, func(t *testing.T) {
			services := map[string]Expect{"setup": {OneShot: true}}
			report, err := wait(t.Context(), Options{Services: services, Pruned: pruned}, newFakeEngine())
			if err != nil || report.Verdicts[0].State != want || (len(report.Verdicts[0].Notes) > 0) != pruned {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {}}, Pruned: true}, newFakeEngine())
		if err != nil || report.OK {
			t.Errorf("a service that is to stay is gone: %+v, %v", report, err)
		}
	})
}

func TestServiceThatRanForWeeksAndBeganToDieIsInACrashLoop(t *testing.T) {
	for name, c := range map[string]struct {
		deaths int // that the engine remembers
		loop   bool
	}{"the engine remembers": {5, true}, "the engine has forgotten": {2, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const life = 100 * time.Second
				dies := dying(life, 20, 90*time.Second)
				dies.Created = dies.Created.Add(-3 * 7 * 24 * time.Hour)
				f := newFakeEngine(dies)
				f.deaths = map[string][]time.Time{}
				for n := range c.deaths {
					f.deaths["a"] = append(f.deaths["a"], dies.StartedAt.Add(-time.Duration(c.deaths-1-n)*life))
				}
				report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {}}, Recent: true, Timeout: 5 * time.Second}, f)
				if err != nil || report.OK == c.loop || strings.HasPrefix(report.Verdicts[0].Reason, "crash loop: ") != c.loop {
					t.Fatalf("%+v, %v", report, err)
				}
				if noted := slices.Equal(report.Verdicts[0].Notes, []string{"restarted 20 times, the last time 1m30s ago"}); noted == c.loop {
					t.Errorf("%q", report.Verdicts[0].Notes)
				}
			})
		})
	}
}
