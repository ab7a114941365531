package settings

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	file, err := ReadEnvFile(path, nothing)
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

func TestCollectListsAllMissingKeysAtOnce(t *testing.T) {
	dir := t.TempDir()
	plan, missing, err := Collect(dir, shop, open(t, filepath.Join(dir, ".env")), environment(map[string]string{"EMAIL": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(missing, " "); got != "DOMAIN EMAIL API_SECRET" {
		t.Errorf("missing: %s", got)
	}
	_, err = plan.Apply(now)
	if err == nil || !strings.Contains(err.Error(), "no value for DOMAIN, EMAIL, API_SECRET") {
		t.Errorf("it was applied: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%d files were written", len(entries))
	}
}

func TestCollectRefusesABadValueByItsKey(t *testing.T) {
	complete := "DOMAIN=shop.firm.de\nEMAIL=ops@firm.de\nJWT_SECRET=0123456789\nAPI_SECRET=0123456789\n"
	for name, c := range map[string]struct {
		env   string
		given map[string]string
		prep  func(t *testing.T, dir string)
		why   string
	}{
		"bad domain in the file":         {env: "DOMAIN=" + canary + "_x.firm.de", why: "DOMAIN: holds an underscore"},
		"bad domain in the environment":  {given: map[string]string{"DOMAIN": canary + ".de/"}, why: "DOMAIN: holds a path: give the domain alone; from the environment"},
		"placeholder in the file":        {env: "API_SECRET=changeme", why: "API_SECRET: is still the placeholder"},
		"placeholder in the environment": {given: map[string]string{"API_SECRET": "<" + canary + ">"}, why: "API_SECRET: is still the placeholder"},
		"blank generated secret":         {env: "JWT_SECRET=", why: "JWT_SECRET: is blank where a secret belongs"},
		"blanks for a generated secret":  {env: "JWT_SECRET='  '", why: "JWT_SECRET: is blank where a secret belongs"},
		"blanks in the environment":      {given: map[string]string{"API_SECRET": "  "}, why: "API_SECRET: is blank; from the environment"},
		"line break in the environment":  {given: map[string]string{"API_SECRET": canary + "\nx"}, why: "API_SECRET: holds a line break"},
		"unwritable in the environment":  {given: map[string]string{"API_SECRET": canary + "'`"}, why: "API_SECRET: cannot be written"},
		"blank secret file":              {prep: secretFile("\n", 0o600), why: "secrets/db_password: DB_PASSWORD: is blank where a secret belongs"},
		"placeholder in a secret file":   {prep: secretFile("changeme\n", 0o600), why: "DB_PASSWORD: is still the placeholder"},
		"directory for a secret file": {prep: func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "secrets/db_password"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, why: "secrets/db_password: is a directory"},
		"file for the secret directory": {prep: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "secrets"), canary, 0o600)
		}, why: "secrets: is no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, ".env")
			content := complete
			if key, _, found := strings.Cut(c.env, "="); found {
				content = without(complete, key) + c.env + "\n"
			}
			for key := range c.given {
				content = without(content, key)
			}
			write(t, path, content, 0o600)
			if c.prep != nil {
				c.prep(t, dir)
			}
			_, _, err := Collect(dir, shop, open(t, path), environment(c.given))
			refused(t, err, c.why)
			if read(t, path) != content {
				t.Error("the env file was changed")
			}
		})
	}
}

// without returns the file's text without the line of the key.
func without(content, key string) string {
	var left strings.Builder
	for line := range strings.Lines(content) {
		if !strings.HasPrefix(line, key+"=") {
			left.WriteString(line)
		}
	}
	return left.String()
}

func secretFile(content string, perm os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) { write(t, filepath.Join(dir, "secrets/db_password"), content, perm) }
}

func TestCollectRefusesASecretFileOutsideTheStack(t *testing.T) {
	dir := t.TempDir()
	s := []Setting{{Key: "X", File: "../x", Generate: 32}}
	_, _, err := Collect(dir, s, open(t, filepath.Join(dir, ".env")), nothing)
	refused(t, err, "is not inside the stack's directory")
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	given := environment(map[string]string{"DOMAIN": "shop.firm.de", "EMAIL": "ops@firm.de", "API_SECRET": "0123456789"})
	var before string
	for round := range 2 {
		plan, _, err := Collect(dir, shop, open(t, path), given)
		if err != nil {
			t.Fatal(err)
		}
		applied, err := plan.Apply(now)
		if err != nil {
			t.Fatal(err)
		}
		after := read(t, path) + read(t, filepath.Join(dir, "secrets/db_password"))
		if round == 0 {
			before = after
			continue
		}
		if plan.Changes() || len(applied.Files) > 0 || applied.Backup != "" || after != before {
			t.Errorf("the second time changed %v", applied)
		}
	}
	for name, perm := range map[string]os.FileMode{".env": 0o600, "secrets": 0o700, "secrets/db_password": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != perm {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestApplyNeverOverwritesASecretThatAppearedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	plan, _, err := Collect(dir, shop[3:4], open(t, path), nothing)
	if err != nil {
		t.Fatal(err)
	}
	secretFile("theirs", 0o600)(t, dir)
	if _, err := plan.Apply(now); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the error is %v", err)
	}
	if got := read(t, filepath.Join(dir, "secrets/db_password")); got != "theirs" {
		t.Error("the secret was overwritten")
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "secrets")); len(entries) != 1 {
		t.Errorf("there are %d files", len(entries))
	}
}

// TestApplyOnAFullDiskLeavesTheOldFiles runs itself in a process that may write no file larger than 64 bytes: the secret
// fits, the env file does not.
func TestApplyOnAFullDiskLeavesTheOldFiles(t *testing.T) {
	if dir := os.Getenv("SETTINGS_TEST_FULL_DISK"); dir != "" {
		signal.Ignore(unix.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
			t.Fatal(err)
		}
		plan, _, err := Collect(dir, shop, open(t, filepath.Join(dir, ".env")), environment(map[string]string{"API_SECRET": canary}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Apply(now); !errors.Is(err, unix.EFBIG) || strings.Contains(err.Error(), canary) {
			t.Fatalf("the error is %v", err)
		}
		return
	}
	dir := t.TempDir()
	before := "DOMAIN=shop.firm.de\nEMAIL=ops@firm.de\n"
	write(t, filepath.Join(dir, ".env"), before, 0o600)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "SETTINGS_TEST_FULL_DISK="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("%v: %s", err, out)
	}
	if got := read(t, filepath.Join(dir, ".env")); got != before {
		t.Errorf("the env file became %q", got)
	}
	if secret := read(t, filepath.Join(dir, "secrets/db_password")); len(secret) != 32 {
		t.Errorf("the secret has %d characters", len(secret))
	}
	for name, want := range map[string]int{".": 2, "secrets": 1} {
		if entries, _ := os.ReadDir(filepath.Join(dir, name)); len(entries) != want {
			t.Errorf("%d files are in %s", len(entries), name)
		}
	}
}
