//go:build engine

package testhost_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/testhost"
)

func TestAHostHasAnEngineAndFilesAndANetworkOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		system testhost.System
		engine string
		store  string
	}{
		{testhost.Debian13, "26.1.", "overlay2"},
		{testhost.Testing, "28.5.", "overlay2"},
		{testhost.TestingContainerd, "28.5.", "overlayfs"},
	} {
		t.Run(c.system.Name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			shared, copied := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(copied, "index.html"), []byte("copied\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			h := testhost.Start(t, c.system, shared)
			facts, err := h.Exec(ctx, "docker", "info", "--format", "{{.ServerVersion}} {{.Driver}} {{.Containers}}")
			if fields := strings.Fields(facts); err != nil || len(fields) != 3 || !strings.HasPrefix(fields[0], c.engine) || fields[1] != c.store || fields[2] != "0" {
				t.Errorf("the engine is %q, want %s with %s and no container: %v", facts, c.engine, c.store, err)
			}
			if err := h.Copy(ctx, copied, filepath.Join(shared, "copied")); err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(filepath.Join(shared, "copied", "index.html")); err != nil || string(text) != "copied\n" {
				t.Errorf("the copy is %q: %v", text, err)
			}
			out, err := h.Command(ctx, shared, []string{"WORD=a b"}, "bash", "-c", `printf '%s|%s' "$PWD" "$WORD"`).Output()
			if err != nil || string(out) != shared+"|a b" {
				t.Errorf("a command says %q: %v", out, err)
			}
			if out, err := h.Exec(ctx, "sh", "-c", "echo sorry; exit 7"); err == nil || !strings.Contains(err.Error(), "exit status 7: sorry") || out != "sorry\n" {
				t.Errorf("a command that fails says %q: %v", out, err)
			}
		})
	}
}
