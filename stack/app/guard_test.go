package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const jwtSecret = "0123456789abcdef0123456789abcdef0123456789abcdef"

// keyed is an API that asks for a key, and all that it logs.
type keyed struct {
	t       *testing.T
	handler http.Handler
	log     *bytes.Buffer
}

func newKeyed(t *testing.T, provider ProviderSettings) *keyed {
	t.Helper()
	s := freshSQLite(t)
	s.JWTSecret, s.Provider = jwtSecret, provider
	log := &bytes.Buffer{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	b := &backend{store: openStore(t, s), guard: newGuard(s, logger), metrics: newMetrics(), log: logger}
	return &keyed{t, b.routes(), log}
}

// ask sends a request with an Authorization header, from an address as Caddy says it.
func (k *keyed) ask(authorization, from, method, path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	request.Header.Set("X-Forwarded-For", from)
	recorder := httptest.NewRecorder()
	k.handler.ServeHTTP(recorder, request)
	return recorder
}

// minted is what the command prints, as a header.
func minted(t *testing.T, arguments ...string) string {
	t.Helper()
	var output bytes.Buffer
	if err := token(Settings{JWTSecret: jwtSecret}, arguments, &output); err != nil {
		t.Fatal(err)
	}
	if strings.Count(output.String(), "\n") != 1 || strings.Count(output.String(), ".") != 2 {
		t.Fatalf("not a token alone: %d lines", strings.Count(output.String(), "\n"))
	}
	return "Bearer " + strings.TrimSpace(output.String())
}

// signed is a token of any kind that somebody may try.
func signed(t *testing.T, method jwt.SigningMethod, secret any, change func(*claims)) string {
	t.Helper()
	c := claims{RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "a1", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}, Scope: scopeWrite + " " + scopeRead}
	change(&c)
	text, err := jwt.NewWithClaims(method, c).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + text
}

const aReading = `{"sensor":"a1","celsius":-18}`

func TestAKeyOpensWhatItIsForAndNothingElse(t *testing.T) {
	k := newKeyed(t, ProviderSettings{})
	sensor, other, reader := minted(t, "-sensor", "a1"), minted(t, "-sensor", "b2", "-days", "1"), minted(t, "-reader", "screen")
	for _, c := range []struct {
		name, key, method, path, body string
		want                          int
	}{
		{"its own reading", sensor, "POST", "/readings", aReading, 201},
		{"another sensor's reading", other, "POST", "/readings", aReading, 403},
		{"a sensor reads", sensor, "GET", "/readings", "", 403},
		{"a sensor reads the sensors", sensor, "GET", "/sensors", "", 403},
		{"a sensor assigns a zone", sensor, "PUT", "/sensors/a1", `{"zone":"chilled"}`, 403},
		{"a reader reads", reader, "GET", "/readings", "", 200},
		{"a reader reads the sensors", reader, "GET", "/sensors", "", 200},
		{"a reader writes", reader, "POST", "/readings", aReading, 403},
		{"no key, writing", "", "POST", "/readings", aReading, 401},
		{"no key, reading", "", "GET", "/sensors", "", 401},
		{"no key, assigning", "", "PUT", "/sensors/a1", `{"zone":"chilled"}`, 401},
		{"no key, health", "", "GET", "/health", "", 200},
		{"no key, readiness", "", "GET", "/health/ready", "", 200},
		{"no key, metrics", "", "GET", "/metrics", "", 200},
	} {
		if got := k.ask(c.key, "192.0.2.1", c.method, c.path, c.body); got.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got.Code, got.Body, c.want)
		} else if challenge := got.Header().Get("WWW-Authenticate"); (c.want == 401) != strings.HasPrefix(challenge, "Bearer ") {
			t.Errorf("%s: WWW-Authenticate: %q", c.name, challenge)
		}
	}
}

