package host

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRegistryThatAnswersAnythingIsReachable(t *testing.T) {
	var asked string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")

	got := lookRegistry(context.Background(), server.Client().Transport, host, server.URL)
	if got.State != StateOK || asked != "/v2/" {
		t.Errorf("asked for %q: %+v", asked, got)
	}
	stranger := Registry(host).Look(context.Background())
	compare(t, []expectation{{"a certificate of its own", stranger, StateWarn, "answers, but not with a certificate"}})
}

func TestRegistryThatSpeaksPlainHTTPIsAWarning(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	got := Registry(strings.TrimPrefix(server.URL, "http://")).Look(context.Background())
	compare(t, []expectation{{"plain HTTP", got, StateWarn, "answers, but not with a certificate"}})
}

func TestRegistryThatIsNotThereIsAFailure(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	got := Registry(host).Look(context.Background())
	compare(t, []expectation{{"closed port", got, StateFail, "cannot be reached: dial tcp"}})
}

// silenced is the address of a server that is gone.
func silenced(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

func TestRegistryWithAMirrorThatAnswersIsReachable(t *testing.T) {
	var asked []string
	mirror := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.Path) }))
	t.Cleanup(mirror.Close)
	host := strings.TrimPrefix(silenced(t), "http://")
	got := Registry(host, silenced(t), mirror.URL+"/").Look(context.Background())
	if compare(t, []expectation{{"the second mirror", got, StateOK, mirror.URL}}); len(asked) != 1 || asked[0] != "/v2/" {
		t.Errorf("asked for %q", asked)
	}
	got = Registry(host, silenced(t)).Look(context.Background())
	compare(t, []expectation{{"no mirror, no registry", got, StateFail, host + " cannot be reached"}})
}

func TestDockersNameLeadsToItsRegistry(t *testing.T) {
	for host, want := range map[string]string{"docker.io": "registry-1.docker.io", "ghcr.io": "ghcr.io"} {
		if got := endpoint(host); got != want {
			t.Errorf("%s leads to %s", host, got)
		}
	}
}
