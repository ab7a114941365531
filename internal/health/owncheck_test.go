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

// heart is a service whose healthcheck removes the file that its process touches at every beat (case I5).
type heart struct {
	interval, first, beats time.Duration // of the engine's checks; when the first beat comes, and how often one does
	retries, passes        int
	from                   time.Duration // when the wait begins
}

// run waits for the service while the engine asks it, too, for as long as lasts says. It returns what the wait found and what
// the engine's own checks did until the end.
func (h heart) run(t *testing.T, asks bool, lasts time.Duration) (v Verdict, took time.Duration, probes []int, f *fakeEngine) {
	t.Helper()
	c := running("a")
	c.Healthcheck = &compose.Healthcheck{Test: []string{"CMD", "rm", "beat"}, Interval: h.interval, Timeout: time.Second, Retries: h.retries}
	c.Health = &compose.Health{Status: "starting"}
	f = newFakeEngine(c)
	beat := false
	f.answer = func() (string, int) {
		if !beat {
			return "rm: cannot remove 'beat'", 1
		}
		beat = false
		return "", 0
	}
	begin := time.Now()
	go every(h.first, h.beats, begin.Add(lasts), func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		beat = true
	})
	go every(h.interval, h.interval, begin.Add(lasts), func() {
		f.mu.Lock()
		output, code := f.answer()
		f.mu.Unlock()
		probes = append(probes, code)
		f.probe("a", output, code)
	})
	if asks {
		time.Sleep(h.from)
		report, err := wait(t.Context(), Options{
			Services: map[string]Expect{"web": {}}, Passes: h.passes, Window: 5 * time.Second, Timeout: lasts - h.from,
		}, f)
		if err != nil || len(report.Verdicts) != 1 {
			t.Fatalf("%+v, %v", report, err)
		}
		v, took = report.Verdicts[0], time.Since(begin)-h.from
	}
	time.Sleep(time.Until(begin.Add(lasts + time.Hour)))
	return v, took, probes, f
}

func every(first, period time.Duration, end time.Time, act func()) {
	time.Sleep(first)
	for time.Now().Before(end) {
		act()
		time.Sleep(period)
	}
}

// probe is a run of the engine's own.
func (f *fakeEngine) probe(id, output string, code int) {
	event := compose.Event{}
	f.change(id, func(c *compose.Container) {
		health := *c.Health
		now := time.Now()
		health.Log = append(slices.Clone(health.Log), compose.Probe{Start: now, End: now, ExitCode: code, Output: output})
		health.Log = health.Log[max(0, len(health.Log)-5):]
		switch {
		case code == 0:
			health.Status, health.FailingStreak = "healthy", 0
		default:
			health.FailingStreak++
			if health.FailingStreak >= max(c.Healthcheck.Retries, 1) {
				health.Status = "unhealthy"
			}
		}
		if health.Status != c.Health.Status {
			event.Action = "health_status: " + health.Status
		}
		c.Health = &health
	}, event)
	if event.Action != "" {
		f.change(id, func(*compose.Container) {}, event)
	}
}

func TestCaseI5OurAskingDoesNotChangeWhatTheEngineFinds(t *testing.T) {
	for _, passes := range []int{1, 3} {
		for _, h := range []heart{
			{interval: 5 * time.Second, beats: 4 * time.Second},
			{interval: 5 * time.Second, beats: 4 * time.Second, first: 4 * time.Second},
			{interval: 5 * time.Second, beats: 4 * time.Second, first: 2 * time.Second},
			{interval: 10 * time.Second, beats: 4 * time.Second, first: 4500 * time.Millisecond},
			{interval: 15 * time.Second, beats: 4 * time.Second, first: time.Second},
			{interval: 30 * time.Second, beats: 4 * time.Second, first: 3 * time.Second},
			{interval: 30 * time.Second, beats: 14 * time.Second, first: 14 * time.Second},
			{interval: 30 * time.Second, beats: 14 * time.Second, first: 14 * time.Second, from: 31 * time.Second},
			{interval: 30 * time.Second, beats: 14 * time.Second, first: 14 * time.Second, from: 40 * time.Second},
			{interval: 30 * time.Second, beats: 14 * time.Second, first: 14 * time.Second, from: 50 * time.Second},
			{interval: 30 * time.Second, beats: 4 * time.Second, first: time.Second, from: 118 * time.Second},
			{interval: 60 * time.Second, beats: 200 * time.Millisecond},
			{interval: 5 * time.Minute, beats: 20 * time.Second, first: 7 * time.Second},
		} {
			h.passes, h.retries = passes, 1
			t.Run(fmt.Sprintf("%d passes, every %s, beats %s, from %s", passes, h.interval, h.beats, h.from), func(t *testing.T) {
				const lasts = 5*time.Minute + time.Second
				var alone, beside []int
				synctest.Test(t, func(t *testing.T) { _, _, alone, _ = h.run(t, false, lasts) })
				synctest.Test(t, func(t *testing.T) {
					v, took, probes, _ := h.run(t, true, lasts)
					beside = probes
					if v.State != Healthy {
						t.Errorf("%s %q", v.State, v.Reason)
					}
					if most := time.Duration(passes)*h.interval + time.Second; took > most {
						t.Errorf("took %s, the engine alone %s", took, most)
					}
				})
				if slices.Contains(alone, 1) || !slices.Equal(alone, beside) {
					t.Errorf("the engine found %v, without us %v", beside, alone)
				}
			})
		}
	}
}