func TestAForgedOrSpentKeyIsRefused(t *testing.T) {
	k := newKeyed(t, ProviderSettings{})
	secret := []byte(jwtSecret)
	good := signed(t, jwt.SigningMethodHS256, secret, func(*claims) {})
	if got := k.ask(good, "192.0.2.1", "POST", "/readings", aReading); got.Code != 201 {
		t.Fatalf("the one that is right: %d", got.Code)
	}
	for name, key := range map[string]string{
		"another secret":     signed(t, jwt.SigningMethodHS256, []byte(strings.ToUpper(jwtSecret)), func(*claims) {}),
		"another algorithm":  signed(t, jwt.SigningMethodHS512, secret, func(*claims) {}),
		"no algorithm":       signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, func(*claims) {}),
		"expired":            signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Second)) }),
		"no expiry":          signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.ExpiresAt = nil }),
		"another audience":   signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.Audience = jwt.ClaimStrings{"another-api"} }),
		"no audience":        signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.Audience = nil }),
		"another issuer":     signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.Issuer = "somebody" }),
		"nobody's":           signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.Subject = "" }),
		"not yet":            signed(t, jwt.SigningMethodHS256, secret, func(c *claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Hour)) }),
		"cut off":            good[:len(good)-1],
		"another scheme":     strings.Replace(good, "Bearer", "Basic", 1),
		"not a token":        "Bearer hunter2",
		"longer than it may": good + strings.Repeat("x", longestToken),
	} {
		got := k.ask(key, "192.0.2.1", "POST", "/readings", aReading)
		if got.Code != 401 {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
		if part := key[max(0, len(key)-20):]; strings.Contains(got.Body.String()+k.log.String(), part) {
			t.Errorf("%s: the key is told", name)
		}
	}
}

func TestTheCommandRefusesWhatIsNoKeyForOneName(t *testing.T) {
	for _, arguments := range [][]string{
		nil, {"-sensor", ""}, {"-sensor", "a b"}, {"-sensor", "a", "-reader", "b"}, {"-sensor", "a", "-days", "0"}, {"-sensor", "a", "-days", "3651"},
		{"-sensor", "a", "-days", "soon"}, {"-sensor", "a", "more"}, {"-scope", "all"},
	} {
		var output bytes.Buffer
		if err := token(Settings{JWTSecret: jwtSecret}, arguments, &output); !errors.Is(err, errUsage) || output.Len() > 0 {
			t.Errorf("%q: %v, %d bytes printed", arguments, err, output.Len())
		}
	}
	if err := token(Settings{}, []string{"-sensor", "a"}, io.Discard); err == nil || errors.Is(err, errUsage) {
		t.Errorf("without a secret: %v", err)
	}
}

func TestWithoutASecretNoKeyIsAskedForAndTheLogSaysSoOnce(t *testing.T) {
	var log bytes.Buffer
	s := freshSQLite(t)
	b := &backend{store: openStore(t, s), guard: newGuard(s, slog.New(slog.NewJSONHandler(&log, nil))), metrics: newMetrics(), log: slog.New(slog.DiscardHandler)}
	for range 2 * callerBurst {
		if status, body := ask(b.routes(), "POST", "/readings", aReading); status != 201 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if strings.Count(log.String(), "JWT_SECRET_FILE") != 1 {
		t.Errorf("the log: %s", log.String())
	}
}

// playedProvider plays Stack Auth: what its documentation says that GET /api/v1/users/me answers to a server.
func playedProvider(t *testing.T, asked *atomic.Int64, status func() int) ProviderSettings {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		header := r.Header.Get
		switch {
		case status() != 200:
			w.WriteHeader(status())
		case r.URL.Path != "/api/v1/users/me" || header("X-Stack-Access-Type") != "server" || header("X-Stack-Project-Id") != "project":
			w.WriteHeader(http.StatusBadRequest)
		case header("X-Stack-Secret-Server-Key") != "secret-key" || header("X-Stack-Publishable-Client-Key") != "publishable-key":
			writeJSON(w, http.StatusUnauthorized, map[string]string{"code": "INVALID_SECRET_SERVER_KEY"})
		case "Bearer "+header("X-Stack-Access-Token") != person:
			writeJSON(w, http.StatusUnauthorized, map[string]string{"code": "ACCESS_TOKEN_EXPIRED"})
		default:
			writeJSON(w, http.StatusOK, map[string]string{"id": "user-7"})
		}
	}))
	t.Cleanup(server.Close)
	return ProviderSettings{URL: server.URL, Project: "project", PublishableKey: "publishable-key", SecretKey: "secret-key"}
}

// person is a token of the shape of the provider's: another algorithm than ours.
const person = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTcifQ.c2lnbmF0dXJl"

