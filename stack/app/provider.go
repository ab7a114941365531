package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	_ "golang.org/x/crypto/x509roots/fallback" // the image has no certificate authorities of its own
)

const (
	providerTimeout = 3 * time.Second
	rememberPeople  = time.Minute // how long a token that the provider has taken back still counts
	mostPeople      = 1024
)

// provider is Stack Auth, which knows the people. It is asked about each token, and its yes counts for a minute.
type provider struct {
	settings ProviderSettings
	client   *http.Client
	known    *expirable.LRU[[sha256.Size]byte, string]
}

func newProvider(s ProviderSettings) *provider {
	return &provider{
		settings: s,
		client:   &http.Client{Timeout: providerTimeout},
		known:    expirable.NewLRU[[sha256.Size]byte, string](mostPeople, nil, rememberPeople),
	}
}

// check returns whose token it is: errNotAKey if nobody's, another error if the provider cannot say.
func (p *provider) check(ctx context.Context, token string) (caller, error) {
	digest := sha256.Sum256([]byte(token))
	id, ok := p.known.Get(digest)
	if !ok {
		var err error
		if id, err = p.ask(ctx, token); err != nil {
			return caller{}, err
		}
		p.known.Add(digest, id)
	}
	return caller{name: id, scopes: []string{scopeRead, scopeAssign}}, nil
}

// ask is the check that Stack Auth documents for servers. Its answers may quote the request, and so are not repeated.
func (p *provider) ask(ctx context.Context, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.settings.URL+"/api/v1/users/me", nil)
	if err != nil {
		return "", errors.New("STACK_API_URL is not an address")
	}
	for key, value := range map[string]string{
		"X-Stack-Access-Type": "server", "X-Stack-Project-Id": p.settings.Project,
		"X-Stack-Publishable-Client-Key": p.settings.PublishableKey, "X-Stack-Secret-Server-Key": p.settings.SecretKey,
		"X-Stack-Access-Token": token,
	} {
		request.Header.Set(key, value)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask the auth provider: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	var answer struct {
		ID   string `json:"id"`
		Code string `json:"code"`
	}
	// Not every error has a body that can be read; then it is the status that counts.
	_ = json.NewDecoder(io.LimitReader(response.Body, largestBody)).Decode(&answer)
	switch {
	case response.StatusCode == http.StatusUnauthorized && strings.HasSuffix(answer.Code, "_KEY"):
		return "", errors.New("the auth provider refuses the keys of this project: look at STACK_PROJECT_ID, STACK_PUBLISHABLE_CLIENT_KEY and STACK_SECRET_SERVER_KEY")
	case response.StatusCode == http.StatusUnauthorized:
		return "", errNotAKey
	case response.StatusCode != http.StatusOK || answer.ID == "":
		return "", fmt.Errorf("the auth provider answers %s and names no user", response.Status)
	}
	return answer.ID, nil
}
