package main

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	pollInterval  = 500 * time.Millisecond // without Redis the table is the queue
	sweepInterval = 10 * time.Second       // with Redis it only holds what the queue lost
	sweepBatch    = 500
	sweepTimeout  = 10 * time.Second
	staleAfter    = 30 * time.Second // without a successful sweep the worker is not healthy
)

// worker flags readings outside their zone's range.
type worker struct {
	store   Store
	metrics *metrics
	log     *slog.Logger
	swept   atomic.Int64 // when the last sweep succeeded, in nanoseconds since 1970
}

func work(ctx context.Context, s Settings, log *slog.Logger) (err error) {
	store, err := OpenStore(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	w := &worker{store: store, metrics: newMetrics(), log: log}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- listenAndServe(ctx, cmp.Or(s.Listen, defaultListen["worker"]), w.routes(), log)
	}()

	interval, stop := pollInterval, func() {}
	if s.RedisAddr != "" {
		interval = sweepInterval
		if stop, err = consume(s, log, w.check); err != nil {
			return err
		}
	}
	w.sweepEvery(ctx, interval)
	stop()
	return <-served
}

func (w *worker) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(response http.ResponseWriter, request *http.Request) {
		if time.Since(time.Unix(0, w.swept.Load())) > staleAfter {
			writeJSON(response, http.StatusServiceUnavailable, map[string]string{"status": "the database is not available", "version": version})
			return
		}
		healthy(response, request)
	})
	mux.Handle("GET /metrics", w.metrics.handler())
	return mux
}

// sweepEvery returns when ctx ends, never in the middle of a batch.
func (w *worker) sweepEvery(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		err := w.sweep(ctx)
		switch {
		case err == nil:
			w.swept.Store(time.Now().UnixNano())
			failing = false
		case !failing: // a database that is away is worth one line, not two a second
			w.log.Error("sweep", "error", err)
			failing = true
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *worker) sweep(ctx context.Context) error {
	for {
		batch, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTimeout)
		excursions, err := w.store.CheckUnchecked(batch, sweepBatch)
		cancel()
		if err != nil {
			return err
		}
		w.report(excursions)
		if len(excursions) < sweepBatch || ctx.Err() != nil {
			return nil
		}
	}
}

// check gives the verdict on the one reading that the queue named.
func (w *worker) check(ctx context.Context, id int64) error {
	excursions, err := w.store.CheckReading(ctx, id)
	if err != nil {
		return err
	}
	w.report(excursions)
	return nil
}

func (w *worker) report(excursions []bool) {
	found := 0
	for _, excursion := range excursions {
		if excursion {
			found++
		}
	}
	w.metrics.checked.Add(float64(len(excursions)))
	w.metrics.excursions.Add(float64(found))
	if found > 0 {
		w.log.Info("excursions", "found", found, "checked", len(excursions))
	}
}
