package compose

import (
	"context"
	"strings"
)

// ServiceNames returns the names of all services of the compose files, those of profiles that are not active too. A
// container of a service that is not among them is an orphan.
func (p Project) ServiceNames(ctx context.Context) ([]string, error) {
	out, err := ask(ctx, "compose config", p.environment([]string{"*"}), "compose", "config", "--services")
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(out)), nil
}
