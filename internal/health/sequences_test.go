package health

import (
	"time"

	"slipway/internal/compose"
)

// The table: what happens to a service, and what must be said of it, and when.
var sequences = []struct {
	name     string
	services map[string]Expect // {"web": {}} if nil
	engine   func() *fakeEngine
	happens  func(*fakeEngine)
	state    State
	reason   string
	from, to time.Duration // when the wait ends
}{
	{
		name:   "a young service that answers is healthy at the end of its window",
		engine: func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		state:  Healthy, from: 5 * time.Second, to: 5500 * time.Millisecond,
	},
	{
		name: "an old service that answers is healthy after three passes",
		engine: func() *fakeEngine {
			c := asked(running("a"))
			c.StartedAt, c.Created = c.StartedAt.Add(-time.Hour), c.Created.Add(-time.Hour)
			return newFakeEngine(c)
		},
		state: Healthy, to: 300 * time.Millisecond,
	},
	{
		name: "an old service the engine called healthy is asked again all the same",
		engine: func() *fakeEngine {
			f := newFakeEngine(old(asked(running("a")), 0, 0, 0, 0, 0))
			f.say("gone", 1)
			return f
		},
		state: Failed, reason: "not healthy after 1m0s: healthcheck exited (1): gone",
		from: time.Minute, to: time.Minute,
	},
	{
		name: "passes of the engine's own count",
		engine: func() *fakeEngine {
			return newFakeEngine(old(asked(running("a")), 1, 0, 0))
		},
		state: Healthy, to: 200 * time.Millisecond,
	},
	{
		name: "a service that becomes ready late is seen at once",
		engine: func() *fakeEngine {
			f := newFakeEngine(asked(running("a")))
			f.say("starting", 1)
			return f
		},
		happens: func(f *fakeEngine) { time.Sleep(20 * time.Second); f.say("", 0) },
		state:   Healthy, from: 20 * time.Second, to: 21 * time.Second,
	},
	{
		name:    "a service that turns unhealthy four seconds after it passed has failed",
		engine:  func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) { time.Sleep(4 * time.Second); f.say("lost", 1) },
		state:   Failed, reason: "turned unhealthy after 4", from: 4 * time.Second, to: 9 * time.Second,
	},
	{
		name:   "what the engine calls unhealthy after it passed has failed at once",
		engine: func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) {
			time.Sleep(2500 * time.Millisecond)
			f.change("a", func(c *compose.Container) { c.Health = &compose.Health{Status: "unhealthy"} },
				compose.Event{Action: "health_status: unhealthy"})
		},
		state: Failed, reason: "turned unhealthy after 2.5s", from: 2500 * time.Millisecond, to: 4 * time.Second,
	},
	{
		name:   "a blip is forgiven",
		engine: func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) {
			time.Sleep(2 * time.Second)
			f.say("blip", 1)
			time.Sleep(600 * time.Millisecond)
			f.say("", 0)
		},
		state: Healthy, from: 5 * time.Second, to: 6 * time.Second,
	},
	{
		name: "a service that never answers says what it said last",
		engine: func() *fakeEngine {
			f := newFakeEngine(asked(running("a")))
			f.say("GET /health\nconnection refused", 1)
			return f
		},
		state: Failed, reason: "not healthy after 1m0s: healthcheck exited (1): connection refused",
		from: time.Minute, to: time.Minute,
	},
	{
		name: "a healthcheck that hangs is said to hang",
		engine: func() *fakeEngine {
			f := newFakeEngine(asked(running("a")))
			f.hang()
			return f
		},
		state: Failed, reason: "not healthy after 1m0s: healthcheck did not answer within its timeout of 2s",
		from: time.Minute, to: time.Minute,
	},
	{
		name: "a healthcheck that hangs for longer than the patience lasts is said to run",
		engine: func() *fakeEngine {
			c := asked(running("a"))
			c.Healthcheck.Timeout = 2 * time.Minute
			f := newFakeEngine(c)
			f.hang()
			return f
		},
		state: Failed, reason: "not healthy after 1m0s: the healthcheck has been running for 1m0s",
		from: time.Minute, to: time.Minute,
	},
	{
		name:   "a service without a healthcheck is watched for the window",
		engine: func() *fakeEngine { return newFakeEngine(running("a")) },
		state:  Unchecked, from: 5 * time.Second, to: 5500 * time.Millisecond,
	},
	{
		name:   "a crash loop without a healthcheck is named with its exit code",
		engine: func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.crash("a", 3)
			time.Sleep(time.Second)
			f.crash("a", 3)
		},
		state: Failed, reason: "crash loop: exited (3), restarted 2 times", from: 2 * time.Second, to: 4 * time.Second,
	},
	{
		name:    "one crash is watched for longer, not failed",
		engine:  func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) { time.Sleep(time.Second); f.crash("a", 3) },
		state:   Unchecked, from: 11 * time.Second, to: 12 * time.Second,
	},
	{
		name: "a crash loop from before the wait is one although its next crash is far",
		engine: func() *fakeEngine {
			c := old(running("a"))
			c.Status, c.RestartCount, c.ExitCode = "restarting", 9, 7
			return newFakeEngine(c)
		},
		state: Failed, reason: "crash loop: exited (7), restarted 9 times", to: 2 * time.Second,
	},
	{
		name:     "a one-shot that exits 0 is done",
		services: map[string]Expect{"web": {OneShot: true}},
		engine:   func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(8 * time.Second)
			f.change("a", exit(0), compose.Event{Action: "die"})
		},
		state: Done, from: 8 * time.Second, to: 8500 * time.Millisecond,
	},
	{
		name:     "a one-shot that fails after three seconds has failed",
		services: map[string]Expect{"web": {OneShot: true}},
		engine:   func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(3 * time.Second)
			f.change("a", exit(4), compose.Event{Action: "die", ExitCode: 4})
		},
		state: Failed, reason: "exited (4)", from: 3 * time.Second, to: 4 * time.Second,
	},
	{
		name:     "a one-shot that does not end has failed when the time is up",
		services: map[string]Expect{"web": {OneShot: true}},
		engine:   func() *fakeEngine { return newFakeEngine(running("a")) },
		state:    Failed, reason: "still running after 1m0s", from: time.Minute, to: time.Minute,
	},
	{
		name:     "a service that ends well has failed if it was meant to stay",
		services: map[string]Expect{"web": {Serves: true}},
		engine:   func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", exit(0), compose.Event{Action: "die"})
		},
		state: Failed, reason: "exited (0), and nothing says that it is a one-shot", from: time.Second, to: 2500 * time.Millisecond,
	},
	{
		name: "a service with a restart policy that ends well and stays down has failed",
		engine: func() *fakeEngine {
			c := running("a")
			c.RestartPolicy = "unless-stopped"
			return newFakeEngine(c)
		},
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", exit(0), compose.Event{Action: "die"})
		},
		state: Failed, reason: "exited (0), and nothing says that it is a one-shot", from: 4 * time.Second, to: 6 * time.Second,
	},
	{
		name:   "case G4: what has no restart policy and exits 0 is done",
		engine: func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", func(c *compose.Container) { exit(0)(c); c.RestartPolicy = "no" }, compose.Event{Action: "die"})
		},
		state: Done, from: time.Second, to: 2500 * time.Millisecond,
	},
	{
		name:   "case G4: what has no restart policy and exits with another code has failed",
		engine: func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", exit(2), compose.Event{Action: "die", ExitCode: 2})
		},
		state: Failed, reason: "exited (2)", from: time.Second, to: 2500 * time.Millisecond,
	},
	{
		name:   "case G4: what has a healthcheck was not meant to end",
		engine: func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", exit(0), compose.Event{Action: "die"})
		},
		state: Failed, reason: "exited (0), and nothing says that it is a one-shot", from: time.Second, to: 2500 * time.Millisecond,
	},
	{
		name:   "an OOM flag that comes late is waited for",
		engine: func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", exit(137), compose.Event{Action: "die", ExitCode: 137})
			time.Sleep(700 * time.Millisecond)
			f.change("a", func(c *compose.Container) { c.OOMKilled = true }, compose.Event{})
		},
		state: Failed, reason: "killed: out of memory", from: 1700 * time.Millisecond, to: 3 * time.Second,
	},
	{
		name:   "a SIGKILL is not called out of memory",
		engine: func() *fakeEngine { return newFakeEngine(running("a")) },
		happens: func(f *fakeEngine) {
			time.Sleep(time.Second)
			f.change("a", exit(137), compose.Event{Action: "die", ExitCode: 137})
		},
		state: Failed, reason: "killed by SIGKILL (137)", from: 2 * time.Second, to: 3500 * time.Millisecond,
	},
	{
		name: "a container that could not be started fails at once",
		engine: func() *fakeEngine {
			c := running("a")
			c.Status, c.StartedAt, c.Error = "created", time.Time{}, `exec: "/nothing": no such file`
			return newFakeEngine(c)
		},
		state: Failed, reason: `could not be started: exec: "/nothing": no such file`, to: 100 * time.Millisecond,
	},
	{
		name: "a container that is never started has failed when the time is up",
		engine: func() *fakeEngine {
			c := running("a")
			c.Status, c.StartedAt = "created", time.Time{}
			return newFakeEngine(c)
		},
		state: Failed, reason: "created, not started after 1m0s", from: time.Minute, to: time.Minute,
	},
	{
		name:   "a service without a container has failed once nothing happens any more",
		engine: func() *fakeEngine { return newFakeEngine() },
		state:  Failed, reason: "no container", from: 3 * time.Second, to: 4 * time.Second,
	},
	{
		name:   "a container that is created late is waited for",
		engine: func() *fakeEngine { return newFakeEngine() },
		happens: func(f *fakeEngine) {
			time.Sleep(2 * time.Second)
			f.change("a", func(c *compose.Container) { *c = asked(running("a")) }, compose.Event{Action: "start"})
		},
		state: Healthy, from: 7 * time.Second, to: 8 * time.Second,
	},
	{
		name:    "a container that is removed during the wait is missed",
		engine:  func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) { time.Sleep(time.Second); f.remove("a") },
		state:   Failed, reason: "no container", from: 4 * time.Second, to: 7 * time.Second,
	},
	{
		name:   "an engine that restarts is waited for, and every answer asked anew",
		engine: func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) {
			time.Sleep(2 * time.Second)
			f.stop()
			time.Sleep(10 * time.Second)
			f.change("a", func(c *compose.Container) { c.StartedAt = time.Now() }, compose.Event{})
			f.start()
		},
		state: Healthy, from: 17 * time.Second, to: 19 * time.Second,
	},
	{
		name:    "an engine that stays away is to blame itself",
		engine:  func() *fakeEngine { return newFakeEngine(asked(running("a"))) },
		happens: func(f *fakeEngine) { time.Sleep(2 * time.Second); f.stop() },
		state:   Failed, reason: "engine not reachable after 58", from: time.Minute, to: time.Minute,
	},
}
