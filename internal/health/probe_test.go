package health

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// first asks one address until it has told anything: that it is well, or why not.
func first(t *testing.T, address Address) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return Ask(ctx, []Address{address}, 1, func(Answer) { cancel() })[0]
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestAskWantsSeveralPassesInARow(t *testing.T) {
	var asked atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n := asked.Add(1); n == 1 || n == 4 { // fails, passes twice, fails, passes
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, "ready")
	})
	var told []string
	answers := Ask(t.Context(), []Address{{Name: "web", URL: server.URL + "/health?token=x", Want: "ready"}}, 3,
		func(a Answer) { told = append(told, a.Reason) })
	if a := answers[0]; !a.OK || a.Passes != 3 || a.Reason != "" || asked.Load() != 7 {
		t.Errorf("%+v after %d questions", a, asked.Load())
	}
	if told[0] != "GET /health: 503" {
		t.Errorf("%q", told)
	}
}

func TestAskSaysWhatIsWrong(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "https://elsewhere.example", http.StatusPermanentRedirect)
		case "/sick":
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, `{"status":"degraded"}`)
	})
	for name, c := range map[string]struct {
		address Address
		reason  string
	}{
		"status":   {Address{URL: server.URL + "/sick"}, "GET /sick: 500"},
		"redirect": {Address{URL: server.URL + "/moved"}, "GET /moved: 308"},
		"body":     {Address{URL: server.URL, Want: `"ok"`}, `GET /: 200, but the body does not contain "\"ok\""`},
		"other":    {Address{URL: server.URL, Status: 204}, "GET /: 200"},
		"refused":  {Address{URL: "http://user:word@" + closed + "/x"}, "connection refused"},
		"tcp":      {Address{URL: "tcp://" + closed}, "connection refused"},
		"via":      {Address{URL: "http://name.invalid/x", Via: closed}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			a := first(t, c.address)
			if a.OK || !strings.HasSuffix(a.Reason, c.reason) {
				t.Errorf("%+v, want %q", a, c.reason)
			}
			if strings.Contains(a.Reason+a.URL, "word") {
				t.Errorf("the password shows: %+v", a)
			}
		})
	}
}

func TestAskReachesANameThatDoesNotLeadHereYet(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Host)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of clients that do not believe it
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	address := Address{
		URL: "https://example.com/", Want: "example.com", Via: server.Listener.Addr().String(), RootCAs: roots,
	}
	if a := first(t, address); !a.OK {
		t.Errorf("%+v", a)
	}
	address.RootCAs = nil
	if a := first(t, address); a.OK || !strings.Contains(a.Reason, "certificate") {
		t.Errorf("believed an unknown certificate: %+v", a)
	}
	address.InsecureCA = true
	if a := first(t, address); !a.OK {
		t.Errorf("%+v", a)
	}
}

func TestAskConnectsToAPort(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	if a := Ask(t.Context(), []Address{{URL: "tcp://" + server.Listener.Addr().String()}}, 3, nil)[0]; !a.OK || a.Passes != 3 {
		t.Errorf("%+v", a)
	}
}

func TestAskAsksAllAddressesAtOnce(t *testing.T) {
	arrived := make(chan struct{}, 2)
	both := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select { // each is answered only once the other has asked, too
		case <-both:
		case <-r.Context().Done():
		}
	})
	go func() {
		<-arrived
		<-arrived
		close(both)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	for _, a := range Ask(ctx, []Address{{URL: server.URL + "/a"}, {URL: server.URL + "/b"}}, 1, nil) {
		if !a.OK {
			t.Errorf("%+v", a)
		}
	}
}
