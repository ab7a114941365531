package health

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"slipway/internal/compose"
)

// fakeEngine plays a sequence of facts in the fake time of a synctest bubble, for what a real engine cannot be made to
// do at the right moment. It answers looks, runs healthchecks, and sends an event at every change.
type fakeEngine struct {
	mu         sync.Mutex
	containers map[string]compose.Container
	answer     func() (string, int) // what healthchecks say now
	hangs      bool
	down       bool
	silent     bool // does not answer a look at all
	looks      int
	execs      int
	askedAt    []time.Time // when healthchecks were run
	streams    []chan compose.Event
	published  map[string]compose.Publishing
	deaths     map[string][]time.Time // that the engine remembers
}

func newFakeEngine(containers ...compose.Container) *fakeEngine {
	f := &fakeEngine{containers: map[string]compose.Container{}, answer: func() (string, int) { return "", 0 }}
	for _, c := range containers {
		f.containers[c.ID] = c
	}
	return f
}

func (f *fakeEngine) Containers(ctx context.Context) ([]compose.Container, error) {
	if f.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.down {
		return nil, fmt.Errorf("list containers: %w", compose.ErrNoEngine)
	}
	return slices.Collect(maps.Values(f.containers)), nil
}

func (f *fakeEngine) Events(ctx context.Context) (<-chan compose.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stream := make(chan compose.Event, 64)
	if f.down {
		close(stream)
		return stream, nil
	}
	f.streams = append(f.streams, stream)
	return stream, nil
}

func (f *fakeEngine) Deaths(context.Context, time.Duration) (map[string][]time.Time, error) {
	return f.deaths, nil
}

func (f *fakeEngine) Exec(ctx context.Context, id string, _ ...string) (string, int, error) {
	f.mu.Lock()
	f.execs++
	f.askedAt = append(f.askedAt, time.Now())
	hangs, c := f.hangs, f.containers[id]
	output, code := f.answer()
	f.mu.Unlock()
	switch {
	case c.Status != "running":
		return "", 0, fmt.Errorf("container %s is not running", id)
	case hangs:
		<-ctx.Done()
		return "", 0, ctx.Err()
	}
	return output, code, nil
}

func (f *fakeEngine) Logs(_ context.Context, id string, _ int) ([]string, error) {
	return []string{"last words of " + id}, nil
}

func (f *fakeEngine) PublishedPorts(context.Context) (map[string]compose.Publishing, error) {
	return f.published, nil
}

// change alters a container and sends the event that belongs to it, if there is one.
func (f *fakeEngine) change(id string, change func(*compose.Container), event compose.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.containers[id]
	if !ok {
		c = compose.Container{ID: id, Name: id, Created: time.Now()}
	}
	change(&c)
	f.containers[id] = c
	if event.Action != "" {
		event.ID = id
		for _, stream := range f.streams {
			stream <- event
		}
	}
}

func (f *fakeEngine) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.containers, id)
}

// say sets what healthchecks answer from now on.
func (f *fakeEngine) say(output string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.hangs = func() (string, int) { return output, code }, false
}

func (f *fakeEngine) hang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = true
}

func (f *fakeEngine) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
	for _, stream := range f.streams {
		close(stream)
	}
	f.streams = nil
}

func (f *fakeEngine) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = false
}

// running returns a container that has just been started.
func running(id string) compose.Container {
	now := time.Now()
	return compose.Container{ID: id, Name: id, Service: "web", Number: 1, Status: "running", Created: now, StartedAt: now}
}

// asked gives a container a healthcheck that the engine itself runs too seldom to help.
func asked(c compose.Container) compose.Container {
	c.Healthcheck = &compose.Healthcheck{Test: []string{"CMD", "check"}, Interval: 24 * time.Hour, Timeout: 2 * time.Second}
	c.Health = &compose.Health{Status: "starting"}
	return c
}

func exit(code int) func(*compose.Container) {
	return func(c *compose.Container) {
		c.Status, c.ExitCode, c.FinishedAt = "exited", code, time.Now()
	}
}

// crash is an exit after which the restart policy has started the container again.
func (f *fakeEngine) crash(id string, code int) {
	f.change(id, func(c *compose.Container) {
		c.Status, c.ExitCode, c.RestartPolicy = "restarting", code, "always"
	}, compose.Event{Action: "die", ExitCode: code})
	time.Sleep(100 * time.Millisecond)
	f.change(id, func(c *compose.Container) {
		c.Status, c.StartedAt, c.RestartCount = "running", time.Now(), c.RestartCount+1
	}, compose.Event{Action: "start"})
}

// old makes a container an hour old, with a log of what the engine's probes said, the last a minute ago.
func old(c compose.Container, codes ...int) compose.Container {
	c.StartedAt, c.Created = c.StartedAt.Add(-time.Hour), c.Created.Add(-time.Hour)
	for i, code := range codes {
		at := time.Now().Add(-time.Duration(len(codes)-i) * time.Minute)
		c.Health.Log = append(c.Health.Log, compose.Probe{Start: at, End: at.Add(time.Millisecond), ExitCode: code})
	}
	return c
}
