package compose

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestEnvironNamesTheProjectWithAbsolutePaths(t *testing.T) {
	dir := t.TempDir()
	p := Project{
		Name: "demo", Dir: dir, Files: []string{"a.yml", "/etc/b.yml"}, EnvFile: ".env.production",
		Profiles: []string{"monitoring", "x"}, Env: []string{"TAG=1"},
	}
	want := []string{
		"TAG=1", "COMPOSE_PROJECT_NAME=demo", "COMPOSE_FILE=" + dir + "/a.yml:/etc/b.yml",
		"COMPOSE_PROFILES=monitoring,x",
	}
	check := func(want ...string) {
		t.Helper()
		for _, pair := range want {
			if env := p.Environ(); !slices.Contains(env, pair) {
				t.Errorf("%q lacks %s", env, pair)
			}
		}
	}
	check(append(want, "COMPOSE_ENV_FILES=/dev/null")...) // not written yet, and .env is not it
	if err := os.WriteFile(filepath.Join(dir, ".env.production"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check(append(want, "COMPOSE_ENV_FILES="+dir+"/.env.production")...)
}

func TestHealthcheckCommandIsTheEnginesOwn(t *testing.T) {
	for name, c := range map[string]struct {
		check *Healthcheck
		want  []string
	}{
		"exec":     {&Healthcheck{Test: []string{"CMD", "a", "b c"}}, []string{"a", "b c"}},
		"shell":    {&Healthcheck{Test: []string{"CMD-SHELL", "a || b"}}, []string{"/bin/sh", "-c", "a || b"}},
		"other":    {&Healthcheck{Test: []string{"CMD-SHELL", "a"}, Shell: []string{"/bin/ash", "-ec"}}, []string{"/bin/ash", "-ec", "a"}},
		"disabled": {&Healthcheck{Test: []string{"NONE"}}, nil},
		"absent":   {nil, nil},
	} {
		if got := c.check.Argv(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
