package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/moby/moby/client"
)

// Installed holds the versions of the tools and the engine. A plugin that is not installed has none.
type Installed struct {
	Client, Engine, API, MinAPI, Compose, Buildx string
}

// Versions asks the docker command, which asks its plugins, and the engine. What could be found is returned also when the
// engine is not reachable (ErrNoEngine).
func Versions(ctx context.Context) (Installed, error) {
	var v Installed
	var errTools, errEngine error
	var asking sync.WaitGroup
	asking.Go(func() { errTools = v.tools(ctx) })
	errEngine = v.engine(ctx)
	asking.Wait()
	if errTools != nil {
		return v, errTools
	}
	return v, errEngine
}

// tools asks the docker command what it is and which plugins it has. It exits 1 where it does not reach an engine, and
// answers all the same.
func (v *Installed) tools(ctx context.Context) error {
	out, err := ask(ctx, "docker info", nil, "info", "--format", "{{json .ClientInfo}}")
	var info struct {
		Version string // since 25
		Plugins []struct{ Name, Version string }
	}
	if errRead := json.Unmarshal(out, &info); errRead != nil {
		if err == nil {
			err = fmt.Errorf("docker info: read the answer: %w", errRead)
		}
		return err
	}
	v.Client = info.Version
	for _, plugin := range info.Plugins {
		switch version := strings.TrimPrefix(plugin.Version, "v"); plugin.Name {
		case "compose":
			v.Compose = version
		case "buildx":
			v.Buildx = version
		}
	}
	if v.Client == "" {
		out, err = ask(ctx, "docker version", nil, "version", "--format", "{{.Client.Version}}")
		if v.Client = strings.TrimSpace(string(out)); v.Client == "" {
			return err
		}
	}
	return nil
}

func (v *Installed) engine(ctx context.Context) error {
	docker, err := engine(ctx)
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
