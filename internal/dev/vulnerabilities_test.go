package dev

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestOnlyAVulnerabilityThatIsCalledFails asks a database made for the test, in which strings.Title is vulnerable.
func TestOnlyAVulnerabilityThatIsCalledFails(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"db/index/db.json":      `{"modified":"2026-11-01T00:00:00Z"}`,
		"db/index/modules.json": `[{"path":"stdlib","vulns":[{"id":"GO-2026-9999","modified":"2026-11-01T00:00:00Z"}]}]`,
		"db/ID/GO-2026-9999.json": `{"schema_version":"1.3.1","id":"GO-2026-9999","modified":"2026-11-01T00:00:00Z","published":"2026-11-01T00:00:00Z",
			"summary":"made for a test","database_specific":{"url":"https://example.com"},"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},
			"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"strings","symbols":["Title"]}]}}]}`,
		"calls/go.mod":    "module calls\n\ngo 1.26.0\n",
		"calls/main.go":   "package main\n\nimport \"strings\"\n\nfunc main() { println(strings.Title(\"x\")) }\n",
		"imports/go.mod":  "module imports\n\ngo 1.26.0\n",
		"imports/main.go": "package main\n\nimport \"strings\"\n\nfunc main() { println(strings.ToUpper(\"x\")) }\n",
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, full, text)
	}
	root := filepath.Join("..", "..")
	for mod, fails := range map[string]bool{"calls": true, "imports": false} {
		if err := vulnerabilities(t.Context(), root, "file://"+filepath.Join(dir, "db"), []string{filepath.Join(dir, mod)}); (err != nil) != fails {
			t.Errorf("%s: %v", mod, err)
		}
	}
}

func TestADatabaseThatCannotBeHadIsToldFromOneThatAnswers(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	if err := answers(t.Context(), server.URL); err != nil {
		t.Error(err)
	}
	status = http.StatusForbidden
	if answers(t.Context(), server.URL) == nil || answers(t.Context(), "http://127.0.0.1:1/") == nil {
		t.Error("what cannot be had answers")
	}
}
