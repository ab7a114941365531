package compose

import (
	"context"

	"github.com/containerd/errdefs"
)

// ImageIDs returns the id of each image the engine has. Those it lacks are left out.
func ImageIDs(ctx context.Context, refs ...string) (map[string]string, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, ref := range refs {
		image, err := docker.ImageInspect(ctx, ref)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, refusal(ctx, "inspect images", err)
		}
		ids[ref] = image.ID
	}
	return ids, nil
}
