package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 25, 16, 0, 0, 0, time.UTC)

func nothing(string) (string, bool) { return "", false }

func environment(values map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		value, found := values[key]
		return value, found
	}
}

func write(t *testing.T, path, content string, perm os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func open(t *testing.T, path string) *EnvFile {
	t.Helper()
	file, err := ReadEnvFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var shop = []Setting{
	{Key: "DOMAIN", Question: "The domain", Validate: FQDN, Normalize: ASCII},
	{Key: "EMAIL", Validate: Email},
	{Key: "JWT_SECRET", Generate: 48},
	{Key: "DB_PASSWORD", Generate: 32, File: "secrets/db_password"},
	{Key: "API_SECRET", Secret: true},
	{Key: "LEVEL", Default: "info"},
	{Key: "NOTE", Optional: true},
}

func TestCollectTakesWhatIsThereThenTheEnvironmentThenMakesIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env.production")
	write(t, path, "# ours\nDOMAIN=shop.firm.de\n\nEXTRA=1 # kept\nEMAIL=\n", 0o600)
	plan, missing, err := Collect(dir, shop, open(t, path), environment(map[string]string{
		"DOMAIN": "other.firm.de", "EMAIL": "ops@firm.de", "API_SECRET": "the $ecret",
	}))
	if err != nil || missing != nil {
		t.Fatal(missing, err)
	}
	applied, err := plan.Apply(now)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(read(t, path), "\n")
	if got := strings.Join(lines[:5], "|"); got != "# ours|DOMAIN=shop.firm.de||EXTRA=1 # kept|EMAIL=ops@firm.de" {
		t.Errorf("the operator's lines became %q", got)
	}
	file := open(t, path)
	for key, want := range map[string]string{"API_SECRET": "the $ecret", "LEVEL": "info"} {
		if got, _ := file.Get(key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
	if secret, _ := file.Get("JWT_SECRET"); len(secret) != 48 {
		t.Errorf("JWT_SECRET has %d characters", len(secret))
	}
	if secret := read(t, filepath.Join(dir, "secrets/db_password")); len(secret) != 32 {
		t.Errorf("secrets/db_password has %d characters", len(secret))
	}
	if want := path + ".20261125T160000Z.bak"; applied.Backup != want || !strings.Contains(read(t, want), "EMAIL=\n") {
		t.Errorf("the backup is %q", applied.Backup)
	}
}
