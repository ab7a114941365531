package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What a key may be for. A sensor's key writes its own readings, a reader's reads them all; people read and assign zones.
const (
	scopeWrite  = "readings:write"
	scopeRead   = "readings:read"
	scopeAssign = "sensors:write"
)

const (
	issuer         = "freshtrack"
	audience       = "freshtrack-api"
	shortestSecret = 32 // characters; HS256 is no stronger than its secret
	defaultDays    = 365
	mostDays       = 3650
)

// caller is who sent a request, as a key says it.
type caller struct {
	name   string
	scopes []string
}

func (c caller) may(scope string) bool { return slices.Contains(c.scopes, scope) }

// tokens mints and checks the keys of machines: JWTs signed with the stack's own secret.
type tokens struct{ secret []byte }

type claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"` // words, as in RFC 8693
}

func (t tokens) mint(name, scope string, lifetime time.Duration) (string, error) {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: name,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
		Scope: scope,
	})
	return token.SignedString(t.secret)
}

// check returns whose token it is. The library compares signatures in constant time, and takes no other algorithm than this.
func (t tokens) check(text string) (caller, error) {
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.secret, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return caller{}, errExpired
	case err != nil || c.Subject == "":
		return caller{}, errNotAKey // the library's own words may quote the token
	}
	return caller{name: c.Subject, scopes: strings.Fields(c.Scope)}, nil
}

// machines tells a machine's token from one of the auth provider, which signs with keys of its own. It believes nothing
// else of the token.
func (t tokens) machines(text string) bool {
	token, _, err := jwt.NewParser().ParseUnverified(text, &claims{})
	return err != nil || token.Method.Alg() == jwt.SigningMethodHS256.Alg()
}

// token prints a new key, and nothing else.
func token(s Settings, arguments []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	sensor := flags.String("sensor", "", "")
	reader := flags.String("reader", "", "")
	days := flags.Int("days", defaultDays, "")
	if err := flags.Parse(arguments); err != nil || flags.NArg() > 0 || (*sensor == "") == (*reader == "") {
		return fmt.Errorf("%w\na key is for one name: -sensor NAME, or -reader NAME", errUsage)
	}
	name, scope := *sensor, scopeWrite
	if *reader != "" {
		name, scope = *reader, scopeRead
	}
	switch {
	case !sensorName.MatchString(name):
		return fmt.Errorf("%w\na name is 1 to 64 letters, digits, '.', '_' or '-'", errUsage)
	case *days < 1 || *days > mostDays:
		return fmt.Errorf("%w\n-days is a number from 1 to %d", errUsage, mostDays)
	case s.JWTSecret == "":
		return errors.New("JWT_SECRET_FILE is not set: this backend asks for no key")
	}
	text, err := tokens{[]byte(s.JWTSecret)}.mint(name, scope, time.Duration(*days)*24*time.Hour)
	if err != nil {
		return fmt.Errorf("mint token: %w", err)
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}
