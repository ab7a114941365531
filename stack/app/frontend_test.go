package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
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

func TestPageShowsSensorsOfAllPagesOfTheList(t *testing.T) {
	_, body := showing(t, func(w http.ResponseWriter, r *http.Request) {
		first := 0
		if after := r.FormValue("after"); after != "" {
			first = largestLimit
		}
		rows := []Sensor{}
		for n := first; n < min(first+largestLimit, largestLimit+7); n++ {
			rows = append(rows, Sensor{Sensor: fmt.Sprintf("s%04d", n)})
		}
		writeJSON(w, http.StatusOK, rows)
	})
	if shown := strings.Count(body, "<td>s"); shown != largestLimit+7 || strings.Contains(body, "more sensors") {
		t.Errorf("%d are shown", shown)
	}
}

func TestPageSaysThatThereAreMoreSensorsThanItShows(t *testing.T) {
	_, body := showing(t, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, make([]Sensor, largestLimit))
	})
	if !strings.Contains(body, "more sensors") {
		t.Error("the page does not say so")
	}
}

func TestPageAsksTheBackendWithAKeyThatOnlyReadsAndOnceASecond(t *testing.T) {
	k := newKeyed(t, ProviderSettings{})
	if got := k.ask(minted(t, "-sensor", "a1"), "192.0.2.1", "POST", "/readings", aReading); got.Code != http.StatusCreated {
		t.Fatal(got.Code)
	}
	var asked atomic.Int64
	var key atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		key.Store(r.Header.Get("Authorization"))
		k.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	w := &website{backend: server.URL, tokens: &tokens{[]byte(jwtSecret)}, client: server.Client(), log: slog.New(slog.DiscardHandler)}
	began := time.Now()
	const looks = 200
	for range looks {
		if status, body := ask(w.routes(), "GET", "/", ""); status != http.StatusOK || !strings.Contains(body, "<td>a1</td>") {
			t.Fatalf("%d %s", status, body)
		}
	}
	if most := 1 + int64(time.Since(began)/freshness); asked.Load() > most {
		t.Errorf("%d looks in %s asked the API %d times", looks, time.Since(began), asked.Load())
	}
	header, _ := key.Load().(string)
	who, err := tokens{[]byte(jwtSecret)}.check(strings.TrimPrefix(header, "Bearer "))
	if err != nil || !who.may(scopeRead) || who.may(scopeWrite) || who.may(scopeAssign) {
		t.Errorf("its key: %+v, %v", who, err)
	}
}
