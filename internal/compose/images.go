package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
)

// Image is an image that the engine has.
type Image struct {
	ID string // what the engine calls it
	// Content is a digest of what containers of it get: platform, configuration and layers. The id is more: on the containerd
	// store it is that of an index which names how and when the image was built, and changes with every build.
	Content string
	Tagged  time.Time // when its name was given to it here
	User    string    // whom its containers run as, unless the files say; "" means root
}

// Images are the images of these references that the engine has. Those it lacks are left out.
func Images(ctx context.Context, refs ...string) (map[string]Image, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	found := make([]*Image, len(refs))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(inspectors)
	for i, ref := range refs {
		asking.Go(func() error {
			answer, err := docker.ImageInspect(ctx, ref)
			if errdefs.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return refusal(ctx, "inspect images", err)
			}
			content, err := json.Marshal([]any{answer.Os, answer.Architecture, answer.Variant, answer.Config, answer.RootFS})
			if err != nil {
				return fmt.Errorf("inspect images: encode image %s: %w", ref, err)
			}
			digest := sha256.Sum256(content)
			found[i] = &Image{ID: answer.ID, Content: hex.EncodeToString(digest[:]), Tagged: answer.Metadata.LastTagTime}
			if answer.Config != nil {
				found[i].User = answer.Config.User
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	images := map[string]Image{}
	for i, ref := range refs {
		if found[i] != nil {
			images[ref] = *found[i]
		}
	}
	return images, nil
}
