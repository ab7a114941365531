package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnEnvFileOfFormatRawIsReadAsItStands(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without a docker to ask
	p := written(t, "services:\n  web:\n    image: x\n    env_file: [{path: raw.env, format: raw}]\n", "")
	raw := "\ufeff# a comment\n\n  A='quoted' \nB=pa$$word=1\nC=\nRAW_FROM_HERE\nRAW_FROM_NOWHERE\n"
	if err := os.WriteFile(filepath.Join(p.Dir, "raw.env"), []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RAW_FROM_HERE", "here")
	m, err := p.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := m.Services["web"].Environment
	for key, want := range map[string]string{"A": "'quoted' ", "B": "pa$$word=1", "C": ""} {
		if value := got[key]; value == nil || *value != want {
			t.Errorf("%s: want %q, got %v", key, want, value)
		}
	}
	if _, has := got["RAW_FROM_NOWHERE"]; has {
		t.Error("a name without a value anywhere is set")
	}
}

func TestALineThatNamesNoVariableIsNamedByItsNumberAlone(t *testing.T) {
	for _, text := range []string{"A=1\nse cret=2\n", "A=1\n=secret\n", "A=1\nS=secr\xffet\n"} {
		err := rawEnv(strings.NewReader(text), "raw.env", map[string]string{}, nil)
		if err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "secr") || strings.Contains(err.Error(), "se cret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
