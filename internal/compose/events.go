package compose

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// Event is something that happened to a container.
type Event struct {
	Time    time.Time
	Action  string // start, die, health_status: healthy, … : embeds data, to be matched by prefix
	ID      string
	Service string
	// ExitCode is set for die.
	ExitCode int
}

// Events streams what happens to the project's containers from now on, until ctx or the engine ends; then the channel is
// closed. Events are a hint to look again: some may be lost. Those of processes executed in a container are left out:
// probes make three of them each.
func (p Project) Events(ctx context.Context) (<-chan Event, error) {
	// The engine hands out what it remembers since this moment, so nothing is lost while the question is on its way.
	since := time.Now()
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	told := make(chan Event, 64)
	go func() {
		defer close(told)
		if negotiate(ctx, docker) != nil {
			return
		}
		stream := docker.Events(ctx, client.EventsListOptions{ // returns when the engine has begun to answer
			Since:   stamp(since),
			Filters: make(client.Filters).Add("type", "container").Add("label", ProjectLabel+"="+p.Name),
		})
		for {
			select {
			case message := <-stream.Messages:
				if strings.HasPrefix(string(message.Action), "exec_") {
					continue
				}
				select {
				case told <- event(message):
				case <-ctx.Done():
					return
				}
			case <-stream.Err: //nolint:errcheck // the closed channel tells the end; whoever looks next learns the cause
				return
			}
		}
	}()
	return told, nil
}

func event(message events.Message) Event {
	code, _ := strconv.Atoi(message.Actor.Attributes["exitCode"])
	return Event{
		Time: time.Unix(0, message.TimeNano), Action: string(message.Action), ID: message.Actor.ID,
		Service: message.Actor.Attributes[ServiceLabel], ExitCode: code,
	}
}
