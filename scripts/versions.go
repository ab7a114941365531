package scripts

import (
	"strings"
	"sync"
)

// Versions are the oldest with which a stack can be deployed. Buildx is that of the plugin beside a Compose that is as new as
// ComposeWithBuildx: an older one builds by itself.
type Versions struct {
	Engine, Compose, Buildx, ComposeWithBuildx string
}

// Oldest reads lib/versions.sh, where the scripts have them from.
var Oldest = sync.OnceValue(func() Versions {
	text, _ := files.ReadFile("lib/versions.sh") // it is embedded
	stated := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			stated[name] = value
		}
	}
	return Versions{
		Engine: stated["OLDEST_ENGINE"], Compose: stated["OLDEST_COMPOSE"], Buildx: stated["OLDEST_BUILDX"],
		ComposeWithBuildx: stated["COMPOSE_WITH_BUILDX"],
	}
})
