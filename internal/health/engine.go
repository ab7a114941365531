package health

import (
	"context"
	"time"

	"slipway/internal/compose"
)

// engine is what is asked of the engine.
type engine interface {
	Containers(ctx context.Context) ([]compose.Container, error)
	Events(ctx context.Context) (<-chan compose.Event, error)
	Deaths(ctx context.Context, within time.Duration) (map[string][]time.Time, error)
	Exec(ctx context.Context, id string, argv ...string) (output string, code int, err error)
	Logs(ctx context.Context, id string, lines int) ([]string, error)
	PublishedPorts(ctx context.Context) (map[string]compose.Publishing, error)
}

// docker is the engine that package compose asks.
type docker struct{ compose.Project }

func (docker) Exec(ctx context.Context, id string, argv ...string) (string, int, error) {
	return compose.Exec(ctx, id, argv...)
}

func (docker) Logs(ctx context.Context, id string, lines int) ([]string, error) {
	return compose.Logs(ctx, id, lines)
}
