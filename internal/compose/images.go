package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
)

// Image is an image that the engine has.
type Image struct {
	ID string // what the engine calls it
	// Content is a digest of what containers of it get: platform, configuration and layers. The id is more: on the containerd
	// store it is that of an index which names how and when the image was built, and changes with every build.
	Content  string
	Platform platforms.Platform
	Tagged   time.Time // when its name was given to it here
	User     string    // whom its containers run as, unless the files say; "" means root
	Env      map[string]string

	Entrypoint, Command []string // what its containers run, unless the files say
	WorkingDir          string
	Volumes             []string // paths that it declares as volumes
}

// Images are the images of these references that the engine has. Those it lacks are left out.
func Images(ctx context.Context, refs ...string) (map[string]Image, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	return each(ctx, "inspect images", refs, func(ctx context.Context, ref string) (Image, error) {
		answer, err := docker.ImageInspect(ctx, ref)
		if err != nil {
			return Image{}, err
		}
		content, err := json.Marshal([]any{answer.Os, answer.Architecture, answer.Variant, answer.Config, answer.RootFS})
		digest := sha256.Sum256(content)
		image := Image{
			ID: answer.ID, Content: hex.EncodeToString(digest[:]), Tagged: answer.Metadata.LastTagTime,
			Platform: platforms.Platform{OS: answer.Os, Architecture: answer.Architecture, Variant: answer.Variant},
		}
		if answer.Config != nil {
			image.User, image.WorkingDir = answer.Config.User, answer.Config.WorkingDir
			image.Entrypoint, image.Command = answer.Config.Entrypoint, answer.Config.Cmd
			image.Volumes = slices.Sorted(maps.Keys(answer.Config.Volumes))
			image.Env = map[string]string{}
			for _, pair := range answer.Config.Env {
				key, value, _ := strings.Cut(pair, "=")
				image.Env[key] = value
			}
		}
		return image, err
	})
}
