package compose

import (
	"context"
	"sync"

	"github.com/moby/moby/client"
)

// Installed holds the versions of the tools and the engine.
type Installed struct {
	Tools
	Engine, API, MinAPI string
}

// Versions asks the engine and, unless what is known of them still holds, the tools. What could be found is returned also
// when the engine is not reachable (ErrNoEngine).
func Versions(ctx context.Context, known Tools) (Installed, error) {
	v := Installed{Tools: known}
	var errTools error
	var asking sync.WaitGroup
	if !known.unchanged() {
		asking.Go(func() { v.Tools, errTools = askTools(ctx) })
	}
	errEngine := v.askEngine(ctx)
	asking.Wait()
	if errTools != nil {
		return v, errTools
	}
	return v, errEngine
}

func (v *Installed) askEngine(ctx context.Context) error {
	docker, err := engine()
	if err != nil {
		return err
	}
	server, err := docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return refusal(ctx, "the engine's version", err)
	}
	v.Engine, v.API, v.MinAPI = server.Version, server.APIVersion, server.MinAPIVersion
	return nil
}
