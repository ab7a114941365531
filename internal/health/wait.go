package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"slipway/internal/compose"
)

const (
	missingGrace = 3 * time.Second // what has no container by then, while nothing happens, will have none
	settle       = time.Second     // after the first failure: others that failed by the same cause show, too
)

// Wait watches until every expected replica is well, one has failed for good, or the time is up, be it that of Options
// or of ctx; what is not well by then has failed. An error means that there is no answer: ctx was cancelled, or nothing
// says which engine to ask.
func Wait(ctx context.Context, o Options) (Report, error) {
	return wait(ctx, o, docker{o.Project})
}

func wait(ctx context.Context, o Options, e engine) (Report, error) {
	if len(o.Services) == 0 {
		return newReport(nil), nil
	}
	report, err := newWaiter(o.withDefaults(), e).run(ctx)
	if err == nil {
		explainFailures(ctx, e, report.Verdicts)
	}
	return report, err
}

// waiter is one wait. Its run is the only goroutine that touches its state; looks and healthchecks run beside it and
// report through channels.
type waiter struct {
	o       Options
	engine  engine
	begin   time.Time
	watches map[string]*watch

	remembered bool                   // the engine was asked for them:
	deaths     map[string][]time.Time // of each container, from before the wait

	events     <-chan compose.Event
	subscribed time.Time
	changed    time.Time // when something last happened to the containers

	found    chan found
	looking  bool
	nextLook time.Time
	earliest time.Time // no look before, whatever calls for one
	tick     time.Duration
	looked   bool      // once, with or without an answer
	lostAt   time.Time // since when the engine does not answer; zero while it does
	lostErr  error
	after    time.Time // nothing from before counts as an answer

	checked chan checked
	slots   chan struct{}
	beside  sync.WaitGroup

	verdicts []Verdict
	failedAt time.Time
}

func newWaiter(o Options, e engine) *waiter {
	now := time.Now()
	return &waiter{
		o: o, engine: e, begin: now, after: now, changed: now, watches: map[string]*watch{}, tick: firstTick,
		found: make(chan found), checked: make(chan checked), slots: make(chan struct{}, checkSlots()),
	}
}

func (w *waiter) run(ctx context.Context) (Report, error) {
	beside, cancel := context.WithCancel(ctx)
	defer w.beside.Wait()
	defer cancel()
	timeout := time.NewTimer(w.o.Timeout)
	defer timeout.Stop()
	if err := w.subscribe(beside); err != nil {
		return Report{}, err
	}
	for {
		now := time.Now()
		if w.judge(now) {
			return newReport(w.verdicts), nil
		}
		w.startChecks(beside, now)
		w.startLook(beside, now)
		wake := time.NewTimer(w.sleep(now))
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) { // the caller's patience is no other than ours
				return w.expire(time.Now()), nil
			}
			return newReport(w.verdicts), fmt.Errorf("wait for health: %w", ctx.Err())
		case <-timeout.C:
			return w.expire(time.Now()), nil
		case event, open := <-w.events:
			w.takeEvent(event, open)
		case f := <-w.found:
			if err := w.takeLook(beside, f); err != nil {
				return Report{}, err
			}
		case c := <-w.checked:
			w.takeChecked(c)
		case <-wake.C:
		}
		wake.Stop()
	}
}

// judge renews the verdicts and tells whether the wait is over.
func (w *waiter) judge(now time.Time) bool {
	if !w.looked {
		return false
	}
	verdicts := w.rule(now, false)
	w.publish(verdicts, now)
	waiting, failed := false, false
	for _, v := range verdicts {
		waiting = waiting || v.State == Waiting
		failed = failed || v.State == Failed
	}
	if failed && w.failedAt.IsZero() {
		w.failedAt = now
	}
	if !failed {
		w.failedAt = time.Time{}
	}
	return len(verdicts) > 0 && !waiting || failed && now.Sub(w.failedAt) >= settle
}

// publish keeps the verdicts, remembers since when each holds, and tells of changes.
func (w *waiter) publish(verdicts []Verdict, now time.Time) {
	type replica struct{ service, id string }
	before := make(map[replica]Verdict, len(w.verdicts))
	for _, v := range w.verdicts {
		before[replica{v.Service, v.ID}] = v
	}
	changed := len(verdicts) != len(w.verdicts)
	for i := range verdicts {
		v := &verdicts[i]
		was := before[replica{v.Service, v.ID}]
		v.Since = now
		if was.State == v.State {
			v.Since = was.Since
		}
		changed = changed || was.State != v.State || was.Reason != v.Reason || !slices.Equal(was.Checks, v.Checks)
	}
	w.verdicts = verdicts
	if changed {
		w.o.Progress(slices.Clone(verdicts))
	}
}

// expire ends a wait whose time is up.
func (w *waiter) expire(now time.Time) Report {
	if !w.looked {
		w.lostAt, w.lostErr = w.begin, errors.New("no answer")
	}
	w.publish(w.rule(now, true), now)
	return newReport(w.verdicts)
}

// sleep is how long nothing needs to be done unless something is reported.
func (w *waiter) sleep(now time.Time) time.Duration {
	next := w.lookDue(now)
	if w.looking {
		next = now.Add(lastTick)
	}
	for _, watch := range w.watches {
		if w.lostAt.IsZero() && watch.next.Before(next) && w.wantsCheck(watch, now) {
			next = watch.next
		}
	}
	return max(next.Sub(now), time.Millisecond)
}
