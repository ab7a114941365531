package compose

import (
	"context"
	"maps"
	"slices"
)

// ServiceNames returns the names of all services of the compose files, those of profiles that are not active too. A
// container of a service that is not among them is an orphan.
func (p Project) ServiceNames(ctx context.Context) ([]string, error) {
	p.Profiles = []string{"*"}
	model, err := p.Model(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(model.Services)), nil
}
