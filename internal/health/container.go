package health

import (
	"fmt"
	"strings"
	"time"

	"slipway/internal/compose"
)

// The engine's own defaults of a healthcheck.
const (
	defaultRetries  = 3
	defaultTimeout  = 30 * time.Second
	defaultInterval = 30 * time.Second
)

const (
	keptChecks = 5
	loopWindow = 10 * time.Second // the engine forgets a crash after this long; so do we, no earlier
	mostWindow = time.Minute      // to see whether a container outlives its earlier lives
)

// watch is all that is known about one container during a wait.
type watch struct {
	latest   compose.Container
	baseline int         // its RestartCount when the wait began
	deaths   []time.Time // from before the wait, as far as the engine remembers
	seen     time.Time   // when this life of it was first seen
	looked   time.Time   // when the newest look at it began

	end      end       // how its last life ended
	oom      bool      // the engine reported an OOM kill in this life
	endSince time.Time // since when it is seen ended, while the engine is reachable

	answers
	own
	probing
}

// end is how a container ended.
type end struct {
	known bool
	code  int
	oom   bool
}

// answers is what the healthcheck of a container said in its present life.
type answers struct {
	passes, fails int // consecutive
	firstPass     time.Time
	firstFail     time.Time
	asked         time.Time // when the newest answer was asked
	passed        bool      // enough passes during this wait
	turned        time.Time // when it failed for good after it had passed
	last          string    // the newest failure, in one line
	checks        []string  // outputs, each that differs from the one before
	logged        time.Time // when the newest probe of the engine's own began
	probed        time.Time // when it ended, the start of this life if there is none yet
	hangs         int       // consecutive
}

// answer is the outcome of one run of the healthcheck.
type answer struct {
	asked  time.Time
	code   int
	output string
	hung   bool
}

// observe takes in what a look that began at looked found.
func (w *watch) observe(c compose.Container, looked, now time.Time, need need) {
	if w.seen.IsZero() || !c.StartedAt.Equal(w.latest.StartedAt) {
		w.seen, w.oom, w.endSince = now, false, time.Time{}
		w.answers = answers{probed: earlier(c.StartedAt, now)}
		w.run, w.misses = 0, 0
		w.next = now
	}
	was := w.latest.Health
	w.latest, w.looked = c, looked
	switch c.Status {
	case "exited", "dead", "restarting":
		w.end = end{known: true, code: c.ExitCode, oom: c.OOMKilled || w.oom}
		if w.endSince.IsZero() {
			w.endSince = now
		}
	default:
		w.endSince = time.Time{}
	}
	if c.Health == nil {
		return
	}
	for _, p := range c.Health.Log {
		if p.End.IsZero() || p.Start.Before(c.StartedAt) || !p.Start.After(w.logged) {
			continue
		}
		w.logged, w.probed = p.Start, earlier(p.End, now)
		if p.Start.After(w.asked) { // an older one would contradict what is known since
			hung := p.ExitCode == -1 && strings.Contains(p.Output, "exceeded timeout")
			w.take(answer{asked: p.Start, code: p.ExitCode, output: p.Output, hung: hung}, need)
		}
	}
	// The engine counts its own retries; when it gives up on what has passed, so do we.
	if w.passed && c.Health.Status == "unhealthy" && was != nil && was.Status != "unhealthy" && w.turned.IsZero() {
		w.turned = w.firstFail
		if w.turned.IsZero() {
			w.turned = now
		}
	}
}

// event takes in what is gone by the time of the next look.
func (w *watch) event(e compose.Event) {
	switch {
	case e.Action == "oom":
		w.oom = true
		w.end.oom = w.end.oom || w.end.code == killed
	case e.Action == "die":
		w.end = end{known: true, code: e.ExitCode, oom: w.oom}
	}
}

// need is what makes passes count.
type need struct {
	passes int
	begin  time.Time // of the wait
}

