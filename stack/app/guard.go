package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// longestToken bounds what is looked at, and sent on to the provider.
const longestToken = 8 << 10

var (
	errNotAKey = errors.New("this is no key of this service")
	errExpired = errors.New("this key has expired")
)

// guard lets in whoever holds a key for what a route does, at the rate that one caller gets. Machines' keys are checked
// here, people's by the auth provider.
//
// A caller with a valid key of its own is counted as that caller, wherever it calls from. Anybody else is counted by address,
// and before the provider is asked: sensors behind one address are not shut out with whoever guesses keys there.
type guard struct {
	tokens   tokens
	provider *provider // nil: there are no people
	limits   *limits
	log      *slog.Logger
}

// newGuard is nil where no key is asked for.
func newGuard(s Settings, log *slog.Logger) *guard {
	if s.JWTSecret == "" {
		log.Warn("no key is asked for, since JWT_SECRET_FILE is not set: everybody who reaches this port may read and write")
		return nil
	}
	g := &guard{tokens: tokens{[]byte(s.JWTSecret)}, limits: newLimits(), log: log}
	if s.Provider.Project != "" {
		g.provider = newProvider(s.Provider)
	}
	return g
}

type callerKey struct{}

// mayWrite tells whether the request's key is for this sensor.
func mayWrite(r *http.Request, sensor string) bool {
	c, ok := r.Context().Value(callerKey{}).(caller)
	return !ok || c.name == sensor
}

// needs has a route ask for a key with the scope.
func (g *guard) needs(scope string, next http.HandlerFunc) http.HandlerFunc {
	if g == nil {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := g.admit(w, r)
		if !ok {
			return
		}
		if !who.may(scope) {
			refuse(w, http.StatusForbidden, "this key is not for "+scope)
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
	}
}

// admit finds out who calls, or has answered why not.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) (caller, bool) {
	text, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given = given && text != "" && len(text) <= longestToken
	machine := given && g.tokens.machines(text)
	who, err := caller{}, errNotAKey
	if machine {
		who, err = g.tokens.check(text)
	}
	counted := "caller " + who.name
	if err != nil {
		counted = "address " + addressOf(r)
	}
	if !g.limits.allow(counted) {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "too many requests: this caller has used up its rate")
		return caller{}, false
	}
	if given && !machine && g.provider != nil {
		who, err = g.provider.check(r.Context(), text)
	}
	switch {
	case err == nil:
		return who, true
	case !given:
		err = errors.New("a key is needed: Authorization: Bearer …")
	case !errors.Is(err, errNotAKey) && !errors.Is(err, errExpired):
		g.log.Error("check a person's key", "error", err)
		refuse(w, http.StatusServiceUnavailable, "the auth provider is not available")
		return caller{}, false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="freshtrack"`)
	refuse(w, http.StatusUnauthorized, err.Error())
	return caller{}, false
}
