package health

import (
	"fmt"
	"time"
)

const (
	killed       = 137             // 128 + SIGKILL
	oomGrace     = time.Second     // the engine's OOM flag may come after the exit
	restartGrace = 3 * time.Second // an engine that restarts starts again what has a restart policy
	maxRestarts  = 2               // as many within a wait are a crash loop
	knownLoop    = 5               // as many before the wait are one, too: the next may be a minute away
	loopRestarts = 3               // as many are a rhythm, which a life that is shorter than the others continues
	longLife     = 5 * time.Minute // who lives for longer has a fault of another kind
	recently     = time.Hour       // a restart from before is history
)

// ruling is what a container's watch amounts to at a moment.
type ruling struct {
	state      State
	reason     string
	notRunning bool   // it failed because it does not run
	late       string // what is wrong with a waiting one when the time is up
	detail     string // what it said last
}

// expired is the ruling about what still waits when the time is up.
func (r ruling) expired(after time.Duration) ruling {
	reason := r.late
	if reason == "" {
		reason = r.reason
	}
	reason += " after " + seconds(after)
	if r.detail != "" {
		reason += ": " + r.detail
	}
	return ruling{state: Failed, notRunning: r.notRunning, reason: reason}
}

// circumstances are what a ruling depends on beside the container.
type circumstances struct {
	now    time.Time
	window time.Duration
	passes int
	after  time.Time // answers and looks from before do not count: the wait's begin, the engine's return
	expect Expect
}

func (w *watch) rule(c circumstances) ruling {
	if w.latest.Error != "" && w.latest.Status != "running" && w.latest.Status != "restarting" {
		return ruling{state: Failed, notRunning: true, reason: "could not be started: " + lastLine(w.latest.Error)}
	}
	switch w.latest.Status {
	case "running":
		return w.ruleRunning(c)
	case "restarting":
		if w.looping() {
			return w.crashLoop()
		}
		return ruling{state: Waiting, reason: "restarting: " + w.ending(), late: "restarting", detail: w.ending()}
	case "exited", "dead":
		return w.ruleEnded(c)
	case "created":
		return ruling{state: Waiting, reason: "created, not started"}
	}
	return ruling{state: Waiting, reason: w.latest.Status}
}

func (w *watch) ruleRunning(c circumstances) ruling {
	if w.restarts() >= maxRestarts {
		return w.crashLoop()
	}
	if w.inRhythm(c.now) {
		loop := w.crashLoop()
		loop.reason += fmt.Sprintf(", about every %s, up for %s", seconds(w.meanLife()), seconds(c.now.Sub(w.began())))
		return loop
	}
	if c.expect.OneShot {
		return ruling{state: Waiting, reason: "still running"}
	}
	after := c.after
	windowEnd := w.windowEnd(c.window)
	if windowEnd.After(after) {
		after = windowEnd
	}
	young := c.now.Before(windowEnd)
	if w.latest.Healthcheck.Argv() == nil {
		if !young && !w.looked.Before(after) {
			return ruling{state: Unchecked}
		}
		return ruling{state: Waiting, reason: "running, watched", late: "not up for long enough"}
	}
	if !w.turned.IsZero() {
		return ruling{state: Failed, reason: fmt.Sprintf("turned unhealthy after %s: %s", seconds(w.turned.Sub(w.firstPass)), w.last)}
	}
	if c.expect.Engine {
		return w.ruleByEngine(c)
	}
	switch {
	case w.passes >= c.passes && !w.asked.Before(after) && !w.looked.Before(w.asked):
		return ruling{state: Healthy}
	case w.fails+w.misses > 0:
		return ruling{state: Waiting, reason: "not healthy yet", late: "not healthy", detail: w.last}
	case w.passes >= c.passes:
		return ruling{state: Waiting, reason: "passed, watched", late: "passed, not watched for long enough"}
	case w.spends:
		return ruling{
			state: Waiting, reason: "passed, left to the engine's own checks",
			late: fmt.Sprintf("passed %d of %d times in a row", w.passes, c.passes), detail: w.last,
		}
	}
	detail := "no answer yet"
	if w.busy {
		detail = "the healthcheck has been running for " + seconds(c.now.Sub(w.since))
	}
	return ruling{state: Waiting, reason: "starting", late: "not healthy", detail: detail}
}

// ruleByEngine believes the engine alone.
func (w *watch) ruleByEngine(c circumstances) ruling {
	switch health := w.latest.Health; {
	case health != nil && health.Status == "healthy" && !w.looked.Before(c.after):
		return ruling{state: Healthy}
	case w.fails > 0:
		return ruling{state: Waiting, reason: "not healthy yet", late: "not healthy", detail: w.last}
	}
	return ruling{state: Waiting, reason: "the engine has not checked it yet", late: "not checked by the engine"}
}

func (w *watch) ruleEnded(c circumstances) ruling {
	policy := w.latest.RestartPolicy
	restarted := policy != "" && policy != "no" && (policy != "on-failure" || w.end.code != 0) // the engine restarts no success then
	stays := restarted || c.expect.Serves || w.latest.Healthcheck != nil
	switch {
	case w.end.code == 0 && (c.expect.OneShot || !stays):
		return ruling{state: Done}
	case w.killedLately(c.now):
		return ruling{state: Waiting, reason: "exited", late: "not running", detail: w.ending()}
	case !c.expect.OneShot && c.now.Sub(w.endSince) < restartGrace && restarted:
		return ruling{state: Waiting, reason: "exited", late: "not running", detail: w.ending()}
	case w.restarts() > 0:
		return w.crashLoop()
	}
	reason := w.ending()
	if w.end.code == 0 {
		reason += ", and nothing says that it is a one-shot"
	}
	return ruling{state: Failed, notRunning: true, reason: reason}
}

// killedLately tells that the engine may yet say that it was for want of memory.
func (w *watch) killedLately(now time.Time) bool {
	return !w.endSince.IsZero() && w.end.code == killed && !w.end.oom && now.Sub(w.endSince) < oomGrace
}

// looping tells a crash loop from a service that stumbled once.
func (w *watch) looping() bool {
	return w.restarts() >= maxRestarts || w.latest.RestartCount >= knownLoop
}

// inRhythm tells that a container has died again and again, and that its present life is no longer than the others were.
func (w *watch) inRhythm(now time.Time) bool {
	mean := w.meanLife()
	return w.latest.RestartCount >= loopRestarts && mean < longLife && now.Sub(w.began()) < mean
}

func (w *watch) crashLoop() ruling {
	reason := "crash loop: "
	if w.end.known {
		reason += w.ending() + ", "
	}
	times := "once"
	if n := w.latest.RestartCount; n > 1 {
		times = fmt.Sprintf("%d times", n)
	}
	return ruling{state: Failed, notRunning: true, reason: reason + "restarted " + times}
}

func (w *watch) ending() string {
	switch {
	case w.end.oom:
		return "killed: out of memory"
	case w.end.code == killed:
		return "killed by SIGKILL (137)"
	}
	return fmt.Sprintf("exited (%d)", w.end.code)
}
