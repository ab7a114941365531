package targets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/preflight"
	"slipway/internal/rollout"
)

// rehearse has the engine judge the definitions that it has not carried out yet, before anything is touched: it creates a
// container of each, in nobody's way, and never starts it.
func (s *session) rehearse(ctx context.Context, model *compose.Model) error {
	if s.options.skips("preflight") {
		return nil
	}
	parts, err := s.unproven(model)
	if err != nil {
		return refuse(ctx, fmt.Errorf("deploy: %w", err))
	}
	if len(parts) == 0 {
		return nil
	}
	file := filepath.Join(s.store.Dir(), "rehearsal.json")
	content, err := preflight.Rehearsal(s.project.Name, parts)
	if err == nil {
		err = checkpoints.WriteFile(file, content, 0o600)
	}
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }()
	var answer bytes.Buffer
	args := append([]string{"rehearse", file}, slices.Sorted(maps.Keys(parts))...)
	err = s.scriptTo(ctx, &answer, "deploy.sh", args...)
	var failed *scriptError
	problems := refusals(answer.String())
	switch {
	case errors.As(err, &failed) && len(problems) > 0:
		return s.refuseFor(ctx, problems)
	case failed != nil: // that nobody could ask is no refusal
		s.console.Line(console.Warn, "stack", "the engine could not be asked beforehand what it takes: "+firstLine(err), 0)
		return nil
	}
	return err
}

// unproven are the parts of services that the engine has to judge and that differ from what it carried out last.
func (s *session) unproven(model *compose.Model) (map[string]preflight.Part, error) {
	parts := map[string]preflight.Part{}
	for name, service := range model.Services {
		part, err := preflight.Judged(model, service)
		if err != nil {
			return nil, err
		}
		step := rollout.StepName(name)
		var inputs []checkpoints.Input
		for key, value := range part {
			inputs = append(inputs, rollout.KeyInput(name, key, value))
		}
		if service.Job {
			step, inputs = "migrate", nil
		}
		if len(part) == 0 || service.Job && name != s.dest.Database.Job {
			continue
		}
		cause, err := s.store.Differs(step, inputs)
		if err != nil {
			return nil, err
		}
		if cause != "" {
			parts[name] = part
		}
	}
	return parts, nil
}

// refusals are the problems that the answer of a rehearsal tells, a line each.
func refusals(answer string) []preflight.Problem {
	var problems []preflight.Problem
	for line := range strings.Lines(answer) {
		service, why, _ := strings.Cut(strings.TrimSpace(line), "\t")
		problems = append(problems, preflight.Problem{
			Text:   fmt.Sprintf("the engine refuses a container of service %s: %s", service, strings.TrimPrefix(why, "Error response from daemon: ")),
			Remedy: "correct the compose file",
		})
	}
	return problems
}
