package compose

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
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
// closed. Events are a hint to look again: some may be lost.
func (p Project) Events(ctx context.Context) (<-chan Event, error) {
	return Events(ctx, "label="+ProjectLabel+"="+p.Name)
}

// Events streams container events that pass docker's filters. Those of processes executed in a container are left out:
// probes make three of them each.
func Events(ctx context.Context, filters ...string) (<-chan Event, error) {
	// The engine hands out what it remembers since this moment, so nothing is lost while the command starts.
	since := time.Now()
	args := []string{
		"events", "--format", "{{json .}}", "--filter", "type=container",
		"--since", fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()),
	}
	for _, filter := range filters {
		args = append(args, "--filter", filter)
	}
	cmd := exec.CommandContext(ctx, "docker", args...) //nolint:gosec // argv only; the filters are ours
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("watch events: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, explain(ctx, "watch events", err, "")
	}
	events := make(chan Event, 64)
	go func() {
		defer close(events)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			event, ok := parseEvent(lines.Bytes())
			if !ok {
				continue
			}
			select {
			case events <- event:
			case <-ctx.Done():
			}
		}
		_ = cmd.Wait() // its end is told by the closed channel; whoever looks next learns the cause
	}()
	return events, nil
}

func parseEvent(line []byte) (Event, bool) {
	var raw struct {
		Action   string
		TimeNano json.Number `json:"timeNano"`
		Actor    struct {
			ID         string
			Attributes map[string]string
		}
	}
	if err := json.Unmarshal(line, &raw); err != nil || strings.HasPrefix(raw.Action, "exec_") {
		return Event{}, false
	}
	nanos, _ := strconv.ParseInt(raw.TimeNano.String(), 10, 64)
	code, _ := strconv.Atoi(raw.Actor.Attributes["exitCode"])
	return Event{
		Time: time.Unix(0, nanos), Action: raw.Action, ID: raw.Actor.ID, Service: raw.Actor.Attributes[ServiceLabel],
		ExitCode: code,
	}, true
}
