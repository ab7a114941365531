package targets

import (
	"os"
	"path/filepath"
	"testing"

	"slipway/internal/compose"
	"slipway/internal/host"
	"slipway/internal/redact"
)

// TestPreflightWarnsOfASecretThatCannotBeHidden by its key, and of no switch and nothing that is only about one.
func TestPreflightWarnsOfASecretThatCannotBeHidden(t *testing.T) {
	for environment, want := range map[string]string{
		"{DB_PASSWORD: postgres, API_KEY: a1b2, DB_HOST: db}":                                     "API_KEY is shorter than 6 characters\n      DB_PASSWORD is a word that everybody takes",
		"{JWT_SECRET: database-of-the-shop}":                                                      "JWT_SECRET is also the name of something in the stack",
		"{ALLOW_EMPTY_PASSWORD: 'yes', TOKEN_TTL: 60, TOKEN_FILE: /run/t, DB_PASSWORD: x8KqLm2v}": "",
	} {
		dir := t.TempDir()
		text := "services: {web: {image: web, environment: " + environment + "}, database-of-the-shop: {image: db}}\n"
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := &session{dir: dir, secrets: redact.New(), project: compose.Project{Name: "shop", Dir: dir, Files: []string{"compose.yaml"}}}
		if err := s.learnSecrets(); err != nil {
			t.Fatal(err)
		}
		model := s.offered()
		if model == nil {
			t.Fatal("the model that was learned from is not kept")
		}
		got := s.weakSecrets(t.Context(), preview{model: model})
		if want == "" && got.State != host.StateOK || want != "" && (got.State != host.StateWarn || got.Detail != want) {
			t.Errorf("%s: %s: %q", environment, got.State, got.Detail)
		}
	}
}
