package health

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/compose"
)

func TestVerdictsOfSequences(t *testing.T) {
	for _, s := range sequences {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := s.engine()
				services := s.services
				if services == nil {
					services = map[string]Expect{"web": {}}
				}
				begin := time.Now()
				if s.happens != nil {
					go s.happens(f)
				}
				report, err := wait(t.Context(), Options{Services: services, Timeout: time.Minute}, f)
				took := time.Since(begin)
				if err != nil {
					t.Fatal(err)
				}
				if len(report.Verdicts) != 1 {
					t.Fatalf("%+v", report.Verdicts)
				}
				v := report.Verdicts[0]
				if v.State != s.state || !strings.HasPrefix(v.Reason, s.reason) || s.reason == "" && v.Reason != "" {
					t.Errorf("%s %q, want %s %q", v.State, v.Reason, s.state, s.reason)
				}
				if report.OK != v.Good() {
					t.Errorf("OK is %v", report.OK)
				}
				if took < s.from || took > s.to {
					t.Errorf("took %s, want %s to %s", took, s.from, s.to)
				}
				if v.State == Failed && v.ID != "" && len(v.Logs) == 0 {
					t.Error("no logs")
				}
			})
		})
	}
}

func TestEachServiceIsWatchedForAsLongAsItSays(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{0: 5 * time.Second, 20 * time.Second: 20 * time.Second, -1: 0} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {Window: window}}}, newFakeEngine(running("a")))
			if took := time.Since(begin); err != nil || !report.OK || took < want || took > want+time.Second {
				t.Errorf("%s: %+v after %s, %v", window, report, took, err)
			}
		})
	}
}

func TestDeadReplicasAreCountedInTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(running("a"), running("b"), running("c"))
		f.change("b", exit(1), compose.Event{})
		f.change("c", exit(1), compose.Event{})
		report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {Replicas: 3}}}, f)
		if err != nil {
			t.Fatal(err)
		}
		failed := report.Failed()
		if len(failed) != 2 || failed[0].Reason != "2 of 3 replicas are not running: exited (1)" {
			t.Errorf("%+v", failed)
		}
	})
}

func TestMissingReplicasAreCountedInTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {Replicas: 3}}}, newFakeEngine(running("a")))
		if err != nil {
			t.Fatal(err)
		}
		failed := report.Failed()
		if len(failed) != 1 || failed[0].Reason != "2 of 3 replicas have no container" {
			t.Errorf("%+v", failed)
		}
	})
}

func TestOnlyTheNamedContainersAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dying := running("before")
		dying.Status = "exited"
		report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {Containers: []string{"new"}}}},
			newFakeEngine(dying, running("new")))
		if err != nil || !report.OK || len(report.Verdicts) != 1 || report.Verdicts[0].ID != "new" {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestServiceThatPassedIsWatchedUntilTheOthersPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := running("slow")
		slow.Service = "setup"
		f := newFakeEngine(asked(running("a")), slow)
		go func() {
			time.Sleep(20 * time.Second)
			f.say("lost", 1)
		}()
		services := map[string]Expect{"web": {}, "setup": {OneShot: true}}
		report, err := wait(t.Context(), Options{Services: services, Timeout: time.Minute}, f)
		if err != nil {
			t.Fatal(err)
		}
		failed := report.Failed()
		if len(failed) != 1 || failed[0].Service != "web" || !strings.HasPrefix(failed[0].Reason, "turned unhealthy after") {
			t.Errorf("%+v", report.Verdicts)
		}
	})
}

func TestProgressTellsOfChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(asked(running("a")))
		f.say("starting", 1)
		go func() {
			time.Sleep(30 * time.Second)
			f.say("", 0)
		}()
		var told []string
		_, err := wait(t.Context(), Options{
			Services: map[string]Expect{"web": {}},
			Progress: func(v []Verdict) { told = append(told, strings.TrimSpace(string(v[0].State)+" "+v[0].Reason)) },
		}, f)
		if err != nil {
			t.Fatal(err)
		}
		if len(told) > 6 || told[len(told)-1] != "healthy" {
			t.Errorf("%q", told)
		}
		if f.looks < 20 || f.execs < 20 {
			t.Errorf("%d looks, %d healthchecks: nothing was watched", f.looks, f.execs)
		}
	})
}

func TestCancelledWaitIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		report, err := wait(ctx, Options{Services: map[string]Expect{"web": {}}}, newFakeEngine(running("a")))
		if !errors.Is(err, context.Canceled) || report.OK {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestDeadlineOfTheCallerEndsWithVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		f := newFakeEngine(asked(running("a")))
		f.say("no database", 1)
		report, err := wait(ctx, Options{Services: map[string]Expect{"web": {}}, Timeout: 20 * time.Second}, f)
		failed := report.Failed()
		if err != nil || len(failed) != 1 || len(failed[0].Logs) == 0 ||
			failed[0].Reason != "not healthy after 20s: healthcheck exited (1): no database" {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestWhatTheEngineAskedLatelyIsBelievedWhereItMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		interval time.Duration
		codes    []int
		ago      time.Duration // the newest began, where it is said
		took     time.Duration
		asks     bool
		waits    bool // for the engine, which says no more here
	}{
		"three recent passes":              {time.Hour, []int{1, 0, 0, 0}, 0, 0, false, false},
		"two recent passes":                {time.Hour, []int{1, 0, 0}, 0, 0, true, false},
		"a recent failure":                 {time.Hour, []int{0, 0, 0, 1}, 0, 0, true, false},
		"one at the interval":              {time.Minute, []int{0, 0, 0}, 0, 0, false, false},
		"the next one is running":          {20 * time.Second, []int{0, 0, 0}, 21900 * time.Millisecond, time.Second, false, false},
		"the next one is late":             {20 * time.Second, []int{0, 0, 0}, 22100 * time.Millisecond, time.Second, false, true},
		"one that began over a minute ago": {time.Minute, []int{0, 0, 0}, 61 * time.Second, 10 * time.Second, false, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			container := old(asked(running("a")), c.codes...)
			container.Healthcheck.Interval = c.interval
			if c.ago > 0 {
				newest := &container.Health.Log[len(container.Health.Log)-1]
				newest.Start = time.Now().Add(-c.ago)
				newest.End = newest.Start.Add(c.took)
			}
			f := newFakeEngine(container)
			report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {}}, Recent: true}, f)
			if err != nil || report.OK == c.waits {
				t.Errorf("%s: %+v, %v", name, report, err)
			}
			if f.execs > 0 != c.asks {
				t.Errorf("%s: %d healthchecks were run", name, f.execs)
			}
		})
	}
}
