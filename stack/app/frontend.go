package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

//go:embed frontend.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

const (
	largestAnswer = 1 << 20 // of a page of the backend's list
	mostPages     = 5       // of largestLimit sensors; who has more needs another page than this one
	freshness     = time.Second
	keyLifetime   = time.Minute
)

// website renders what the API says. The page is everybody's; however many look at it, the API is asked once a second.
type website struct {
	backend string
	tokens  *tokens // mints the key with which the API is asked; nil where it asks for none
	client  *http.Client
	log     *slog.Logger

	mu    sync.Mutex
	asked time.Time
	said  latest
}

// latest is what the API said last.
type latest struct {
	rows []row
	more bool // there are sensors beyond these
	err  error
}

// row is a sensor as the page shows it.
type row struct{ Sensor }

// Flagged says whether the latest reading is an excursion.
func (r row) Flagged() bool { return r.Excursion != nil && *r.Excursion }

// State says it in words: colour must not be the only sign.
func (r row) State() string {
	switch {
	case r.Excursion == nil:
		return "not checked yet"
	case *r.Excursion:
		return "excursion"
	}
	return "in range"
}

func frontend(ctx context.Context, s Settings, log *slog.Logger) error {
	w := &website{backend: s.BackendURL, client: &http.Client{Timeout: 3 * time.Second}, log: log}
	if s.JWTSecret != "" {
		w.tokens = &tokens{[]byte(s.JWTSecret)}
	}
	return listenAndServe(ctx, cmp.Or(s.Listen, defaultListen["frontend"]), w.routes(), log)
}

func (w *website) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.show)
	mux.HandleFunc("GET /health", healthy)
	return mux
}

func (w *website) show(response http.ResponseWriter, request *http.Request) {
	view := struct {
		Sensors           []row
		More, Unavailable bool
		Version           string
	}{Version: version}
	status := http.StatusOK
	said := w.sensors(request.Context())
	view.Sensors, view.More = said.rows, said.more
	if said.err != nil {
		view.Unavailable, status = true, http.StatusBadGateway
	}
	var body bytes.Buffer
	if err := page.Execute(&body, view); err != nil {
		w.log.Error("render page", "error", err)
		http.Error(response, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	header := response.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	header.Set("Cache-Control", "no-store")
	response.WriteHeader(status)
	_, _ = body.WriteTo(response) // the client is gone; there is nobody to tell
}

// sensors returns what the API said within the last second, or says now.
func (w *website) sensors(ctx context.Context) latest {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.asked) < freshness {
		return w.said
	}
	// The answer is for all that look; the one who asked may have gone.
	w.said = w.askAll(context.WithoutCancel(ctx))
	w.asked = time.Now()
	if w.said.err != nil {
		w.log.Error("read sensors", "error", w.said.err)
	}
	return w.said
}

func (w *website) askAll(ctx context.Context) (all latest) {
	after := ""
	for range mostPages {
		rows, err := w.askPage(ctx, after)
		if err != nil {
			return latest{err: err}
		}
		all.rows = append(all.rows, rows...)
		if len(rows) < largestLimit {
			return all
		}
		after = rows[len(rows)-1].Sensor.Sensor
	}
	all.more = true
	return all
}

func (w *website) askPage(ctx context.Context, after string) ([]row, error) {
	query := url.Values{"limit": {strconv.Itoa(largestLimit)}, "after": {after}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.backend+"/sensors?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if w.tokens != nil {
		key, err := w.tokens.mint("frontend", scopeRead, keyLifetime)
		if err != nil {
			return nil, fmt.Errorf("mint token: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /sensors: %s", response.Status)
	}
	var rows []row
	if err := json.NewDecoder(io.LimitReader(response.Body, largestAnswer)).Decode(&rows); err != nil {
		return nil, fmt.Errorf("decode sensors: %w", err)
	}
	return rows, nil
}
