package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"time"
)

const (
	largestBody   = 64 << 10
	absoluteZero  = -273.15
	hottest       = 1000.0
	clockSkew     = 5 * time.Minute
	enqueueBudget = time.Second
)

var sensorName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// backend is the API.
type backend struct {
	store   Store
	queue   *queue // nil without Redis
	guard   *guard // nil where no key is asked for
	metrics *metrics
	log     *slog.Logger
}

func serve(ctx context.Context, s Settings, log *slog.Logger) (err error) {
	store, err := OpenStore(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	b := &backend{store: store, guard: newGuard(s, log), metrics: newMetrics(), log: log}
	if s.RedisAddr != "" {
		b.queue = openQueue(s, log)
		defer func() { err = cmp.Or(err, b.queue.Close()) }()
	}
	if state, ok := b.readiness(ctx); !ok {
		log.Warn("not ready yet", "state", state)
	}
	return listenAndServe(ctx, cmp.Or(s.Listen, defaultListen["backend"]), b.routes(), log)
}

func (b *backend) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /readings", b.guard.needs(scopeWrite, b.postReading))
	mux.HandleFunc("GET /readings", b.guard.needs(scopeRead, b.getReadings))
	mux.HandleFunc("GET /sensors", b.guard.needs(scopeRead, b.getSensors))
	mux.HandleFunc("PUT /sensors/{sensor}", b.guard.needs(scopeAssign, b.putSensor))
	mux.HandleFunc("GET /health", healthy)
	mux.HandleFunc("GET /health/ready", b.ready)
	mux.Handle("GET /metrics", b.metrics.handler())
	return b.metrics.count(mux)
}

// postReading answers 201 only after the reading is on disk. The queue is told afterwards: a reading that it never hears of
// is found by the worker's sweep, so its failure is not the sensor's concern.
func (b *backend) postReading(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Sensor  string     `json:"sensor"`
		Celsius *float64   `json:"celsius"`
		At      *time.Time `json:"at"`
	}
	if err := readJSON(w, r, &body); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	now := time.Now()
	at := cmp.Or(body.At, &now)
	switch {
	case !sensorName.MatchString(body.Sensor):
		refuse(w, http.StatusBadRequest, "sensor: 1 to 64 letters, digits, '.', '_' or '-'")
		return
	case body.Celsius == nil || math.IsNaN(*body.Celsius) || *body.Celsius < absoluteZero || *body.Celsius > hottest:
		refuse(w, http.StatusBadRequest, "celsius: a number from -273.15 to 1000")
		return
	case at.After(now.Add(clockSkew)) || at.Year() < 2000:
		refuse(w, http.StatusBadRequest, "at: a time from the year 2000 until now")
		return
	case !mayWrite(r, body.Sensor):
		refuse(w, http.StatusForbidden, "sensor: this key is for another one")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	reading, err := b.store.Add(ctx, Reading{Sensor: body.Sensor, Celsius: *body.Celsius, At: at.UTC().Truncate(time.Millisecond)})
	if err != nil {
		b.fail(w, "add reading", err)
		return
	}
	b.metrics.readings.Inc()
	if b.queue != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), enqueueBudget)
		defer cancel()
		if err := b.queue.Enqueue(ctx, reading.ID); err != nil {
			b.log.Warn("reading left to the worker's sweep", "id", reading.ID, "error", err)
		}
	}
	writeJSON(w, http.StatusCreated, reading)
}

func (b *backend) getReadings(w http.ResponseWriter, r *http.Request) {
	limit, err := limitOf(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	after, err := parsePlace(r.FormValue("after"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	readings, err := b.store.Readings(ctx, r.FormValue("sensor"), after, limit+1)
	if err != nil {
		b.fail(w, "list readings", err)
		return
	}
	writePage(w, r, readings, limit, func(last Reading) string { return Place{last.At, last.ID}.String() })
}

func (b *backend) getSensors(w http.ResponseWriter, r *http.Request) {
	limit, err := limitOf(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	sensors, err := b.store.Sensors(ctx, r.FormValue("after"), limit+1)
	if err != nil {
		b.fail(w, "list sensors", err)
		return
	}
	writePage(w, r, sensors, limit, func(last Sensor) string { return last.Sensor })
}

func (b *backend) putSensor(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Zone string `json:"zone"`
	}
	if err := readJSON(w, r, &body); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	sensor := r.PathValue("sensor")
	if !sensorName.MatchString(sensor) {
		refuse(w, http.StatusBadRequest, "sensor: 1 to 64 letters, digits, '.', '_' or '-'")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	switch err := b.store.Assign(ctx, sensor, body.Zone); {
	case errors.Is(err, ErrNoZone):
		refuse(w, http.StatusBadRequest, "zone: no such zone")
	case err != nil:
		b.fail(w, "assign zone", err)
	default:
		writeJSON(w, http.StatusOK, map[string]string{"sensor": sensor, "zone": body.Zone})
	}
}

// ready answers whether a request could be served now.
func (b *backend) ready(w http.ResponseWriter, r *http.Request) {
	state, ok := b.readiness(r.Context())
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, state)
}

// readiness keeps the causes in the log: the answer is public.
func (b *backend) readiness(ctx context.Context) (map[string]string, bool) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	state := map[string]string{"version": version, "database": "connected"}
	applied, err := b.store.Applied(ctx)
	missing, missingErr := pending(applied)
	switch err := cmp.Or(err, missingErr); {
	case err != nil:
		b.log.Warn("database", "error", err)
		state["database"] = "unavailable"
	case len(missing) > 0:
		state["database"] = "migrations pending"
	}
	ok := state["database"] == "connected"
	if b.queue != nil {
		state["queue"] = "connected"
		if err := b.queue.Ping(); err != nil {
			b.log.Warn("queue", "error", err)
			state["queue"] = "unavailable"
			ok = false
		}
	}
	return state, ok
}

func (b *backend) fail(w http.ResponseWriter, what string, err error) {
	if errors.Is(err, ErrTooManySensors) {
		refuse(w, http.StatusConflict, "sensor: it is not known, and there may be no more")
		return
	}
	b.log.Error(what, "error", err)
	refuse(w, http.StatusServiceUnavailable, "the database is not available")
}

func refuse(w http.ResponseWriter, status int, reason string) {
	writeJSON(w, status, map[string]string{"error": reason})
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errors.New("the body is not the JSON object that is expected here")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after the JSON object")
	}
	return nil
}
