package compose

import (
	"context"
	"strings"
)

// ImageIDs returns the id of each image the engine has. Those it lacks are left out.
func ImageIDs(ctx context.Context, refs ...string) (map[string]string, error) {
	ids := map[string]string{}
	if len(refs) == 0 {
		return ids, nil
	}
	found, err := imageIDs(ctx, refs)
	if err != nil {
		return nil, err
	}
	if len(found) == len(refs) {
		for i, id := range found {
			ids[refs[i]] = id
		}
		return ids, nil
	}
	// The answer does not say which reference an id belongs to, and some are missing.
	for _, ref := range refs {
		found, err := imageIDs(ctx, []string{ref})
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			ids[ref] = found[0]
		}
	}
	return ids, nil
}

func imageIDs(ctx context.Context, refs []string) ([]string, error) {
	out, err := ask(ctx, "inspect images", nil, append([]string{"image", "inspect", "--format", "{{.Id}}"}, refs...)...)
	if err != nil && !onlyMissing(err) {
		return nil, err
	}
	return strings.Fields(string(out)), nil
}
