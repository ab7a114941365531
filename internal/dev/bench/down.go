package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"slipway/internal/compose"
)

// down is how long nothing of a service ran while one container took the place of another: what of a gap is the
// engine's and the deployer's, and not the proxy's. Below zero, the new one was there before the old one went.
func (s *side) down(ctx context.Context, old, successor string, since, until time.Time) (time.Duration, error) {
	stamp := func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
	said, err := execute(ctx, s.dir, nil, "docker", "events", "--format", "{{json .}}", "--filter", "type=container",
		"--filter", "label="+compose.ProjectLabel+"="+s.project, "--since", stamp(since), "--until", stamp(until))
	if err != nil {
		return 0, err
	}
	return downtime([]byte(said.stdout), old, successor)
}

// downtime reads docker's events for the end of one container and the start of the other.
func downtime(events []byte, old, successor string) (time.Duration, error) {
	var died, started int64
	for line := range bytes.Lines(events) {
		var event struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			TimeNano int64  `json:"timeNano"`
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return 0, fmt.Errorf("read the engine's events: %w", err)
		}
		switch {
		case event.ID == old && event.Status == "die":
			died = event.TimeNano
		case event.ID == successor && event.Status == "start":
			started = event.TimeNano
		}
	}
	if died == 0 || started == 0 {
		return 0, errors.New("the engine's events do not say when a container took the place of another")
	}
	return time.Duration(started - died), nil
}
