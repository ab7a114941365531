package targets

import (
	"context"

	"slipway/checkpoints"
)

// cleanup removes the dangling images of this project that the rollout left behind. No volume, no image in use.
func (s *session) cleanup() checkpoints.Step {
	return checkpoints.Step{
		Name:  "cleanup",
		After: []string{"rollout"},
		Run: func(ctx context.Context) (string, error) {
			return "dangling images of this project removed", s.script(ctx, "deploy.sh", "cleanup")
		},
	}
}
