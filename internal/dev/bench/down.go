package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
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

// listen takes down what the engine says of containers and networks from now on, until it is asked for. To ask only
// afterwards is too late: the engine remembers 256 events, and healthchecks make four each.
func listen(ctx context.Context) (heard func() []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var said bytes.Buffer
	now := time.Now()
	cmd := exec.CommandContext(ctx, "docker", "events", "--format", "{{json .}}", "--filter", "type=container", "--filter", "type=network",
		"--filter", "event=die", "--filter", "event=connect", "--filter", "event=start", "--since", fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()))
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("listen to the engine: %w", err)
	}
	return func() []byte {
		cancel()
		_ = cmd.Wait() // it was ended by cancel
		return said.Bytes()
	}, nil
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
