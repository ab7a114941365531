package health

import (
	"context"
	"errors"
	"runtime"
	"time"
)

const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
	flakePause = 500 * time.Millisecond // between failures of what had passed: a blip is not the end
	slotTime   = time.Second            // a check that takes longer no longer counts against the limit
	longPause  = 30 * time.Second
	overhead   = time.Second // of the engine, which the timeout of a check does not include
)

// probing is when the healthcheck of a container is run next.
type probing struct {
	busy  bool
	since time.Time // when it became busy
	next  time.Time
}

// checked is what a burst of checks of one life of a container brought.
type checked struct {
	id      string
	started time.Time // of the life
	answers []answer
}

// checkSlots limits the checks that run at once: each costs the engine about a tenth of a second of a processor, which
// the services need to start.
func checkSlots() int { return max(4, 2*runtime.NumCPU()) }

// wantsCheck tells whether the healthcheck of a container is to be run at next.
func (w *waiter) wantsCheck(watch *watch, now time.Time) bool {
	switch {
	case watch.busy || watch.latest.Status != "running" || !watch.turned.IsZero() || watch.latest.Healthcheck.Argv() == nil,
		w.o.Services[watch.latest.Service].Engine, !watch.mayAsk(now):
		return false
	}
	return watch.harmless || watch.passes < w.o.Passes || watch.asked.Before(w.answersFrom(watch))
}

// answersFrom is since when an answer of a container counts.
func (w *waiter) answersFrom(watch *watch) time.Time {
	after := w.countsFrom(watch)
	if end := w.windowEnd(watch); end.After(after) {
		return end
	}
	return after
}

func (w *waiter) startChecks(ctx context.Context, now time.Time) {
	if !w.lostAt.IsZero() {
		return
	}
	for id, watch := range w.watches {
		if now.Before(watch.next) || !w.wantsCheck(watch, now) {
			continue
		}
		count := 1
		if watch.run > 0 && watch.passes > 0 && watch.passes < w.o.Passes { // what has answered once is asked for the rest at once
			count = w.o.Passes - watch.passes
		}
		watch.busy, watch.since = true, now
		if watch.passes+count >= w.o.Passes && count > 1 { // inspect has the last word, and is asked meanwhile
			if look := now.Add(time.Duration(count-1)*firstPause + time.Millisecond); look.Before(w.nextLook) {
				w.nextLook = look
			}
		}
		started, argv, timeout := watch.latest.StartedAt, watch.latest.Healthcheck.Argv(), watch.timeout()
		w.beside.Go(func() {
			result := checked{id: id, started: started, answers: w.burst(ctx, id, argv, timeout, count)}
			select {
			case w.checked <- result:
			case <-ctx.Done():
			}
		})
	}
}

// burst runs a healthcheck count times, each begun a little after the one before, and returns their answers up to the
// first that is not a pass. A check that could not be run at all is no answer.
func (w *waiter) burst(ctx context.Context, id string, argv []string, timeout time.Duration, count int) []answer {
	results := make([]chan *answer, count)
	for i := range results {
		results[i] = make(chan *answer, 1)
		w.beside.Go(func() {
			select {
			case <-time.After(time.Duration(i) * firstPause):
				results[i] <- w.check(ctx, id, argv, timeout)
			case <-ctx.Done():
				results[i] <- nil
			}
		})
	}
	var answers []answer
	for _, result := range results {
		a := <-result
		if a == nil {
			break
		}
		answers = append(answers, *a)
		if a.code != 0 || a.hung {
			break
		}
	}
	return answers
}

func (w *waiter) check(ctx context.Context, id string, argv []string, timeout time.Duration) *answer {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	freed := make(chan struct{})
	w.beside.Go(func() {
		select {
		case <-freed:
		case <-time.After(slotTime):
		}
		<-w.slots
	})
	defer close(freed)
	bounded, cancel := context.WithTimeout(ctx, timeout+overhead)
	defer cancel()
	a := &answer{asked: time.Now()}
	var err error
	a.output, a.code, err = w.engine.Exec(bounded, id, argv...)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(bounded.Err(), context.DeadlineExceeded):
		a.hung = true
	case err != nil: // it does not run, or the engine is gone: the next look tells
		return nil
	}
	return a
}

func (w *waiter) takeChecked(c checked) {
	now := time.Now()
	watch := w.watches[c.id]
	if watch == nil || !watch.latest.StartedAt.Equal(c.started) {
		if watch != nil {
			watch.busy = false
		}
		return
	}
	watch.busy = false
	for _, a := range c.answers {
		if a.asked.Before(watch.asked) { // the engine has asked since
			continue
		}
		watch.takeOwn(a, need{passes: w.o.Passes, begin: w.begin})
	}
	if len(c.answers) == 0 {
		watch.next = now.Add(firstTick)
		w.nextLook = now
		return
	}
	watch.next = now.Add(w.pause(watch, now))
	if watch.passes >= w.o.Passes && watch.looked.Before(watch.asked) {
		w.nextLook = now // it may have been asked too early
	}
}

// pause is how long to leave a container alone after its newest answer.
func (w *waiter) pause(watch *watch, now time.Time) time.Duration {
	waited := now.Sub(watch.seen)
	switch {
	case watch.hangs > 0: // the process that hangs stays in the container; many of them would harm it
		return min(watch.timeout()<<min(watch.hangs-1, 5), longPause)
	case watch.fails > 0 && watch.passed:
		return flakePause
	case watch.fails+watch.misses > 0: // a share of the time waited, so that an answer is late by as little as its coming was
		// Counted from the question, but an engine that takes long to ask it has enough to do.
		took := now.Sub(watch.since)
		return max(min(max(waited/40, firstPause), lastPause)-took, took/4)
	case watch.passes < w.o.Passes:
		return 0
	case !watch.harmless: // one more, at the end of the window
		return max(w.windowEnd(watch).Sub(now), 0)
	}
	// It passed. It is watched while others are waited for, less often the more there are.
	cadence := max(lastPause, time.Duration(len(w.watches))*firstPause)
	if left := w.windowEnd(watch).Sub(now); left > 0 {
		return min(cadence, left)
	}
	if watch.asked.Before(w.answersFrom(watch)) {
		return 0
	}
	return 5 * cadence
}
