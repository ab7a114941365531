package targets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway"
	"slipway/internal/compose"
	"slipway/internal/preflight"
)

func TestTheModelOfPreflightHoldsUntilTheEnvFileChanges(t *testing.T) {
	s := &session{dir: t.TempDir(), dest: of(slipway.Destination{EnvFile: ".env"})}
	if s.offered() != nil {
		t.Error("a model is there though preflight was left out")
	}
	model := modelOf(t, "services: {web: {image: x}}\n")
	s.offer(model, s.envContent())
	if got, err := s.model(t.Context()); err != nil || got != model {
		t.Errorf("the model of preflight is not used: %v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, ".env"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.offered() != nil {
		t.Error("an env file has come, even an empty one, and the model from before it is used")
	}
}

func TestWhatTheEngineSaidHoldsUntilTheRunActs(t *testing.T) {
	volume := "data"
	s := &session{dest: destination{Database: database{slipway.Database{Volume: "data"}}}}
	s.engine = engine{images: map[string]compose.Image{"a:1": {ID: "id"}}, looked: true, volume: &volume}
	images, containers, err := s.imagesAndContainers(t.Context())
	if err != nil || images["a:1"].ID != "id" || containers != nil {
		t.Errorf("asked again: %v, %v, %v", images, containers, err)
	}
	if got, err := s.volume(t.Context()); err != nil || got != "data" {
		t.Errorf("asked again: %q, %v", got, err)
	}
	s.forget()
	if known := s.remembered(); known.images != nil || known.looked || known.volume != nil {
		t.Errorf("still believed: %+v", known)
	}
}

func TestWhatPreflightSawOfTheEngineIsBelievedForItsModelOnly(t *testing.T) {
	world := preflight.World{Images: map[string]compose.Image{"x": {ID: "id"}}}
	seen, other := modelOf(t, "services: {web: {image: x}}\n"), modelOf(t, "services: {web: {image: y}}\n")
	for model, believed := range map[*compose.Model]bool{seen: true, other: false} {
		s := &session{dir: t.TempDir(), dest: of(slipway.Destination{EnvFile: ".env"})}
		s.believe(seen, world)
		s.offer(model, s.envContent())
		if _, err := s.model(t.Context()); err != nil {
			t.Fatal(err)
		}
		if known := s.remembered(); (known.images != nil) != believed || known.looked != believed {
			t.Errorf("believed %+v, want %v", known, believed)
		}
	}
}

func TestToolsThatAreThereAreFoundWithoutAScript(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	for _, tool := range []string{"jq", "curl"} {
		if there("tools") {
			t.Errorf("found before %s is there", tool)
		}
		if err := os.WriteFile(filepath.Join(folder, tool), []byte("#!/bin/sh\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	if !there("tools") || there("firewall") {
		t.Error("jq and curl are there, and whether a firewall is, only its script can tell")
	}
}

func TestPullAsksForEachImageThatIsHereAndHasNoDigest(t *testing.T) {
	pinned := "db@sha256:" + strings.Repeat("0", 64)
	model := modelOf(t, "services: {web: {image: 'shop:1'}, db: {image: '"+pinned+"'}, own: {image: 'own:1', pull_policy: never}, app: {build: .}}\n")
	s := &session{dir: t.TempDir()}
	s.offer(model, s.envContent())
	if _, err := s.model(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.engine.images = map[string]compose.Image{"shop:1": {ID: "1"}, pinned: {ID: "2"}, "own:1": {ID: "3"}}
	for _, pull := range []bool{false, true} {
		s.options.pull = pull
		wanted, err := s.toPull(t.Context())
		if asked := len(wanted) == 1 && wanted[0].service == "web"; err != nil || asked != pull || len(wanted) > 1 {
			t.Errorf("-pull=%v: %+v, %v", pull, wanted, err)
		}
	}
}