func (w *watch) take(a answer, need need) {
	w.asked = a.asked
	w.note(a)
	if a.code == 0 && !a.hung {
		if w.passes == 0 {
			w.firstPass = a.asked
		}
		w.passes++
		w.fails, w.misses, w.hangs, w.firstFail = 0, 0, 0, time.Time{}
		w.passed = w.passed || w.passes >= need.passes && !a.asked.Before(need.begin)
		return
	}
	if w.fails == 0 {
		w.firstFail = a.asked
	}
	w.fails++
	w.passes = 0
	if w.passed && w.fails >= w.retries() && w.turned.IsZero() {
		w.turned = w.firstFail
	}
}

// note keeps the last outputs for the report.
func (w *watch) note(a answer) {
	text := strings.TrimSpace(a.output)
	switch {
	case a.hung:
		text = "healthcheck did not answer within its timeout of " + seconds(w.timeout())
	case a.code != 0 && text == "":
		text = fmt.Sprintf("healthcheck exited (%d)", a.code)
	case a.code != 0:
		text = fmt.Sprintf("healthcheck exited (%d): %s", a.code, text)
	case text == "":
		text = "passed"
	}
	if a.code != 0 || a.hung {
		w.last = lastLine(text)
	}
	if a.hung {
		w.hangs++
	} else {
		w.hangs = 0
	}
	if n := len(w.checks); n > 0 && w.checks[n-1] == text {
		return
	}
	w.checks = append(w.checks, text)
	if len(w.checks) > keptChecks {
		w.checks = w.checks[len(w.checks)-keptChecks:]
	}
}

func (w *watch) retries() int {
	if h := w.latest.Healthcheck; h != nil && h.Retries > 0 {
		return h.Retries
	}
	return defaultRetries
}

func (w *watch) interval() time.Duration {
	if h := w.latest.Healthcheck; h != nil && h.Interval > 0 {
		return h.Interval
	}
	return defaultInterval
}

func (w *watch) timeout() time.Duration {
	if h := w.latest.Healthcheck; h != nil && h.Timeout > 0 {
		return h.Timeout
	}
	return defaultTimeout
}

// windowEnd is when this life of the container is old enough. One that was restarted has to outlive its earlier lives.
func (w *watch) windowEnd(window time.Duration) time.Time {
	if window < 0 {
		return time.Time{}
	}
	if w.latest.RestartCount > 0 {
		window = max(window, loopWindow, min(2*w.meanLife(), mostWindow))
	}
	return w.began().Add(window)
}

// began is when this life of the container began.
func (w *watch) began() time.Time { return earlier(w.latest.StartedAt, w.seen) }

// restarts are those since the wait began.
func (w *watch) restarts() int { return w.latest.RestartCount - w.baseline }

// meanLife is how long the earlier lives of the container lasted; zero if this is its first. Its last ones tell more than all
// of them, where the engine remembers their ends: one that ran for weeks may have begun to die a minute ago.
func (w *watch) meanLife() time.Duration {
	if w.latest.RestartCount == 0 {
		return 0
	}
	mean := w.latest.StartedAt.Sub(w.latest.Created) / time.Duration(w.latest.RestartCount)
	if n := len(w.deaths); n >= loopRestarts {
		mean = min(mean, w.deaths[n-1].Sub(w.deaths[n-loopRestarts])/(loopRestarts-1))
	}
	return mean
}

// notes are what is worth a look though the container is well now.
func (w *watch) notes(now time.Time) []string {
	life := now.Sub(w.began())
	if w.latest.RestartCount < loopRestarts || life >= recently {
		return nil
	}
	return []string{fmt.Sprintf("restarted %d times, the last time %s ago", w.latest.RestartCount, seconds(life))}
}

// earlier returns the earlier of two times: one may be of another machine's clock.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// lastLine returns the last line that says something, short enough for a reason.
func lastLine(text string) string {
	const head, tail = 120, 200 // the cause of a start error stands at its end
	lines := strings.Split(strings.TrimSpace(text), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	if prefix, _, ok := strings.Cut(lines[0], ": "); ok && len(lines) > 1 && strings.HasPrefix(prefix, "healthcheck exited") {
		line = prefix + ": " + line
	}
	if runes := []rune(line); len(runes) > head+tail {
		line = string(runes[:head]) + " … " + string(runes[len(runes)-tail:])
	}
	return line
}

func seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
