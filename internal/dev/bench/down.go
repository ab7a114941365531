package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// swap is when one container took the place of another, as the engine says.
type swap struct {
	died     time.Time // the old one's end
	starting time.Time // the engine began to start the new one
	started  time.Time
}

// down is how long nothing of the service ran: what of a gap is the engine's and the deployer's, and not the proxy's.
// Below zero, the new one was there before the old one went.
func (s swap) down() time.Duration { return s.started.Sub(s.died) }

func (s *side) swapped(ctx context.Context, old, successor string, since, until time.Time) (swap, error) {
	stamp := func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
	said, err := execute(ctx, s.dir, nil, "docker", "events", "--format", "{{json .}}", "--filter", "type=container",
		"--filter", "type=network", "--since", stamp(since), "--until", stamp(until))
	if err != nil {
		return swap{}, err
	}
	return readSwap([]byte(said.stdout), old, successor)
}

// readSwap finds the two containers in docker's events. Joining its network is the first that is heard of a start.
func readSwap(events []byte, old, successor string) (swap, error) {
	var s swap
	for line := range bytes.Lines(events) {
		var event struct {
			Type, Action string
			Actor        struct {
				ID         string
				Attributes struct{ Container string }
			}
			TimeNano int64
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return swap{}, fmt.Errorf("read the engine's events: %w", err)
		}
		at := time.Unix(0, event.TimeNano)
		switch what := event.Type + " " + event.Action; {
		case what == "container die" && event.Actor.ID == old:
			s.died = at
		case what == "network connect" && event.Actor.Attributes.Container == successor:
			s.starting = at
		case what == "container start" && event.Actor.ID == successor:
			s.started = at
		}
	}
	if s.died.IsZero() || s.starting.IsZero() || s.started.IsZero() {
		return swap{}, errors.New("the engine's events do not say when a container took the place of another")
	}
	return s, nil
}
