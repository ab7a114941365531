package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const pace = 500 // requests a second

// traffic is what came of the requests of one round.
type traffic struct {
	sent, dropped int
	gap           time.Duration // the longest time between two answers
	first         string        // why the first one was dropped
}

// underLoad sends requests at the pace, each for itself, from before the work until it is done and least were sent.
func underLoad(ctx context.Context, url string, least int, work func() error) (traffic, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: pace, MaxIdleConns: pace}
	defer transport.CloseIdleConnections()
	client := &http.Client{Timeout: 30 * time.Second, Transport: transport}
	done := make(chan error, 1)
	time.AfterFunc(time.Second, func() { done <- work() }) // the load is steady by then
	tick := time.NewTicker(time.Second / pace)
	defer tick.Stop()
	began := time.Now()

	var requests sync.WaitGroup
	result := &tally{last: time.Now()}
	for sent, working := 0, true; working || sent < least; {
		select {
		case err := <-done:
			if err != nil {
				requests.Wait()
				return traffic{}, err
			}
			working = false
		case <-tick.C: // a ticker leaves out what a busy machine cannot take in time; the pace does not
			for due := int(time.Since(began).Seconds() * pace); sent < due; sent++ {
				requests.Go(func() { result.add(get(ctx, client, url), time.Now()) })
			}
		}
	}
	requests.Wait()
	return result.traffic, ctx.Err()
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// tally counts answers as they come in.
type tally struct {
	mu sync.Mutex
	traffic
	last time.Time // the last good answer
}

func (t *tally) add(err error, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	if err != nil {
		t.dropped++
		if t.first == "" {
			t.first = err.Error()
		}
		return
	}
	t.gap = max(t.gap, at.Sub(t.last))
	if at.After(t.last) {
		t.last = at
	}
}
