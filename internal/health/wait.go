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
	firstTick    = 250 * time.Millisecond
	lastTick     = time.Second
	lookSpacing  = 50 * time.Millisecond
	lookTimeout  = 15 * time.Second // an engine that does not answer at all must not stop the clock
	missingGrace = 3 * time.Second  // what has no container by then, while nothing happens, will have none
	settle       = time.Second      // after the first failure: others that failed by the same cause show, too
)

// Wait watches until every expected replica is well, one has failed for good, or the time is up; what is not well by
// then has failed. An error means that there is no answer: ctx ended, there is no docker command.
func Wait(ctx context.Context, o Options) (Report, error) {
	return wait(ctx, o, cli{o.Project})
}

func wait(ctx context.Context, o Options, e engine) (Report, error) {
	if o.Services != nil && len(o.Services) == 0 {
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

// found is the outcome of a look.
type found struct {
	containers []compose.Container
	looked     time.Time
	err        error
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
		w.startChecks(beside, now)
		w.startLook(beside, now)
		if w.judge(now) {
			return newReport(w.verdicts), nil
		}
		if w.empty(now) {
			return Report{}, errors.New("wait for health: the project has no containers")
		}
		wake := time.NewTimer(w.sleep(now))
		select {
		case <-ctx.Done():
			return newReport(w.verdicts), fmt.Errorf("wait for health: %w", ctx.Err())
		case <-timeout.C:
			return w.expire(time.Now())
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

// subscribe comes before every first look, so that nothing falls between them.
func (w *waiter) subscribe(ctx context.Context) error {
	w.subscribed = time.Now()
	events, err := w.engine.Events(ctx)
	if errors.Is(err, compose.ErrNoDocker) {
		return fmt.Errorf("wait for health: %w", err)
	}
	if err == nil {
		w.events = events
	}
	return nil
}

func (w *waiter) takeEvent(event compose.Event, open bool) {
	now := time.Now()
	w.nextLook = now
	if !open { // the engine went away, or only the stream did: what happens meanwhile is not told
		w.events, w.after = nil, now
		return
	}
	w.changed, w.tick = now, firstTick
	if watch := w.watches[event.ID]; watch != nil {
		watch.event(event)
	}
}

func (w *waiter) startLook(ctx context.Context, now time.Time) {
	if w.looking || now.Before(w.lookDue(now)) {
		return
	}
	w.looking = true
	w.nextLook = now.Add(w.tick)
	w.tick = min(w.tick*5/4, lastTick)
	w.beside.Go(func() {
		bounded, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		containers, err := w.engine.Containers(bounded)
		select {
		case w.found <- found{containers: containers, looked: now, err: err}:
		case <-ctx.Done():
		}
	})
}

func (w *waiter) takeLook(ctx context.Context, f found) error {
	now := time.Now()
	w.looking, w.looked = false, true
	// A look of many containers takes a while, and a storm of events must not keep the engine busy with looks alone.
	w.earliest = now.Add(max(lookSpacing, now.Sub(f.looked)/2))
	switch {
	case errors.Is(f.err, compose.ErrNoDocker):
		return fmt.Errorf("wait for health: %w", f.err)
	case f.err != nil:
		w.lostErr = f.err
		if w.lostAt.IsZero() {
			w.lostAt = f.looked
		}
		return nil
	case !w.lostAt.IsZero(): // back again; every answer is to be given anew
		w.lostAt, w.lostErr, w.after, w.changed = time.Time{}, nil, now, now
		for _, watch := range w.watches {
			watch.endSince = time.Time{}
		}
	}
	if w.events == nil && now.Sub(w.subscribed) >= firstTick {
		if err := w.subscribe(ctx); err != nil {
			return err
		}
		w.nextLook = now
	}
	present := map[string]bool{}
	for _, c := range f.containers {
		if !w.wants(c) {
			continue
		}
		present[c.ID] = true
		known := w.watches[c.ID]
		if known == nil {
			known = &watch{baseline: c.RestartCount}
			if c.Created.After(w.begin.Add(-max(w.o.Window, loopWindow))) {
				known.baseline = 0 // its crashes are those of what is being waited for
			}
			w.watches[c.ID] = known
			w.changed = now
		}
		known.observe(c, f.looked, now, need{passes: w.o.Passes, begin: w.begin})
	}
	for id := range w.watches {
		if !present[id] {
			delete(w.watches, id)
			w.changed = now
		}
	}
	return nil
}

func (w *waiter) wants(c compose.Container) bool {
	if c.OneOff {
		return false
	}
	expect, listed := w.o.Services[c.Service]
	if w.o.Services == nil {
		return true
	}
	return listed && (len(expect.Containers) == 0 || slices.Contains(expect.Containers, c.ID))
}

// judge renews the verdicts and tells whether the wait is over.
func (w *waiter) judge(now time.Time) bool {
	if !w.looked {
		return false
	}
	verdicts := w.rule(now, false)
	w.publish(verdicts)
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

// empty tells that nothing was named to be waited for and nothing is there.
func (w *waiter) empty(now time.Time) bool {
	return w.looked && w.lostAt.IsZero() && len(w.verdicts) == 0 && now.Sub(w.changed) >= missingGrace
}

// publish keeps the verdicts, remembers since when each holds, and tells of changes.
func (w *waiter) publish(verdicts []Verdict) {
	changed := len(verdicts) != len(w.verdicts)
	for i := range verdicts {
		v := &verdicts[i]
		v.Since = time.Now()
		for _, old := range w.verdicts {
			if old.Service == v.Service && old.ID == v.ID && old.State == v.State {
				v.Since = old.Since
			}
		}
		changed = changed || !slices.ContainsFunc(w.verdicts, func(old Verdict) bool {
			return old.Service == v.Service && old.ID == v.ID && old.State == v.State && old.Reason == v.Reason
		})
	}
	w.verdicts = verdicts
	if changed {
		w.o.Progress(slices.Clone(verdicts))
	}
}

// expire ends a wait whose time is up.
func (w *waiter) expire(now time.Time) (Report, error) {
	verdicts := w.rule(now, true)
	if len(verdicts) == 0 {
		if w.lostErr != nil {
			return Report{}, fmt.Errorf("wait for health: %w", w.lostErr)
		}
		return Report{}, errors.New("wait for health: the engine did not answer")
	}
	w.publish(verdicts)
	return newReport(verdicts), nil
}

// sleep is how long nothing needs to be done unless something is reported.
func (w *waiter) sleep(now time.Time) time.Duration {
	next := w.lookDue(now)
	if w.looking {
		next = now.Add(lastTick)
	}
	for _, watch := range w.watches {
		if w.lostAt.IsZero() && watch.wantsCheck() && watch.next.Before(next) {
			next = watch.next
		}
	}
	return max(next.Sub(now), time.Millisecond)
}

// lookDue is when the next look is due: at the tick, or when a container comes of age, or while a kill may yet turn out
// to be one for want of memory.
func (w *waiter) lookDue(now time.Time) time.Time {
	due := w.nextLook
	for _, watch := range w.watches {
		if !w.lostAt.IsZero() {
			break
		}
		if age := watch.windowEnd(w.o.Window); age.After(watch.looked) && age.Before(due) {
			due = age
		}
		if watch.killedLately(now) {
			if soon := watch.looked.Add(oomGrace / 10); soon.Before(due) {
				due = soon
			}
		}
	}
	if due.Before(w.earliest) {
		due = w.earliest
	}
	return due
}
