package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/magefile/mage/mg"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/release"
)

// order is the order of the steps of a deployment. Plan, status and reset read the same slice.
var order = []string{"pull", "build", "backup", "migrate", "rollout", "cleanup"}

// Deploy brings the stack to what this checkout describes, then verifies it.
//
// It runs the phases preflight, prerequisites and config, then the steps pull, build, backup, migrate, rollout and
// cleanup with the stack's own between them, then verify. A step that is done, whose inputs are unchanged and whose
// outcome still holds is skipped; so a run resumes where the last one ended. Volumes are never removed.
//
// -reset clears all checkpoints first; -skip=preflight,prerequisites,firewall,fail2ban,verify leaves those out;
// -timeout=5m and -passes=3 are for verify; -wait=2m waits for another deployment to end; -yes confirms; -prune removes
// containers of services that the compose files no longer have; -pull asks the registries for newer images of their tags.
//
// What is deployed is kept as a release; where it fails, what it replaced goes back to the release that served before, unless the
// data was migrated or -noreturn says no.
//
// Exit 3: refused, the running stack was not touched. 4: failed, the message says what runs now. 11: another deployment
// holds the lock. 130: interrupted, the message says where it resumes.
func Deploy(ctx context.Context, reset *bool, skip *string, timeout, wait *time.Duration, passes *int, yes, prune, pull, noreturn *bool) error {
	asked := flags{reset: reset, skip: skip, timeout: timeout, wait: wait, passes: passes, yes: yes, prune: prune, pull: pull, noreturn: noreturn}
	return enter(ctx, "deploy", true, asked, func(ctx context.Context, s *session) error {
		if s.options.reset {
			if err := s.clear(""); err != nil {
				return refuse(ctx, err)
			}
		}
		mgDeps(ctx, config)
		if err := deploySteps(ctx); err != nil {
			return s.fell(ctx, err)
		}
		mgDeps(ctx, verifyDeployment)
		s.verifiedBackups()
		return s.summarize(ctx)
	})
}

// deploySteps is the phase deploy: its steps in their order.
func deploySteps(ctx context.Context) error {
	return phase(ctx, "deploy", "config", exitFailed, func(ctx context.Context, s *session) (string, error) {
		if err := compose.Present(); err != nil {
			return "", refuse(ctx, fmt.Errorf("deploy: %w", err))
		}
		if err := s.lockEngine(ctx); err != nil { // of an engine that was not there before
			return "", refuse(ctx, fmt.Errorf("deploy: %w", err))
		}
		if err := s.soundToAct(ctx); err != nil {
			return "", err
		}
		if err := s.follow(ctx); err != nil {
			return "", refuse(ctx, fmt.Errorf("deploy: %w", err))
		}
		for _, step := range s.steps() {
			if s.attempt != nil {
				s.attempt.replacing = step.Name == "rollout"
			}
			if step.Name == "migrate" {
				if err := s.noteMigrations(ctx); err != nil {
					return "", s.explain(ctx, step.Name, err)
				}
			}
			if _, err := s.do(ctx, step); err != nil {
				return "", s.explain(ctx, step.Name, err)
			}
			switch step.Name {
			case "build":
				if err := s.capture(ctx); err != nil {
					return "", refuse(ctx, fmt.Errorf("deploy: release: %w", err))
				}
				if err := s.serveReaders(ctx); err != nil {
					return "", s.explain(ctx, step.Name, err)
				}
				if err := s.dataFits(ctx); err != nil {
					return "", err
				}
				if err := s.imagesFit(ctx); err != nil {
					return "", err
				}
				if err := s.finishRestore(ctx); err != nil {
					return "", s.explain(ctx, "backup", err)
				}
			case "migrate":
				if err := s.migrated(); err != nil {
					return "", s.explain(ctx, step.Name, err)
				}
			case "rollout":
				if err := s.applied(); err != nil {
					return "", s.explain(ctx, step.Name, err)
				}
			}
		}
		return "", s.orphans(ctx)
	})
}

// verifyDeployment is verify at the end of a deployment, which is over only then.
func verifyDeployment(ctx context.Context) error {
	err := verify(ctx)
	s := current
	if err != nil {
		var machine *machineError
		if s.attempt != nil {
			s.attempt.replacing = !errors.As(err, &machine)
		}
		s.failure = s.fell(ctx, err)
		return s.failure
	}
	if s.options.skips("verify") {
		s.concluded(release.Deployed, nil, "")
	} else {
		s.concluded(release.Verified, nil, "")
	}
	return nil
}

// steps are the steps of a deployment to this destination, in their order, the stack's own before the built-in step
// that they name.
func (s *session) steps() []checkpoints.Step {
	built := map[string]func() checkpoints.Step{
		"pull": s.pull, "build": s.build, "backup": s.backup, "migrate": s.migrate, "rollout": s.rollout, "cleanup": s.cleanup,
	}
	var steps []checkpoints.Step
	before := map[string][]string{}
	for _, name := range order {
		for _, extra := range s.stack.Steps {
			if cmp.Or(extra.Before, order[0]) == name {
				steps = append(steps, extra.Step)
				before[name] = append(before[name], extra.Step.Name)
			}
		}
		step := built[name]()
		step.After = append(step.After, before[name]...)
		steps = append(steps, step)
	}
	return steps
}

// mgDeps runs a phase as a Mage dependency of the one that asks.
func mgDeps(ctx context.Context, phase func(context.Context) error) { mg.CtxDeps(ctx, phase) }
