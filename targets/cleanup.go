package targets

import (
	"context"

	"slipway/checkpoints"
)

// cleanup removes the releases that are no longer needed, and the dangling images of this project. No volume, no image in use.
func (s *session) cleanup() checkpoints.Step {
	return checkpoints.Step{
		Name:  "cleanup",
		After: []string{"rollout"},
		Run: func(ctx context.Context) (string, error) {
			s.pruneReleases(ctx)
			return "dangling images of this project removed", s.script(ctx, "deploy.sh", "cleanup")
		},
	}
}
