package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/internal/compose"
)

const (
	askTimeout = 5 * time.Second
	passPause  = time.Millisecond // between passes in a row
	mostBody   = 1 << 20
)

// Address is asked from outside, the way a user would.
type Address struct {
	Name    string
	Service string          // to blame; may be empty
	URL     string          // http, https, or tcp://host:port
	Status  int             // the status to answer with; any 2xx if zero. Redirects are not followed
	Want    string          // the body must contain it
	Via     string          // dial this host:port instead, when the name does not lead there (yet)
	Project compose.Project // that may publish the port: what cannot be told from outside is looked up inside

	RootCAs    *x509.CertPool // instead of the system's
	InsecureCA bool           // believe any certificate
}

// Answer is what an address said.
type Answer struct {
	Name    string        `json:"name"`
	Service string        `json:"service,omitempty"`
	URL     string        `json:"url"`
	OK      bool          `json:"ok"`
	Reason  string        `json:"reason,omitempty"` // like "GET /health: 503"
	Err     error         `json:"-"`                // the newest, as it was met
	Passes  int           `json:"passes"`           // consecutive
	Took    time.Duration `json:"-"`                // until the verdict
}

// StatusError is an answer of HTTP with another status than the one that is wanted.
type StatusError struct{ Code int }

func (e *StatusError) Error() string { return strconv.Itoa(e.Code) }

// Ask asks all the addresses at once, each until it has given the right answer as often in a row as passes says, or ctx
// ends. Progress, which may be nil, is called one at a time, when an answer's outcome or reason changes.
func Ask(ctx context.Context, addresses []Address, passes int, progress func(Answer)) []Answer {
	answers := make([]Answer, len(addresses))
	var (
		asking sync.WaitGroup
		mu     sync.Mutex
	)
	tell := func(a Answer) {
		if progress != nil {
			mu.Lock()
			defer mu.Unlock()
			progress(a)
		}
	}
	for i, address := range addresses {
		asking.Go(func() { answers[i] = address.ask(ctx, max(passes, 1), tell) })
	}
	asking.Wait()
	return answers
}

func (a Address) ask(ctx context.Context, passes int, tell func(Answer)) Answer {
	begin := time.Now()
	answer := Answer{Name: a.Name, Service: a.Service, URL: withoutUser(a.URL), Reason: "not asked"}
	pause := firstPause
	for {
		err := a.try(ctx)
		if ctx.Err() != nil && err != nil {
			if answer.Reason == "" || answer.Reason == "not asked" { // cut off in the middle of its first try
				answer.Reason, answer.Err = err.Error(), err
			}
			answer.Took = time.Since(begin)
			return answer
		}
		before := answer
		if err == nil {
			answer.Passes++
			answer.Reason, answer.Err = "", nil
			answer.OK = answer.Passes >= passes
			pause = passPause
		} else {
			answer.Passes, answer.Reason, answer.Err = 0, err.Error(), err
		}
		answer.Took = time.Since(begin)
		if answer.OK != before.OK || answer.Reason != before.Reason {
			tell(answer)
		}
		if answer.OK {
			return answer
		}
		select {
		case <-ctx.Done():
			if answer.Reason == "" {
				answer.Reason = fmt.Sprintf("%d of %d passes", answer.Passes, passes)
			}
			return answer
		case <-time.After(pause):
		}
		if err != nil {
			pause = max(firstPause, min(pause*5/4, lastPause))
		}
	}
}

// try asks one time, for so long.
func (a Address) try(ctx context.Context) error {
	begin := time.Now()
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := a.once(bounded)
	if err != nil && bounded.Err() != nil {
		return fmt.Errorf("no answer within %s", seconds(time.Since(begin)))
	}
	return err
}

// once asks one time. Its error is the reason, and holds neither the host's name twice nor a password in the URL.
func (a Address) once(ctx context.Context) error {
	target, err := url.Parse(a.URL)
	if err != nil {
		return errors.New("the address is not a URL")
	}
	if target.Scheme == "tcp" {
		return a.connect(ctx, target.Host)
	}
	what := http.MethodGet + " " + target.EscapedPath()
	if target.Path == "" {
		what += "/"
	}
	if err := a.get(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (a Address) get(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return plain(err)
	}
	client := http.Client{
		// A connection of its own for every question: a kept one would still lead to what is being replaced.
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       a.dial,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: a.RootCAs,
				InsecureSkipVerify: a.InsecureCA, //nolint:gosec // the caller's choice, for a certificate of its own making
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return plain(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBody))
	switch {
	case a.Status != 0 && response.StatusCode != a.Status,
		a.Status == 0 && response.StatusCode/100 != 2:
		return &StatusError{response.StatusCode}
	case err != nil:
		return fmt.Errorf("read the body: %w", plain(err))
	case !strings.Contains(string(body), a.Want):
		return fmt.Errorf("%d, but the body does not contain %q", response.StatusCode, a.Want)
	}
	return nil
}

// plain takes off what http puts around an error: the method and the whole URL.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err
}

func withoutUser(address string) string {
	if u, err := url.Parse(address); err == nil {
		u.User = nil
		return u.String()
	}
	return ""
}
