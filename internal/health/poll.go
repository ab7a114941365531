package health

import (
	"context"
	"fmt"
	"slices"
	"time"

	"slipway/internal/compose"
)

const (
	firstTick   = 250 * time.Millisecond
	lastTick    = time.Second
	lookSpacing = 50 * time.Millisecond
	lookTimeout = 15 * time.Second // an engine that does not answer at all must not stop the clock
)

// found is the outcome of a look.
type found struct {
	containers []compose.Container
	looked     time.Time
	err        error
}

// subscribe comes before every first look, so that nothing falls between them.
func (w *waiter) subscribe(ctx context.Context) error {
	w.subscribed = time.Now()
	events, err := w.engine.Events(ctx)
	if err != nil {
		return fmt.Errorf("wait for health: %w", err)
	}
	w.events = events
	return nil
}

// deathsOf are those of a container from before the wait. The engine is asked once, and only about one that was restarted often
// enough for them to matter. It may have forgotten them, and then the number of restarts has to do.
func (w *waiter) deathsOf(ctx context.Context, c compose.Container) []time.Time {
	if c.RestartCount >= loopRestarts && !w.remembered {
		w.remembered = true
		if deaths, err := w.engine.Deaths(ctx, recently); err == nil {
			w.deaths = deaths
		}
	}
	return w.deaths[c.ID]
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
			known = &watch{baseline: c.RestartCount, deaths: w.deathsOf(ctx, c)}
			if c.Created.After(w.begin.Add(-max(w.window(c.Service), loopWindow))) {
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
	return listed && (len(expect.Containers) == 0 || slices.Contains(expect.Containers, c.ID))
}

// lookDue is when the next look is due: at the tick, or when a container comes of age, or while a kill may yet turn out
// to be one for want of memory.
func (w *waiter) lookDue(now time.Time) time.Time {
	due := w.nextLook
	for _, watch := range w.watches {
		if !w.lostAt.IsZero() {
			break
		}
		if age := w.windowEnd(watch); age.After(watch.looked) && age.Before(due) {
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
