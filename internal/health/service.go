package health

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"slipway/internal/compose"
)

// rule returns the verdicts of this moment, sorted. When the time is up, what still waits has failed.
func (w *waiter) rule(now time.Time, expired bool) []Verdict {
	var verdicts []Verdict
	byService := map[string][]*watch{}
	for _, watch := range w.watches {
		byService[watch.latest.Service] = append(byService[watch.latest.Service], watch)
	}
	for _, service := range slices.Sorted(maps.Keys(w.o.Services)) {
		verdicts = append(verdicts, w.ruleService(service, byService[service], now, expired)...)
	}
	return w.ruleMissing(verdicts, now, expired)
}

// expect is what is to be found of a service.
func (w *waiter) expect(service string) Expect {
	expect := w.o.Services[service]
	if len(expect.Containers) > 0 {
		expect.Replicas = len(expect.Containers)
	}
	expect.Replicas = max(expect.Replicas, 1)
	return expect
}

// window is for how long a container of the service must have been up.
func (w *waiter) window(service string) time.Duration {
	return cmp.Or(w.o.Services[service].Window, w.o.Window)
}

// windowEnd is when this life of a container is old enough.
func (w *waiter) windowEnd(watch *watch) time.Time {
	return watch.windowEnd(w.window(watch.latest.Service))
}

func (w *waiter) ruleService(service string, watches []*watch, now time.Time, expired bool) []Verdict {
	expect := w.expect(service)
	slices.SortFunc(watches, func(a, b *watch) int {
		return cmp.Or(cmp.Compare(a.latest.Number, b.latest.Number), a.latest.Created.Compare(b.latest.Created))
	})
	if !expect.OneShot {
		watches = dropLeftovers(watches, expect.Replicas)
	}
	verdicts := make([]Verdict, 0, expect.Replicas)
	dead := make([]bool, 0, expect.Replicas)
	for _, watch := range watches {
		r := watch.rule(circumstances{
			now: now, window: w.window(service), passes: w.o.Passes, after: w.countsFrom(watch), expect: expect,
		})
		if !w.lostAt.IsZero() && r.state != Failed {
			r = w.ruleLost()
		}
		if expired && r.state == Waiting {
			r = w.expired(r, now)
		}
		v := Verdict{
			Service: service, Container: watch.latest.Name, ID: watch.latest.ID, State: r.state, Reason: r.reason,
			Passes: watch.passes, Checks: slices.Clone(watch.checks),
		}
		if v.State == Healthy || v.State == Unchecked {
			v.Notes = watch.notes(now)
		}
		verdicts = append(verdicts, v)
		dead = append(dead, r.state == Failed && r.notRunning)
	}
	countDead(verdicts, dead, expect.Replicas)
	if missing := expect.Replicas - len(watches); missing > 0 {
		v := Verdict{Service: service, State: Waiting, Reason: "no container"}
		if expect.Replicas > 1 && len(watches) > 0 {
			v.Reason = fmt.Sprintf("%d of %d replicas %s no container", missing, expect.Replicas, plural(missing, "has", "have"))
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// mostRecent is how old an answer may be at most.
const mostRecent = time.Minute

// countsFrom is since when what a container answered counts. The engine's newest answer does until the next one is due: the
// interval begins when a check has ended, and the next one takes its time, too.
func (w *waiter) countsFrom(watch *watch) time.Time {
	if w.o.Recent && w.after.Equal(w.begin) {
		took := watch.probed.Sub(watch.logged)
		return w.begin.Add(-min(watch.interval()+2*took, mostRecent))
	}
	return w.after
}

// dropLeftovers leaves out containers beyond the replicas that do not run: an interrupted recreate leaves such.
func dropLeftovers(watches []*watch, replicas int) []*watch {
	extra := len(watches) - replicas
	return slices.DeleteFunc(slices.Clone(watches), func(w *watch) bool {
		if extra > 0 && w.latest.Status == "created" && w.latest.Error == "" {
			extra--
			return true
		}
		return false
	})
}

// countDead says of how many replicas those that do not run are.
func countDead(verdicts []Verdict, dead []bool, replicas int) {
	count := 0
	for _, d := range dead {
		if d {
			count++
		}
	}
	if replicas < 2 {
		return
	}
	for i := range verdicts {
		if dead[i] {
			verdicts[i].Reason = fmt.Sprintf("%d of %d replicas %s not running: %s",
				count, replicas, plural(count, "is", "are"), verdicts[i].Reason)
		}
	}
}

// ruleMissing decides about replicas without a container. They may yet be created, but not once everything else is
// decided and nothing happens any more.
func (w *waiter) ruleMissing(verdicts []Verdict, now time.Time, expired bool) []Verdict {
	still := w.lostAt.IsZero() && now.Sub(w.changed) >= missingGrace
	for _, v := range verdicts {
		still = still && (v.State != Waiting || v.ID == "")
	}
	for i := range verdicts {
		v := &verdicts[i]
		switch {
		case v.ID != "":
		case !w.lostAt.IsZero():
			r := w.ruleLost()
			if expired {
				r = w.expired(r, now)
			}
			v.State, v.Reason = r.state, r.reason
		case w.o.Pruned && w.o.Services[v.Service].OneShot:
			v.State, v.Reason = Done, ""
			v.Notes = []string{"no container: removed since it ran, or never run"}
		case still || expired:
			v.State = Failed
		}
	}
	return verdicts
}

// ruleLost is the ruling about everything while the engine does not answer.
func (w *waiter) ruleLost() ruling {
	if errors.Is(w.lostErr, compose.ErrNoEngine) {
		return ruling{state: Waiting, reason: "engine not reachable"}
	}
	return ruling{state: Waiting, reason: "engine does not answer", detail: lastLine(w.lostErr.Error())}
}

func (w *waiter) expired(r ruling, now time.Time) ruling {
	if w.lostAt.IsZero() {
		return r.expired(now.Sub(w.begin))
	}
	return r.expired(now.Sub(w.lostAt))
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
