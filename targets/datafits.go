package targets

import (
	"context"
	"errors"
	"slices"
	"strings"

	"slipway/internal/datadir"
	"slipway/internal/preflight"
)

// dataFits looks, once every image is here and before anything that runs is touched, whether each server can go on with its data.
// Preflight has looked, but not at what was still to come, nor at images that do not say what they are.
func (s *session) dataFits(ctx context.Context) error {
	if s.options.skips("preflight") {
		return nil
	}
	world, err := s.dataWorld(ctx)
	if err != nil {
		return err
	}
	problems, err := s.unfitData(ctx, world)
	if err != nil {
		return err
	}
	return s.refuseFor(ctx, problems)
}

// dataWorld is what a look at the data begins with, where programs of images may be asked.
func (s *session) dataWorld(ctx context.Context) (datadir.World, error) {
	view, err := s.view(ctx)
	return datadir.World{Model: view.model, Containers: view.containers, Images: view.images, Version: s.versionOf}, err
}

// unfitData are the services whose server could not go on with its data.
func (s *session) unfitData(ctx context.Context, world datadir.World) ([]preflight.Problem, error) {
	found, err := datadir.Problems(ctx, world)
	if err != nil {
		return nil, err
	}
	problems, err := s.halfUpgraded(world)
	for _, p := range found {
		switch upgrade := command("upgrade") + " " + p.Service; {
		case p.Newer && p.NewPlace:
			p.Remedy = upgrade + "   (takes the data along; the old volume stays as it is); or " + p.Remedy
		case p.Newer:
			p.Remedy = "give the service a new volume, under another name, and run: " + upgrade + "; or " + p.Remedy
		}
		problems = append(problems, preflight.Problem{Text: p.Text, Remedy: p.Remedy})
	}
	return problems, err
}

// What a container ends with whose program could not be started.
var noProgram = []int{126, 127}

// versionOf is what a program of an image says of its version; empty where the image does not have it.
func (s *session) versionOf(ctx context.Context, image, program string) (string, error) {
	var said strings.Builder
	err := s.runScript(ctx, &said, "deploy.sh", "version", image, program)
	var script *scriptError
	if errors.As(err, &script) && slices.Contains(noProgram, script.ExitCode) {
		return "", nil
	}
	return said.String(), err
}
