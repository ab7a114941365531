//go:build engine

package targets_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slipway"
)

var caddyImage = serverImages("caddy")

// caddyfile forwards as that of the reference stack does: it asks for the addresses anew, and tries another one.
const caddyfile = `{
	admin off
	auto_https off
}
:80 {
	reverse_proxy {
		dynamic a web 8080 {
			refresh 100ms
			resolvers 127.0.0.11:53
			dial_timeout 1s
		}
		lb_policy random
		lb_try_duration 15s
		lb_try_interval 50ms
		transport http {
			dial_timeout 250ms
		}
	}
}
`

// behindCaddy is a stack that is asked through Caddy, by clients and by verify.
func behindCaddy(t *testing.T) (d *demo, port int) {
	t.Helper()
	caddyImage(t)
	port = freePort(t)
	d = newDemo(t, map[string]string{
		"Caddyfile": caddyfile, "page": "page 0",
		"compose.yaml": fmt.Sprintf(`
services:
  caddy:
    image: slipway-test/caddy:2.11
    ports: ["127.0.0.1:%d:80"]
    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro"]
    dns_opt: ["ndots:1"]
    dns_search: ["."]
  web:
    image: @P/demo:1
    environment: {FILE: /page}
    volumes: ["./page:/page:ro"]
    healthcheck: {test: [CMD, /program, check], interval: 1s}
`, port),
	})
	d.image("demo:1")
	d.stack.Destinations[0].Endpoints = []slipway.Endpoint{{URL: fmt.Sprintf("http://127.0.0.1:%d/", port), Ready: "page"}}
	d.deploy(0)
	return d, port
}

// requests are sent to a port, some 500 a second, while something is done.
func requests(port int, act func()) load {
	const clients, pace = 10, 20 * time.Millisecond
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var sent, failed atomic.Int64
	var first atomic.Value
	over := make(chan struct{})
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			for ticks := time.NewTicker(pace); ; {
				select {
				case <-over:
					return
				case <-ticks.C:
				}
				sent.Add(1)
				response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
				if err == nil {
					_, err = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					if response.StatusCode != http.StatusOK {
						err = fmt.Errorf("it answers %s", response.Status)
					}
				}
				if err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err.Error())
				}
			}
		})
	}
	act()
	close(over)
	asking.Wait()
	client.CloseIdleConnections()
	came := load{sent: sent.Load(), failed: failed.Load()}
	came.first, _ = first.Load().(string)
	return came
}

func TestNoRequestIsDroppedWhileADeploymentFailsAndGoesBack(t *testing.T) { goesBackUnderLoad(t, 1) }

// goesBackUnderLoad has releases that fail in two ways, and one that is taken back, until so many requests have been sent.
func goesBackUnderLoad(t *testing.T, least int64) {
	d, port := behindCaddy(t)
	compose := d.read("compose.yaml")
	var all load
	for n := 1; all.sent < least; n++ {
		came := requests(port, func() {
			// A container that never becomes healthy.
			d.write("compose.yaml", strings.Replace(compose, "[CMD, /program, check]", "[CMD, /program, no-such-verb]", 1))
			d.returned("-timeout=5s")
			// One that is healthy, and does not answer what it has to from outside.
			d.write("compose.yaml", compose)
			d.write("page", fmt.Sprintf("no good, %d", n))
			d.returned()
			// One that is good, and not wanted.
			d.write("page", fmt.Sprintf("page %d", n))
			d.deploy(0)
			d.rollback(0)
		})
		all = load{sent: all.sent + came.sent, failed: all.failed + came.failed, first: all.first + came.first}
		if all.failed > 0 {
			t.Fatalf("%d of %d requests failed, the first: %s", all.failed, all.sent, all.first)
		}
		d.answersTo(port, "v1  page 0")
	}
	t.Logf("%d requests, %d failed", all.sent, all.failed)
}

// returned deploys what is to fail, and fails the test unless the release that served serves again.
func (d *demo) returned(flags ...string) {
	d.t.Helper()
	if got := d.deploy(4, flags...); !strings.Contains(got.stderr, "serves again, verified") {
		d.t.Errorf("nothing went back: %s", got)
	}
}
