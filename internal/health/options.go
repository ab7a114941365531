package health

import (
	"time"

	"slipway/internal/compose"
)

// Options say what to wait for and how hard to look.
type Options struct {
	Project compose.Project
	// Services are those to be judged.
	Services map[string]Expect
	// Passes is how many passes of a healthcheck in a row are believed; 3 if zero. One of them is always asked anew, unless
	// Recent is set.
	Passes int
	// Recent lets the engine's own checks from before the wait do, where the next is not overdue and the newest no older than
	// a minute.
	Recent bool
	// Pruned lets a one-shot do that has no container: it ran once, and `docker container prune` took what was left.
	Pruned bool
	// Window is how long a container must have been up, without a restart and with an answer asked at the end of it;
	// 5 s if zero, none if negative. Containers that are older need not wait for it.
	Window time.Duration
	// Timeout is the end of patience; 5 minutes if zero.
	Timeout time.Duration
	// Progress is called with all the verdicts whenever a state, a reason or what a healthcheck says changes. It must
	// not block.
	Progress func([]Verdict)
}

// Expect is what is to be found of a service.
type Expect struct {
	Replicas int           // 1 if zero
	OneShot  bool          // success is to exit 0
	Serves   bool          // it is there to stay: to exit 0 is no success, whatever its restart policy
	Window   time.Duration // that of Options if zero
	Engine   bool          // only the engine's own "healthy" counts: what follows it, like a proxy, knows no other
	// Containers limits the question to these ids: the new ones of a rollout, while the old still run beside them.
	Containers []string
}

// Expected returns what a model wants to be up: every service but the jobs and those scaled to nothing.
func Expected(m *compose.Model) map[string]Expect {
	services := map[string]Expect{}
	for _, s := range m.Up() {
		if s.Replicas() > 0 {
			services[s.Name] = Expect{
				Replicas: s.Replicas(), OneShot: s.OneShot, Serves: s.HasHealthcheck() || len(s.Published()) > 0, Window: s.MonitorPeriod(),
			}
		}
	}
	return services
}

func (o Options) withDefaults() Options {
	if o.Passes <= 0 {
		o.Passes = 3
	}
	if o.Window == 0 {
		o.Window = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Progress == nil {
		o.Progress = func([]Verdict) {}
	}
	return o
}
