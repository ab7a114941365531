// Package registry asks a registry about an image, with the credentials and in the way in which the engine would. What an
// engine says about a pull that failed is text; what the registry answers is a status.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Answer is what a registry says about an image.
type Answer struct {
	Image      string
	Host       string        // of the registry, as `docker login` takes it
	Digest     string        // of its manifest, or of its list of manifests, where the image is there
	Status     int           // of HTTP, 200 where the image is there; 0 where there was no answer
	RetryAfter time.Duration // how long the registry wants to be left alone; 0 where it did not say
	Err        error         // why there was no answer
}

// patience bounds a question. A registry that is slower is not there, as far as anybody waits for it.
const patience = 10 * time.Second

// Ask asks for the manifest of each image, once and all at the same time.
func Ask(ctx context.Context, images ...string) []Answer {
	answers := make([]Answer, len(images))
	var asking sync.WaitGroup
	for i, image := range images {
		asking.Go(func() { answers[i] = ask(ctx, image) })
	}
	asking.Wait()
	return answers
}

func ask(ctx context.Context, image string) Answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer := Answer{Image: image}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		answer.Err = err
		return answer
	}
	answer.Host = reference.Domain(named)
	var trust []name.Option
	if loopback(answer.Host) { // as the engine does
		trust = append(trust, name.Insecure)
	}
	ref, err := name.ParseReference(image, trust...)
	if err != nil {
		answer.Err = err
		return answer
	}
	noted := &noting{next: remote.DefaultTransport}
	found, err := remote.Head(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(noted),
		remote.WithRetryStatusCodes(), remote.WithRetryPredicate(func(error) bool { return false })) // who asks decides when again
	var refused *transport.Error
	switch {
	case err == nil && noted.spent(): // such a question is free where a pull is not
		answer.Status = http.StatusTooManyRequests
	case err == nil:
		answer.Status, answer.Digest = http.StatusOK, found.Digest.String()
	case errors.As(err, &refused):
		answer.Status, answer.RetryAfter = refused.StatusCode, noted.wait()
	default:
		answer.Err = err
	}
	return answer
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return net.ParseIP(host).IsLoopback()
}

// noting keeps the header of the last response, which the library does not hand on.
type noting struct {
	next   http.RoundTripper
	mu     sync.Mutex
	header http.Header
}

func (n *noting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := n.next.RoundTrip(request)
	if err == nil {
		n.mu.Lock()
		n.header = response.Header
		n.mu.Unlock()
	}
	return response, err
}

// wait is the Retry-After of the last response: seconds, or a time.
func (n *noting) wait() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	after := n.header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// spent tells that the pulls are used up which the registry grants: "0;w=21600" is none in six hours.
func (n *noting) spent() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	left, _, _ := strings.Cut(n.header.Get("RateLimit-Remaining"), ";")
	return left == "0"
}

// There tells that the registry has the image.
func (a Answer) There() bool { return a.Status == http.StatusOK }

// Busy tells that the registry itself says that it cannot answer now.
func (a Answer) Busy() bool {
	return a.Status == http.StatusTooManyRequests || a.Status == http.StatusRequestTimeout || a.Status >= http.StatusInternalServerError
}

// Forbidden tells that it wants to know who asks, or does not let this one in.
func (a Answer) Forbidden() bool {
	return a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
}

// Missing tells that it has no such image.
func (a Answer) Missing() bool { return a.Status == http.StatusNotFound }

// String is the answer in a sentence.
func (a Answer) String() string {
	switch {
	case a.There():
		return fmt.Sprintf("%s has %s", a.Host, a.Image)
	case a.Missing():
		return fmt.Sprintf("%s has no %s: the image or the tag does not exist there (404)", a.Host, a.Image)
	case a.Forbidden():
		return fmt.Sprintf("%s does not hand out %s to who asks (%d)", a.Host, a.Image, a.Status)
	case a.Status != 0:
		return fmt.Sprintf("%s answers %d %s for %s", a.Host, a.Status, http.StatusText(a.Status), a.Image)
	}
	var dial *net.OpError
	if errors.As(a.Err, &dial) { // the rest repeats it
		return fmt.Sprintf("%s cannot be reached: %v", a.Host, dial)
	}
	return fmt.Sprintf("%s gives no answer about %s: %v", a.Host, a.Image, a.Err)
}
