package main

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	callerRate  = 20 // requests a second, on average
	callerBurst = 100
	mostCallers = 10_000 // whose rate is remembered; the one longest silent is forgotten first
)

// limits holds each caller to a rate.
type limits struct {
	mu      sync.Mutex
	callers *lru.Cache[string, *rate.Limiter]
}

func newLimits() *limits {
	callers, err := lru.New[string, *rate.Limiter](mostCallers)
	if err != nil {
		panic(err) // only a size below one is refused
	}
	return &limits{callers: callers}
}

func (l *limits) allow(who string) bool {
	l.mu.Lock()
	limiter, ok := l.callers.Get(who)
	if !ok {
		limiter = rate.NewLimiter(callerRate, callerBurst)
		l.callers.Add(who, limiter)
	}
	l.mu.Unlock()
	return limiter.Allow()
}

// addressOf is where a request comes from, as the proxy before this service says: it puts the address that it saw last. An
// IPv6 customer has a whole /64.
func addressOf(r *http.Request) string {
	text := r.RemoteAddr
	if forwarded := r.Header.Values("X-Forwarded-For"); len(forwarded) > 0 {
		all := strings.Split(forwarded[len(forwarded)-1], ",")
		text = strings.TrimSpace(all[len(all)-1])
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return "unknown"
		}
		address = withPort.Addr()
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}
