package health

import (
	"context"
	"fmt"
	"sync"
	"time"

	"slipway/internal/compose"
)

const (
	failureLines   = 20
	failureTimeout = 5 * time.Second
	failureReaders = 4
)

// Look asks the engine once and waits for nothing: it runs no healthcheck, and believes the engine's own.
func Look(ctx context.Context, o Options) (Report, error) {
	return look(ctx, o, docker{o.Project})
}

func look(ctx context.Context, o Options, e engine) (Report, error) {
	containers, err := e.Containers(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("look at health: %w", err)
	}
	w := newWaiter(o.withDefaults(), e)
	w.o.Window = -1
	now := time.Now()
	w.begin, w.after = time.Time{}, time.Time{}
	for _, c := range containers {
		if w.wants(c) {
			known := &watch{baseline: c.RestartCount, deaths: w.deathsOf(ctx, c)}
			known.observe(c, now, now, need{passes: 1})
			w.watches[c.ID] = known
		}
	}
	verdicts := w.ruleOnce(now)
	explainFailures(ctx, e, verdicts)
	return newReport(verdicts), nil
}

// ruleOnce is what can be said without waiting: a replica that does not run is not going to, and the engine's word
// stands for the healthcheck.
func (w *waiter) ruleOnce(now time.Time) []Verdict {
	for _, watch := range w.watches {
		watch.endSince = now.Add(-max(restartGrace, oomGrace))
	}
	verdicts := w.rule(now, false)
	for i := range verdicts {
		v := &verdicts[i]
		v.Since = now
		watch := w.watches[v.ID]
		if watch == nil {
			v.State = Failed
			continue
		}
		c := watch.latest
		switch {
		case v.State == Failed && (c.Status != "running" || watch.inRhythm(now)) || v.State == Done || v.State == Unchecked:
		case c.Status == "restarting":
			v.State, v.Reason = Failed, watch.crashLoop().reason
		case c.Status != "running":
			v.State = Failed
		case c.Health == nil:
		case c.Health.Status == "healthy":
			v.State, v.Reason = Healthy, ""
		case c.Health.Status == "unhealthy":
			v.State, v.Reason = Failed, "unhealthy: "+watch.last
		default:
			v.State, v.Reason = Waiting, "starting"
		}
	}
	return verdicts
}

// explainFailures adds what the failed containers wrote last. It has its own time, as the caller's may be up.
func explainFailures(ctx context.Context, e engine, verdicts []Verdict) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
	defer cancel()
	var readers sync.WaitGroup
	slots := make(chan struct{}, failureReaders)
	for i := range verdicts {
		v := &verdicts[i]
		if v.State != Failed || v.ID == "" {
			continue
		}
		readers.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			lines, err := e.Logs(ctx, v.ID, failureLines)
			if err != nil {
				lines = []string{"(" + lastLine(err.Error()) + ")"}
			}
			v.Logs = lines
		})
	}
	readers.Wait()
}

var _ engine = docker{compose.Project{}}
