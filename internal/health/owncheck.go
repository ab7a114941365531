package health

import "time"

// To run a healthcheck may have an effect: one that removes a heartbeat file passes once for each beat, and whoever runs
// it beside the engine takes the beat that the engine would have found. So a run of ours is a question beside the
// engine's, never in its stead:
//
//   - It is made only while the engine's next is far away. What a check uses up is there again by then, as it must be
//     between two of the engine's own.
//   - A pass of it counts, a failure does not: we may have caused it.
//   - A check that passes three times in one moment uses nothing up. From then on it is run at any time, and its failures
//     count too.
//   - One that fails a moment after it passed is left to the engine, as far as the engine asks often enough.
const (
	leastApart = 5 * time.Second
	mostApart  = 30 * time.Second
	moment     = 2 * time.Second
	proof      = 3
)

// own is what our runs of a healthcheck showed.
type own struct {
	run      int       // passes in a row, within a moment
	runFrom  time.Time // when the first of them was asked
	misses   int       // failures in a row that do not count
	harmless bool      // it uses nothing up
	spends   bool      // it failed a moment after it had passed
}

// takeOwn takes in the outcome of a run of ours.
func (w *watch) takeOwn(a answer, need need) {
	passed := a.code == 0 && !a.hung
	near := w.run > 0 && a.asked.Sub(w.runFrom) < moment
	switch {
	case passed && near:
		w.run++
		w.harmless = w.harmless || w.run >= proof
	case passed:
		w.run, w.runFrom = 1, a.asked
	default:
		w.spends = w.spends || near && !w.harmless
		w.run = 0
	}
	if passed || w.harmless {
		w.take(a, need)
		return
	}
	w.misses++
	w.note(a)
}

// mayAsk tells whether a run of ours would be far enough from the engine's next, and from the newest pass where one uses
// something up.
func (w *watch) mayAsk(now time.Time) bool {
	if w.harmless {
		return true
	}
	apart := min(max(w.interval()/2, leastApart), mostApart)
	next := w.probed.Add(w.interval())
	return next.Sub(now) >= apart && (!w.spends || now.Sub(w.asked) >= apart)
}
