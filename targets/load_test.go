//go:build engine

package targets_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// startFirstThroughCaddy replaces backend and frontend of the reference stack while clients read and write through Caddy.
func startFirstThroughCaddy(t *testing.T) {
	t.Parallel()
	s := newProduction(t)
	s.env["COMPOSE_PROFILES"] = "" // no monitoring: the two that start first are the subject
	s.deploy(0, "-skip=firewall,fail2ban")
	before := s.containers()
	s.edit("stack/app/frontend.html", "</body>", "<!-- new --></body>")
	load := s.underLoad(func() { s.deploy(0, "-skip=firewall,fail2ban") })
	if now := s.containers(); now["backend"] == before["backend"] || now["postgres"] != before["postgres"] {
		t.Errorf("want a new backend beside the same postgres:\n%v\n%v", before, now)
	}
	if load.failed > 0 || load.sent == 0 {
		t.Errorf("%d of %d requests failed, the first: %s", load.failed, load.sent, load.first)
	}
	t.Logf("%d requests, %d failed", load.sent, load.failed)
}

// load is what came of the requests that were sent meanwhile.
type load struct {
	sent, failed int64
	first        string // the first failure
}

// underLoad sends requests through Caddy, reads and writes, at a steady pace until the work is done.
func (s *site) underLoad(work func()) load {
	s.t.Helper()
	const clients, pace = 8, 40 * time.Millisecond
	via := net.JoinHostPort("127.0.0.1", s.env["CADDY_HTTPS_PORT"])
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the authority is Caddy's own, made a minute ago
		MaxIdleConnsPerHost: clients,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", via)
		},
	}}
	keys := make([]string, clients)
	for n := range keys {
		keys[n] = s.key("-sensor", fmt.Sprintf("load-%d", n))
	}
	var sent, failed atomic.Int64
	var first atomic.Value
	ctx, stop := context.WithCancel(context.Background())
	var clientsDone sync.WaitGroup
	for n := range clients {
		clientsDone.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				err := ask(client, keys[n], n, i)
				sent.Add(1)
				if err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err.Error())
				}
				select {
				case <-ctx.Done():
				case <-time.After(pace):
				}
			}
		})
	}
	work()
	stop()
	clientsDone.Wait()
	client.CloseIdleConnections()
	result := load{sent: sent.Load(), failed: failed.Load()}
	result.first, _ = first.Load().(string)
	return result
}

// ask sends one request, in turn a write with the key of its sensor, a read of the backend and a read of the frontend.
func ask(client *http.Client, key string, n, i int) error {
	method, path, want := http.MethodGet, "/", http.StatusOK
	body := ""
	switch i % 3 {
	case 0:
		method, path, want = http.MethodPost, "/readings", http.StatusCreated
		body = fmt.Sprintf(`{"sensor":"load-%d","celsius":-18}`, n)
	case 1:
		path = "/health/ready"
	}
	request, err := http.NewRequest(method, "https://"+testDomain+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPost {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != want {
		return fmt.Errorf("%s %s: %s %w: %s", method, path, response.Status, err, text)
	}
	return nil
}
