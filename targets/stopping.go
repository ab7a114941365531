package targets

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/rollout"
)

const (
	defaultGrace = 10 * time.Second       // the engine's
	eventsLag    = 100 * time.Millisecond // until what has happened is told
)

// watchStops looks which of a service's containers do not hear that they are to stop, while something stops them, and says so
// afterwards: each such stop takes the whole grace period, and what the container was doing is cut off.
func (s *session) watchStops(ctx context.Context, service string, containers []compose.Container) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	events, err := s.project.Events(ctx)
	if err != nil {
		cancel()
		return func() {}
	}
	killed := map[string]bool{}
	var watching sync.WaitGroup
	watching.Go(func() {
		for event := range events {
			const bySIGKILL = 137
			if event.Service == service && event.Action == "die" && event.ExitCode == bySIGKILL {
				killed[event.ID] = true
			}
		}
	})
	started := time.Now()
	return func() {
		defer cancel()
		found := rollout.Of(service, containers)
		if !slices.ContainsFunc(found, func(c compose.Container) bool { return time.Since(started) >= cmp.Or(c.StopTimeout, defaultGrace) }) {
			return // it was too short for any of them to have been killed
		}
		time.Sleep(eventsLag)
		cancel()
		watching.Wait()
		for _, c := range found {
			if killed[c.ID] && !c.OOMKilled {
				s.console.Line(console.Warn, c.Name, "was killed when its grace period was over: "+deaf(c.Command), 0)
				return // the others are alike
			}
		}
	}
}

// deaf says why a command may not hear SIGTERM, and what to do about it.
func deaf(command []string) string {
	shells := []string{"sh", "dash", "bash", "ash"}
	if len(command) > 2 && slices.Contains(shells, path.Base(command[0])) && command[1] == "-c" && !strings.HasPrefix(strings.TrimSpace(command[2]), "exec ") {
		return fmt.Sprintf("a shell that does not pass SIGTERM on is its main process; begin its command with exec: %s -c 'exec …', or write it as a list", path.Base(command[0]))
	}
	return "it does not end on SIGTERM; have it do so, or set stop_signal to what it ends on"
}
