package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/console"
)

// Reset clears checkpoints, so that their steps run again: of one step and what follows it with -step=NAME, else of all.
//
// The records are moved aside into checkpoints/cleared, none is deleted. The running stack and its data are not touched.
// Exit 11 while a deployment holds the lock.
func Reset(ctx context.Context, step *string) error {
	return enter(ctx, "reset", true, flags{step: step}, func(ctx context.Context, s *session) error {
		if err := s.clear(s.options.step); err != nil {
			return refuse(ctx, fmt.Errorf("reset: %w", err))
		}
		return nil
	})
}

func (s *session) clear(step string) error {
	if step == "" {
		if err := s.noHalfUpgrade(); err != nil {
			return err
		}
	}
	cleared, err := s.store.Reset(s.lock, step, s.steps())
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

// known says what is wrong with a flag that names what is not there.
func (s *session) known(ctx context.Context) error {
	step, id := s.options.step, s.options.backup
	if step == "" && id == "" {
		return nil
	}
	if err := s.look(); err != nil {
		return err
	}
	if step != "" {
		return s.knownStep(ctx, step)
	}
	if s.dest.Database.Kind == "" {
		return errors.New(noKind)
	}
	_, err := s.backups().Find(id)
	return err
}

// knownStep refuses the name of a step that is none of a deployment and has no record, not even a damaged one.
func (s *session) knownStep(ctx context.Context, name string) error {
	names := make([]string, 0, len(order))
	for _, step := range s.steps() {
		names = append(names, step.Name)
	}
	var damaged *checkpoints.RecordError
	_, recorded, err := s.store.Record(name)
	if recorded || errors.As(err, &damaged) || slices.Contains(names, name) {
		return nil
	}
	family, part, _ := strings.Cut(name, ".")
	if family == "rollout" {
		services, err := s.serviceNames(ctx)
		if err != nil {
			return err
		}
		if slices.Contains(services, part) {
			return nil
		}
		return fmt.Errorf("there is no step %q: no service has that name; there are %s", name, strings.Join(services, ", "))
	}
	if family == "prerequisites" && slices.Contains(append(s.machineParts(), dockerParts...), part) {
		return nil
	}
	return fmt.Errorf("there is no step %q; there are %s, and rollout.SERVICE", name, strings.Join(names, ", "))
}
