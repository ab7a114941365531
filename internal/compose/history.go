package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// reloads are signals that a service is sent to go on with: HUP, USR1, USR2. After any other, its end was asked for.
var reloads = []string{"1", "10", "12"}

// historyLimit bounds how long the engine may take to tell what it remembers.
const historyLimit = 3 * time.Second

// Deaths returns when each container of the project ended without anybody having asked for it, oldest first, as far back as
// the engine remembers, but no longer than for so long. It remembers its last 256 events, those of all containers together.
func (p Project) Deaths(ctx context.Context, within time.Duration) (map[string][]time.Time, error) {
	const what = "read the history of the containers"
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	if err := negotiate(ctx, docker); err != nil {
		return nil, refusal(ctx, what, err)
	}
	bounded, cancel := context.WithTimeout(ctx, historyLimit) // an engine whose clock is behind would wait for its end
	defer cancel()
	now := time.Now()
	filters := make(client.Filters).Add("type", "container").Add("label", ProjectLabel+"="+p.Name).Add("event", "die", "kill")
	stream := docker.Events(bounded, client.EventsListOptions{Since: stamp(now.Add(-within)), Until: stamp(now), Filters: filters})
	deaths, asked := map[string][]time.Time{}, map[string]bool{}
	for {
		select {
		case message := <-stream.Messages:
			id := message.Actor.ID
			switch {
			case message.Action == events.ActionKill:
				asked[id] = !slices.Contains(reloads, message.Actor.Attributes["signal"])
			case asked[id]:
				asked[id] = false
			default:
				deaths[id] = append(deaths[id], time.Unix(0, message.TimeNano))
			}
		case err := <-stream.Err:
			if errors.Is(err, io.EOF) || ctx.Err() == nil && bounded.Err() != nil {
				err = nil
			}
			return deaths, refusal(ctx, what, err)
		}
	}
}

// stamp is a time as the engine reads it.
func stamp(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
