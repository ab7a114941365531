package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// take does what deploy.sh does: it makes the next backup of the project shop.
func take(t *testing.T, s Store, now time.Time, why Why) Backup {
	t.Helper()
	b, err := s.Next(now)
	if err != nil {
		t.Fatal(err)
	}
	const content = "content"
	sum := sha256.Sum256([]byte(content))
	write(t, filepath.Join(b.Path, "0000.dump"), content)
	manifest, err := json.Marshal(map[string]any{
		"version": 1, "project": "shop", "kind": "postgres", "service": "db", "server": "15.14", "made": now, "why": why, "volume": "v1", "run": "run " + b.ID,
		"databases": []any{map[string]any{"name": "shop", "rows": map[string]int{"public.t": 3, "public.u": 4}}},
		"lacks":     []string{"the passwords of the roles"},
		"files":     map[string]File{"0000.dump": {Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.Path, manifestName), string(manifest))
	if b, err = s.Find(b.ID); err != nil || b.Broken != nil {
		t.Fatalf("%+v, %v", b, err)
	}
	return b
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, s Store) []string {
	t.Helper()
	all, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, b := range all {
		found = append(found, b.ID)
	}
	return found
}