func TestCheckThatUsesNothingUpIsAskedBesideTheEngineAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(running("a"))
		c.Healthcheck.Interval = 30 * time.Second
		f := newFakeEngine(c)
		slow := running("slow")
		slow.Service = "setup"
		f.change("slow", func(c *compose.Container) { *c = slow }, compose.Event{})
		go func() {
			time.Sleep(29 * time.Second)
			f.change("slow", exit(0), compose.Event{Action: "die"})
		}()
		services := map[string]Expect{"web": {}, "setup": {OneShot: true}}
		report, err := wait(t.Context(), Options{Services: services, Timeout: time.Minute}, f)
		if err != nil || !report.OK {
			t.Fatalf("%+v, %v", report, err)
		}
		if last := f.askedAt[len(f.askedAt)-1].Sub(c.StartedAt); last < 20*time.Second {
			t.Errorf("asked last after %s", last)
		}
	})
}

func TestFailureOfOursAloneFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(running("a"))
		c.Healthcheck.Interval = 20 * time.Second
		f := newFakeEngine(c)
		f.say("taken", 1) // as if somebody else took each beat before us
		v := outcome(t, f, func() {
			for range 3 {
				time.Sleep(20 * time.Second)
				f.probe("a", "", 0)
			}
		})
		if v.State != Failed || v.Passes != 2 { // the third comes with the end of patience
			t.Errorf("%+v", v)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := asked(running("a"))
		c.Healthcheck.Interval = 15 * time.Second
		f := newFakeEngine(c)
		f.say("taken", 1)
		v := outcome(t, f, func() {
			for range 3 {
				time.Sleep(15 * time.Second)
				f.probe("a", "", 0)
			}
		})
		if v.State != Healthy {
			t.Errorf("%+v", v)
		}
	})
}

func TestServiceThatPassesEverySecondTimeIsNotHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(running("a"))
		c.Healthcheck.Interval = 10 * time.Second
		f := newFakeEngine(c)
		n := 0
		f.answer = func() (string, int) { n++; return "no backend", n % 2 }
		v := outcome(t, f, func() {
			for i := range 6 {
				time.Sleep(10 * time.Second)
				f.probe("a", "no backend", i%2)
			}
		})
		if v.State != Failed || !strings.Contains(v.Reason, "no backend") {
			t.Errorf("%+v", v)
		}
	})
}

func TestProbeOfTheEngineThatIsDueIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := old(asked(running("a")), 0, 0, 0) // the last a minute ago
		c.Healthcheck.Interval = time.Minute + 2*time.Second
		f := newFakeEngine(c)
		begin := time.Now()
		v := outcome(t, f, func() { time.Sleep(2 * time.Second); f.probe("a", "", 0) })
		if v.State != Healthy || f.execs > 0 || time.Since(begin) < 2*time.Second {
			t.Errorf("%+v after %s, %d healthchecks were run", v, time.Since(begin), f.execs)
		}
	})
}

func TestCaseI1OnlyTheEnginesWordCountsWhereItIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(running("a"))
		c.Healthcheck.Interval = 15 * time.Second
		f := newFakeEngine(c)
		go func() { time.Sleep(15 * time.Second); f.probe("a", "", 0) }()
		begin := time.Now()
		services := map[string]Expect{"web": {Containers: []string{"a"}, Engine: true}}
		report, err := wait(t.Context(), Options{Services: services, Passes: 1, Window: -1, Timeout: time.Minute}, f)
		if took := time.Since(begin); err != nil || !report.OK || took < 15*time.Second || took > 16*time.Second || f.execs > 0 {
			t.Errorf("%+v, %v after %s, %d healthchecks were run", report, err, took, f.execs)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(asked(running("a")))
		services := map[string]Expect{"web": {Engine: true}}
		report, err := wait(t.Context(), Options{Services: services, Passes: 1, Window: -1, Timeout: time.Minute}, f)
		if err != nil || report.OK || report.Verdicts[0].Reason != "not checked by the engine after 1m0s" {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
