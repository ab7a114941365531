package targets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/internal/console"
)

// Reset clears checkpoints, so that their steps run again: of one step and what follows it with -step=NAME, else of all.
//
// The records are moved aside into checkpoints/cleared, none is deleted. The running stack and its data are not touched.
// Exit 11 while a deployment holds the lock.
func Reset(ctx context.Context, step *string) error {
	return enter(ctx, "reset", true, options{}, func(ctx context.Context, s *session) error {
		if err := s.clear(deref(step)); err != nil {
			return refuse(ctx, fmt.Errorf("reset: %w", err))
		}
		return nil
	})
}

func (s *session) clear(step string) error {
	steps := s.steps()
	known := make([]string, 0, len(steps))
	for _, other := range steps {
		known = append(known, other.Name)
	}
	family, _, _ := strings.Cut(step, ".")
	if step != "" && !slices.Contains(known, step) && family != "rollout" && family != "prerequisites" {
		return fmt.Errorf("there is no step %q; there are %s, and rollout.SERVICE", step, strings.Join(known, ", "))
	}
	cleared, err := s.store.Reset(s.lock, step, steps)
	if err != nil {
		return err
	}
	if len(cleared) == 0 {
		s.console.Line(console.Skip, "reset", "nothing is recorded", 0)
		return nil
	}
	s.console.Line(console.OK, "reset", "moved aside: "+strings.Join(cleared, ", "), 0)
	return nil
}
