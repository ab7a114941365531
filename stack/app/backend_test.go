package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ask sends a request to a handler and returns status and body.
func ask(handler http.Handler, method, path, body string) (int, string) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder.Code, strings.TrimSpace(recorder.Body.String())
}

func newBackend(t *testing.T, s Settings) http.Handler {
	t.Helper()
	b := &backend{store: openStore(t, s), metrics: newMetrics(), log: slog.New(slog.DiscardHandler)}
	return b.routes()
}

func TestReadingPostedCanBeReadBack(t *testing.T) {
	api := newBackend(t, freshSQLite(t))
	status, body := ask(api, "POST", "/readings", `{"sensor":"a1","celsius":-18.2,"at":"2026-11-25T13:00:00.5+01:00"}`)
	want := `{"id":1,"sensor":"a1","celsius":-18.2,"at":"2026-11-25T12:00:00.5Z","excursion":null}`
	if status != http.StatusCreated || body != want {
		t.Fatalf("POST: %d %s", status, body)
	}
	if status, body = ask(api, "GET", "/readings?sensor=a1&limit=1", ""); status != http.StatusOK || body != "["+want+"]" {
		t.Errorf("GET: %d %s", status, body)
	}
}

func TestReadingWithoutTimeIsOfNow(t *testing.T) {
	_, body := ask(newBackend(t, freshSQLite(t)), "POST", "/readings", `{"sensor":"a1","celsius":0}`)
	var reading Reading
	if err := json.Unmarshal([]byte(body), &reading); err != nil {
		t.Fatal(err)
	}
	if age := time.Since(reading.At); age < 0 || age > time.Minute {
		t.Errorf("at is %s", reading.At)
	}
}

func TestRequestsAreRefusedWithTheReason(t *testing.T) {
	api := newBackend(t, freshSQLite(t))
	for _, c := range []struct{ method, path, body, reason string }{
		{"POST", "/readings", ``, "the body"},
		{"POST", "/readings", `{"sensor":"a1","celsius":"cold"}`, "the body"},
		{"POST", "/readings", `{"sensor":"a1","celsius":-18,"humidity":3}`, "the body"},
		{"POST", "/readings", `{"sensor":"a1","celsius":-18}{}`, "goes on"},
		{"POST", "/readings", `{"sensor":"a1","pad":"` + strings.Repeat("x", largestBody) + `"}`, "the body"},
		{"POST", "/readings", `{"celsius":-18}`, "sensor"},
		{"POST", "/readings", `{"sensor":"<b>","celsius":-18}`, "sensor"},
		{"POST", "/readings", `{"sensor":"` + strings.Repeat("s", 65) + `","celsius":-18}`, "sensor"},
		{"POST", "/readings", `{"sensor":"a1"}`, "celsius"},
		{"POST", "/readings", `{"sensor":"a1","celsius":-300}`, "celsius"},
		{"POST", "/readings", `{"sensor":"a1","celsius":-18,"at":"1969-01-01T00:00:00Z"}`, "at"},
		{"POST", "/readings", `{"sensor":"a1","celsius":-18,"at":"2999-01-01T00:00:00Z"}`, "at"},
		{"GET", "/readings?limit=0", "", "limit"},
		{"GET", "/readings?limit=1001", "", "limit"},
		{"GET", "/readings?limit=all", "", "limit"},
		{"GET", "/readings?after=yesterday", "", "after"},
		{"GET", "/sensors?limit=1001", "", "limit"},
		{"PUT", "/sensors/a1", `{"zone":"lukewarm"}`, "zone"},
		{"PUT", "/sensors/%3Cb%3E", `{"zone":"chilled"}`, "sensor"},
	} {
		status, body := ask(api, c.method, c.path, c.body)
		if status != http.StatusBadRequest || !strings.Contains(body, c.reason) {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
	if _, body := ask(api, "GET", "/readings", ""); body != "[]" {
		t.Errorf("a refused reading was kept: %s", body)
	}
}

func TestReadinessFollowsTheDatabaseAndHealthDoesNot(t *testing.T) {
	migrated := freshSQLite(t)
	for _, c := range []struct {
		name     string
		settings Settings
		status   int
		state    string
	}{
		{"migrated", migrated, http.StatusOK, "connected"},
		{"not migrated", Settings{DatabasePath: filepath.Join(t.TempDir(), "new.db")}, http.StatusServiceUnavailable, "migrations pending"},
		{"not a database", Settings{DatabasePath: t.TempDir()}, http.StatusServiceUnavailable, "unavailable"},
	} {
		api := newBackend(t, c.settings)
		status, body := ask(api, "GET", "/health/ready", "")
		if want := `{"database":"` + c.state + `","version":"unversioned"}`; status != c.status || body != want {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		if status, body = ask(api, "GET", "/health", ""); status != http.StatusOK || body != `{"status":"healthy","version":"unversioned"}` {
			t.Errorf("%s: /health: %d %s", c.name, status, body)
		}
	}
}

func TestMetricsCountReadingsAndRequestsByRoute(t *testing.T) {
	api := newBackend(t, freshSQLite(t))
	ask(api, "POST", "/readings", `{"sensor":"a1","celsius":-18}`)
	ask(api, "POST", "/readings", `{}`)
	ask(api, "GET", "/made/up", "")
	_, body := ask(api, "GET", "/metrics", "")
	for _, line := range []string{
		"freshtrack_readings_total 1",
		`freshtrack_http_requests_total{route="POST /readings",status="201"} 1`,
		`freshtrack_http_requests_total{route="POST /readings",status="400"} 1`,
		`freshtrack_http_requests_total{route="none",status="404"} 1`,
		`freshtrack_build_info{version="unversioned"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
}
