package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Installed holds the versions of the tools and the engine. A plugin that is not installed has none.
type Installed struct {
	Client, Engine, API, MinAPI, Compose, Buildx string
}

// Versions asks the client, the plugins and the engine at once. What could be found is returned also when the engine
// is not reachable (ErrNoEngine).
func Versions(ctx context.Context) (Installed, error) {
	var (
		v               Installed
		wg              sync.WaitGroup
		compose, buildx []byte
	)
	wg.Go(func() { compose, _ = ask(ctx, "compose version", nil, "compose", "version", "--short") })
	wg.Go(func() { buildx, _ = ask(ctx, "buildx version", nil, "buildx", "version") })
	out, err := ask(ctx, "docker version", nil, "version", "--format", "{{json .}}")
	wg.Wait()
	v.Compose = strings.TrimPrefix(strings.TrimSpace(string(compose)), "v")
	if fields := strings.Fields(string(buildx)); len(fields) > 1 {
		v.Buildx = strings.TrimPrefix(fields[1], "v")
	}
	var raw struct {
		Client struct{ Version string }
		Server *struct{ Version, APIVersion, MinAPIVersion string }
	}
	if errRead := json.Unmarshal(out, &raw); errRead != nil {
		if err == nil {
			err = fmt.Errorf("docker version: read the answer: %w", errRead)
		}
		return v, err
	}
	v.Client = raw.Client.Version
	if raw.Server == nil {
		if err == nil || !errors.Is(err, ErrNoEngine) {
			err = fmt.Errorf("docker version: %w", ErrNoEngine)
		}
		return v, err
	}
	v.Engine, v.API, v.MinAPI = raw.Server.Version, raw.Server.APIVersion, raw.Server.MinAPIVersion
	return v, err
}