func TestAPersonsTokenIsCheckedWithTheProvider(t *testing.T) {
	var asked atomic.Int64
	var status atomic.Int64
	status.Store(200)
	settings := playedProvider(t, &asked, func() int { return int(status.Load()) })
	k := newKeyed(t, settings)
	k.ask(minted(t, "-sensor", "a1"), "192.0.2.1", "POST", "/readings", aReading)
	for _, c := range []struct {
		name, key, method, path, body string
		want                          int
	}{
		{"reads", person, "GET", "/sensors", "", 200},
		{"assigns a zone", person, "PUT", "/sensors/a1", `{"zone":"chilled"}`, 200},
		{"posts a reading", person, "POST", "/readings", aReading, 403},
		{"is somebody else", person + "XXXX", "GET", "/sensors", "", 401},
	} {
		if got := k.ask(c.key, "192.0.2.1", c.method, c.path, c.body); got.Code != c.want {
			t.Errorf("who %s: %d %s, want %d", c.name, got.Code, got.Body, c.want)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times about two tokens", asked.Load())
	}

	before := asked.Load()
	k.ask(signed(t, jwt.SigningMethodHS256, []byte(strings.ToUpper(jwtSecret)), func(*claims) {}), "192.0.2.1", "GET", "/sensors", "")
	if asked.Load() != before {
		t.Error("a machine's key was sent to the provider")
	}

	status.Store(500)
	if got := k.ask(person+"YYYY", "192.0.2.1", "GET", "/sensors", ""); got.Code != 503 {
		t.Errorf("the provider fails: %d %s", got.Code, got.Body)
	}
	if got := k.ask(person, "192.0.2.1", "GET", "/sensors", ""); got.Code != 200 {
		t.Errorf("the provider fails, and this token was checked a moment ago: %d %s", got.Code, got.Body)
	}

	status.Store(200)
	settings.SecretKey = "of-another-project"
	misled := newKeyed(t, settings)
	if got := misled.ask(person, "192.0.2.1", "GET", "/sensors", ""); got.Code != 503 || !strings.Contains(misled.log.String(), "STACK_SECRET_SERVER_KEY") {
		t.Errorf("the project's own key is wrong: %d %s, the log: %s", got.Code, got.Body, misled.log)
	}
	for _, secret := range []string{strings.TrimPrefix(person, "Bearer "), "secret-key", "of-another-project"} {
		if strings.Contains(k.log.String()+misled.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

func TestAProviderThatDoesNotAnswerIsGivenUpOn(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	p := newProvider(ProviderSettings{URL: server.URL, Project: "project"})
	p.client.Timeout = 50 * time.Millisecond
	if _, err := p.check(context.Background(), "token"); err == nil || errors.Is(err, errNotAKey) {
		t.Errorf("got %v", err)
	}
}

func TestWhoAsksTooOftenIsToldSoAndNobodyElse(t *testing.T) {
	var asked atomic.Int64
	k := newKeyed(t, playedProvider(t, &asked, func() int { return 200 }))
	flood := func(key, from string) (refused int) {
		for range 2 * callerBurst {
			if got := k.ask(key, from, "GET", "/sensors", ""); got.Code == 429 {
				refused++
				if got.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
		}
		return refused
	}
	reader, other := minted(t, "-reader", "screen"), minted(t, "-reader", "other")
	if flood("", "192.0.2.1") == 0 || flood(reader, "192.0.2.2") == 0 {
		t.Error("a flood was let through")
	}
	if flood(person+"XXXX", "192.0.2.3") == 0 || asked.Load() >= 2*callerBurst {
		t.Errorf("the provider was asked %d times by one address", asked.Load())
	}
	if flood(person+"XXXX", "2001:db8::1")+flood(person+"XXXX", "2001:db8::ffff:2") < 2*callerBurst {
		t.Error("a second address of one customer has a rate of its own")
	}
	for _, from := range []string{"192.0.2.1", "192.0.2.2"} {
		if got := k.ask(other, from, "GET", "/sensors", ""); got.Code != 200 {
			t.Errorf("a good key from where somebody floods: %d", got.Code)
		}
	}
	if got := k.ask("", "192.0.2.9", "GET", "/sensors", ""); got.Code != 401 {
		t.Errorf("another address: %d", got.Code)
	}
	if got := k.ask("", "192.0.2.9", "GET", "/health/ready", ""); got.Code != 200 {
		t.Errorf("health: %d", got.Code)
	}
}

func TestTheRatesOfManyCallersTakeBoundedMemory(t *testing.T) {
	l := newLimits()
	for n := range 2 * mostCallers {
		l.allow(fmt.Sprintf("address %d", n))
	}
	if l.callers.Len() != mostCallers {
		t.Errorf("%d are remembered", l.callers.Len())
	}
}

func TestAddressesAreThoseThatTheProxySaw(t *testing.T) {
	for _, c := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1234", nil, "192.0.2.1"},
		{"10.0.0.2:1234", []string{"192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.2:1234", []string{"6.6.6.6, 192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.2:1234", []string{"6.6.6.6", "192.0.2.1"}, "192.0.2.1"},
		{"[2001:db8::7%eth0]:1234", nil, "2001:db8::/64"},
		{"10.0.0.2:1234", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.2:1234", []string{"nobody"}, "unknown"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := addressOf(r); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}
