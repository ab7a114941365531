package registry_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	tiny "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/internal/registry"
)

// serve is a real registry that has shop:1, behind what stands before it. It returns its host and port.
func serve(t *testing.T, before func(http.Handler) http.Handler) string {
	t.Helper()
	inner := tiny.New(tiny.Logger(log.New(io.Discard, "", 0)))
	guard := inner
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { guard.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ref, err := name.ParseReference(host + "/shop:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, empty.Image); err != nil {
		t.Fatal(err)
	}
	if before != nil {
		guard = before(inner)
	}
	return host
}

func TestAnImageThatIsThereIsThere(t *testing.T) {
	t.Parallel()
	host := serve(t, nil)
	answers := registry.Ask(t.Context(), host+"/shop:1", host+"/shop:2", host+"/other:1")
	if a := answers[0]; !a.There() || a.Busy() || a.Missing() || a.Forbidden() || a.Err != nil || a.Host != host {
		t.Errorf("shop:1: %+v", a)
	}
	for _, a := range answers[1:] {
		if a.There() || !a.Missing() || a.String() != fmt.Sprintf("%s has no %s: the image or the tag does not exist there (404)", host, a.Image) {
			t.Errorf("%s: %+v", a, a)
		}
	}
}

func TestCaseE1ABusyRegistryIsAskedOnceAndSaysForHowLong(t *testing.T) {
	t.Parallel()
	for status, after := range map[int]string{429: "7", 503: time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 500: "", 502: "soon"} {
		asked := 0
		host := serve(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					asked++
				}
				if r.URL.Path == "/v2/" {
					return
				}
				if after != "" {
					w.Header().Set("Retry-After", after)
				}
				w.WriteHeader(status)
			})
		})
		a := registry.Ask(t.Context(), host+"/shop:1")[0]
		if a.Status != status || !a.Busy() || asked != 1 || !strings.Contains(a.String(), fmt.Sprint(status)) {
			t.Errorf("%d: %+v, asked %d times", status, a, asked)
		}
		if status == 429 && a.RetryAfter != 7*time.Second || status == 503 && a.RetryAfter < 59*time.Minute || status < 503 && a.RetryAfter != 0 && status != 429 {
			t.Errorf("%d: to be left alone for %s", status, a.RetryAfter)
		}
	}
}

func TestCaseE1AQuotaThatIsUsedUpCountsThoughTheQuestionIsFree(t *testing.T) {
	t.Parallel()
	for left, busy := range map[string]bool{"0;w=21600": true, "0": true, "20;w=21600": false, "": false} {
		host := serve(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("RateLimit-Remaining", left)
				next.ServeHTTP(w, r)
			})
		})
		if a := registry.Ask(t.Context(), host+"/shop:1")[0]; a.Busy() != busy || a.There() == busy {
			t.Errorf("%q: %+v", left, a)
		}
	}
}

func TestCaseE1TheOperatorsCredentialsAreUsed(t *testing.T) {
	host := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "anna" || password != "canary" {
				w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", home)
	if a := registry.Ask(t.Context(), host+"/shop:1")[0]; !a.Forbidden() || a.Host != host {
		t.Errorf("without credentials: %+v", a)
	}
	login := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("anna:canary")))
	if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := registry.Ask(t.Context(), host+"/shop:1")[0]; !a.There() {
		t.Errorf("with credentials: %+v", a)
	}
}

func TestCaseE1ARegistryThatIsNotThereGivesTheReason(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	_ = listener.Close()
	if a := registry.Ask(t.Context(), host+"/shop:1")[0]; a.Status != 0 || !errors.Is(a.Err, syscall.ECONNREFUSED) || !strings.HasPrefix(a.String(), host+" cannot be reached: ") {
		t.Errorf("%v: %+v", a, a)
	}
	var name *net.DNSError
	if a := registry.Ask(t.Context(), "nowhere.invalid/shop:1")[0]; a.Status != 0 || !errors.As(a.Err, &name) {
		t.Errorf("%v: %+v", a, a)
	}
	if a := registry.Ask(t.Context(), "not an image")[0]; a.Err == nil || a.There() {
		t.Errorf("%+v", a)
	}
}

func TestAnyLoopbackAddressIsAskedAsTheEngineDoes(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.7:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: tiny.New(tiny.Logger(log.New(io.Discard, "", 0)))}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	if a := registry.Ask(t.Context(), listener.Addr().String()+"/shop:1")[0]; !a.Missing() {
		t.Errorf("%v: %+v", a, a)
	}
}
