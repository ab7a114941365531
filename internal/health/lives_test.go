package health

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/compose"
)

// outcome waits for the service web, with a minute of patience, and returns its first verdict.
func outcome(t *testing.T, f *fakeEngine, happens func()) Verdict {
	t.Helper()
	if happens != nil {
		go happens()
	}
	report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {}}, Timeout: time.Minute}, f)
	if err != nil || len(report.Verdicts) == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	return report.Verdicts[0]
}

func TestPassesAreWorthNothingIfTheContainerIsGoneWhenLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(old(asked(running("a"))))
		f.answer = func() (string, int) { // dies of its third answer, and no event tells
			if f.execs == 3 {
				c := f.containers["a"]
				exit(9)(&c)
				f.containers["a"] = c
			}
			return "", 0
		}
		// The third answer is given by a process in it, so it comes although the container ends.
		if v := outcome(t, f, nil); v.State != Failed || v.Reason != "exited (9)" {
			t.Errorf("%+v", v)
		}
	})
}

func TestAnswersOfAnEarlierLifeDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(asked(running("a")))
		v := outcome(t, f, func() {
			time.Sleep(2 * time.Second)
			f.crash("a", 1)
			f.say("no database", 1)
		})
		if v.State != Failed || v.Reason != "not healthy after 1m0s: healthcheck exited (1): no database" {
			t.Errorf("%+v", v)
		}
	})
}

func TestEndOfAnEarlierLifeIsNotThatOfTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(running("a"))
		v := outcome(t, f, func() {
			time.Sleep(time.Second)
			f.change("a", func(*compose.Container) {}, compose.Event{Action: "oom"})
			f.crash("a", 137)
			time.Sleep(time.Second)
			f.crash("a", 3)
		})
		if v.Reason != "crash loop: exited (3), restarted 2 times" {
			t.Errorf("%+v", v)
		}
	})
}

func TestCrashLoopForWantOfMemoryIsSaidToBeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(running("a"))
		v := outcome(t, f, func() {
			for range 2 {
				time.Sleep(time.Second)
				f.change("a", func(*compose.Container) {}, compose.Event{Action: "oom"})
				f.crash("a", 137)
			}
		})
		if v.Reason != "crash loop: killed: out of memory, restarted 2 times" {
			t.Errorf("%+v", v)
		}
	})
}

func TestFailureFromBeforeAPassDoesNotUndoIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(running("a"))
		c.Healthcheck.Retries = 1
		f := newFakeEngine(c)
		v := outcome(t, f, func() { // the engine reports late what it asked early
			time.Sleep(2500 * time.Millisecond)
			f.change("a", func(c *compose.Container) {
				at := c.StartedAt.Add(20 * time.Millisecond)
				c.Health = &compose.Health{Status: "starting", Log: []compose.Probe{{Start: at, End: at.Add(2 * time.Second), ExitCode: 1}}}
			}, compose.Event{})
		})
		if v.State != Healthy {
			t.Errorf("%+v", v)
		}
	})
}

func TestAnswersFromBeforeTheEngineWentAwayDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		setup := running("setup")
		setup.Service = "setup"
		f := newFakeEngine(asked(running("a")), setup)
		go func() {
			time.Sleep(10 * time.Second)
			f.stop()
			time.Sleep(10 * time.Second)
			f.change("setup", exit(0), compose.Event{}) // what was waited for is done
			f.say("gone", 1)
			f.start()
		}()
		services := map[string]Expect{"web": {}, "setup": {OneShot: true}}
		report, err := wait(t.Context(), Options{Services: services, Timeout: time.Minute}, f)
		if err != nil {
			t.Fatal(err)
		}
		failed := report.Failed()
		if len(failed) != 1 || failed[0].Service != "web" || !strings.HasPrefix(failed[0].Reason, "turned unhealthy") {
			t.Errorf("%+v", report.Verdicts)
		}
	})
}

func TestLeftoverOfAnInterruptedRecreateIsNotAReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leftover := running("left")
		leftover.Status, leftover.StartedAt = "created", time.Time{}
		f := newFakeEngine(leftover, running("a"))
		if v := outcome(t, f, nil); v.State != Unchecked || v.ID != "a" {
			t.Errorf("%+v", v)
		}
	})
}

func TestWaitDoesNotSpinWhileTheEngineIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(asked(running("a")))
		outcome(t, f, func() { time.Sleep(time.Second); f.stop() })
		if f.looks > 100 {
			t.Errorf("%d looks in a minute", f.looks)
		}
	})
}

func TestEngineThatNeverAnswersIsToBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine()
		f.silent = true
		for timeout, want := range map[time.Duration]string{
			10 * time.Second: "engine does not answer after 10s: no answer",
			time.Minute:      "engine does not answer after 1m0s: context deadline exceeded",
		} {
			report, err := wait(t.Context(), Options{Services: map[string]Expect{"web": {}}, Timeout: timeout}, f)
			failed := report.Failed()
			if err != nil || len(failed) != 1 || failed[0].Reason != want {
				t.Errorf("%+v, %v, want %q", report, err, want)
			}
		}
	})
}
