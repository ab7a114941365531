package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/internal/compose"
)

const (
	askTimeout = 5 * time.Second
	passPause  = time.Millisecond // between passes in a row
	hangUp     = 500 * time.Millisecond
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

// connect wants a connection that comes to the service. What stands before it, like the engine's proxy of a published port,
// accepts in its stead: it hangs up at once when it finds nobody there, and holds the connection while it looks for somebody.
// So the container's own sockets have the last word where they can be read. A service may hang up, too.
func (a Address) connect(ctx context.Context, host string) error {
	conn, err := a.dial(ctx, "tcp", host)
	if err != nil {
		return plain(err)
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	if err := conn.SetReadDeadline(time.Now().Add(hangUp)); err != nil {
		return plain(err)
	}
	_, err = conn.Read(make([]byte, 1))
	held := errors.Is(err, os.ErrDeadlineExceeded)
	if err == nil || held && !here(conn.RemoteAddr()) { // it spoke, or is of a machine that nothing is known about
		return nil
	}
	service, known := a.behind(ctx, conn)
	how := "the connection is accepted and closed at once: "
	if held {
		how = "the connection is accepted in the service's stead: "
	}
	switch {
	case !known && !held:
		return errors.New(how + "nobody listens behind it, or who does hangs up on whoever says nothing")
	case !known:
		return nil
	case service.listens == nobody:
		return errors.New(how + "nobody listens behind it, on " + inside([]compose.Port{service.port}) + " of the container")
	case service.listens == loopbackOnly:
		return errors.New("the service " + hiddenReason([]compose.Port{service.port}))
	case held && !a.arrives(ctx, host, service):
		return errors.New(how + "it does not come to the service, which has lost its network or takes no more connections")
	}
	return nil
}

// arrives tells whether the container has one connection more when another is made.
func (a Address) arrives(ctx context.Context, host string, before accepting) bool {
	conn, err := a.dial(ctx, "tcp", host)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	for begin := time.Now(); time.Since(begin) < hangUp && ctx.Err() == nil; time.Sleep(firstPause) {
		after, known := a.behind(ctx, conn)
		if !known || after.hasNewer(before) {
			return true
		}
	}
	return false
}

// here tells that an address is one of this machine.
func here(address net.Addr) bool {
	remote, ok := address.(*net.TCPAddr)
	if !ok {
		return false
	}
	own, err := net.InterfaceAddrs()
	return remote.IP.IsLoopback() || err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(remote.IP)
	})
}

// behind looks who of the project listens where the connection should come to.
func (a Address) behind(ctx context.Context, conn net.Conn) (accepting, bool) {
	address, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || a.Project.Name == "" {
		return accepting{}, false
	}
	return behind(ctx, docker{a.Project}, address.AddrPort().Port())
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

func (a Address) dial(ctx context.Context, network, host string) (net.Conn, error) {
	if a.Via != "" {
		host = a.Via
	}
	return new(net.Dialer).DialContext(ctx, network, host)
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
