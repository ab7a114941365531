package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func showing(t *testing.T, backend http.HandlerFunc) (int, string) {
	t.Helper()
	server := httptest.NewServer(backend)
	t.Cleanup(server.Close)
	w := &website{backend: server.URL, client: server.Client(), log: slog.New(slog.DiscardHandler)}
	return ask(w.routes(), "GET", "/", "")
}

func TestPageShowsTheLatestOfEachSensor(t *testing.T) {
	status, body := showing(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sensors" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `[{"sensor":"a1","zone":"frozen","celsius":-18.25,"excursion":false},
			{"sensor":"b2","zone":"frozen","celsius":5,"excursion":true},{"sensor":"c3","zone":"frozen","celsius":5}]`)
	})
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	for _, part := range []string{"<td>a1</td>", "-18.2 °C", "in range", `<tr class="excursion"><td>b2</td>`, "not checked yet"} {
		if !strings.Contains(body, part) {
			t.Errorf("missing: %s", part)
		}
	}
	if strings.Count(body, `class="excursion"`) != 1 {
		t.Errorf("not one excursion:\n%s", body)
	}
}

func TestPageEscapesWhatTheBackendSays(t *testing.T) {
	_, body := showing(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"sensor":"<script>alert(1)</script>","zone":"\"><img>"}]`)
	})
	if strings.Contains(body, "<script>") || strings.Contains(body, "<img>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("not escaped:\n%s", body)
	}
}

func TestPageSaysThatTheBackendIsAway(t *testing.T) {
	for _, answer := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[{") },
	} {
		status, body := showing(t, answer)
		if status != http.StatusBadGateway || !strings.Contains(body, "not available") {
			t.Errorf("%d %s", status, body)
		}
	}
}
