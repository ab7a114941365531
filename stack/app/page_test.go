package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// pages follows the Link headers from a path to the end of its list.
func pages(t *testing.T, api http.Handler, path string) (all []map[string]any, requests int) {
	t.Helper()
	for ; path != ""; requests++ {
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		var page []map[string]any
		if err := json.Unmarshal(recorder.Body.Bytes(), &page); err != nil || recorder.Code != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, recorder.Code, recorder.Body)
		}
		all = append(all, page...)
		link := recorder.Header().Get("Link")
		path, _ = strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	return all, requests
}

func TestListsArePagedByTheirLinks(t *testing.T) {
	api := newBackend(t, freshSQLite(t))
	for n := range 10 {
		ask(api, "POST", "/readings", fmt.Sprintf(`{"sensor":"s%d","celsius":-18}`, n%5))
	}
	for path, want := range map[string]struct{ entries, requests int }{
		"/readings":                   {10, 1},
		"/readings?limit=3":           {10, 4},
		"/readings?limit=5":           {10, 2},
		"/readings?limit=1&sensor=s1": {2, 2},
		"/sensors":                    {5, 1},
		"/sensors?limit=2":            {5, 3},
		"/sensors?limit=2&after=s3":   {1, 1},
	} {
		all, requests := pages(t, api, path)
		seen := map[string]bool{}
		for _, entry := range all {
			seen[fmt.Sprint(entry["id"], entry["sensor"])] = true
		}
		if len(all) != want.entries || len(seen) != want.entries || requests != want.requests {
			t.Errorf("%s: %d entries, %d of them different, in %d requests, want %v", path, len(all), len(seen), requests, want)
		}
	}
}

func TestASensorBeyondTheNumberIsRefusedAndTheKnownOnesGoOn(t *testing.T) {
	s := freshSQLite(t)
	s.MaxSensors = 1
	api := newBackend(t, s)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/readings", `{"sensor":"a1","celsius":-18}`, 201},
		{"POST", "/readings", `{"sensor":"b2","celsius":-18}`, 409},
		{"PUT", "/sensors/b2", `{"zone":"chilled"}`, 409},
		{"PUT", "/sensors/a1", `{"zone":"chilled"}`, 200},
		{"POST", "/readings", `{"sensor":"a1","celsius":4}`, 201},
	} {
		if status, body := ask(api, c.method, c.path, c.body); status != c.want {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, status, body, c.want)
		}
	}
}
