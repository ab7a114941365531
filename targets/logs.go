package targets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/internal/compose"
)

// Logs prints the last lines of a service to stdout, secrets hidden: `mage logs backend`, -lines=100.
//
// It changes nothing. Exit 3 when the stack has no such service or no container of it is there.
func Logs(ctx context.Context, service string, lines *int) error {
	return enter(ctx, "logs", false, flags{lines: lines}, func(ctx context.Context, s *session) error {
		containers, err := s.project.Containers(ctx)
		if err != nil {
			return refuse(ctx, fmt.Errorf("logs: %w", err))
		}
		var names []string
		shown := false
		for _, c := range containers {
			names = append(names, c.Service)
			if c.Service != service {
				continue
			}
			text, err := compose.Logs(ctx, c.ID, s.options.lines)
			if err != nil {
				return fail(ctx, exitFailed, fmt.Errorf("logs: %w", err))
			}
			shown = true
			for _, line := range text {
				s.console.Print(c.Name + " | " + line + "\n")
			}
		}
		if shown {
			return nil
		}
		if all, err := s.serviceNames(ctx); err == nil && !slices.Contains(all, service) {
			return refuse(ctx, fmt.Errorf("logs: the stack has no service %q; it has %s", service, strings.Join(all, ", ")))
		}
		if len(names) == 0 {
			return refuse(ctx, fmt.Errorf("logs: no container of service %q, nor of any other", service), command("deploy"))
		}
		slices.Sort(names)
		return refuse(ctx, fmt.Errorf("logs: no container of service %q; there are: %s", service, strings.Join(slices.Compact(names), ", ")))
	})
}
