package targets

import (
	"os"
	"path/filepath"
	"testing"

	"slipway"
	"slipway/internal/redact"
	"slipway/internal/settings"
)

// TestCaseG2AStackWithoutAnEnvFileHasComposesOwn which may be missing, and is written beside the first compose file.
func TestCaseG2AStackWithoutAnEnvFileHasComposesOwn(t *testing.T) {
	for name, c := range map[string]struct {
		dest slipway.Destination
		want string
	}{
		"none":           {slipway.Destination{Files: []string{"compose.yaml"}}, ".env"},
		"in a subfolder": {slipway.Destination{Files: []string{"deploy/compose.yaml", "more.yaml"}}, "deploy/.env"},
		"declared":       {slipway.Destination{Files: []string{"deploy/compose.yaml"}, EnvFile: ".env.local"}, ".env.local"},
	} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "deploy"), 0o700); err != nil {
			t.Fatal(err)
		}
		s := &session{dir: dir, dest: of(c.dest), secrets: redact.New()}
		if got := s.envFile(); got != filepath.Join(dir, c.want) {
			t.Errorf("%s: %s", name, got)
		}
		if err := s.learnSecrets(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.values(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		file, err := settings.ReadEnvFile(s.envFile(), s.lookup)
		if err != nil || file.Exists() {
			t.Fatalf("%s: %v", name, err)
		}
		plan, _, err := settings.Collect(dir, []settings.Setting{{Key: "PORT", Default: "80"}}, file, s.lookup)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Apply(s.started); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		values, err := s.values()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := values("PORT"); got != "80" {
			t.Errorf("%s: PORT is %q", name, got)
		}
	}
}

// TestThePWDOfTheEnvFileIsTheStacksFolder as it is for Compose, wherever mage runs.
func TestThePWDOfTheEnvFileIsTheStacksFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("DATA=${PWD}/data\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values, err := (&session{dir: dir, dest: of(slipway.Destination{})}).values()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := values("DATA"); got != dir+"/data" {
		t.Errorf("DATA is %q", got)
	}
}
