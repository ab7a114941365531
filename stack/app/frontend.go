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
	"time"
)

//go:embed frontend.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// largestAnswer bounds what the frontend reads of the backend's answer.
const largestAnswer = 8 << 20

// website renders what the API says.
type website struct {
	backend string
	client  *http.Client
	log     *slog.Logger
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
		Sensors     []row
		Unavailable bool
		Version     string
	}{Version: version}
	status := http.StatusOK
	var err error
	if view.Sensors, err = w.sensors(request.Context()); err != nil {
		w.log.Error("read sensors", "error", err)
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

func (w *website) sensors(ctx context.Context) ([]row, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.backend+"/sensors", nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
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
