//go:build engine

package targets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway"
	"slipway/checkpoints"
	"slipway/internal/console"
)

// moody is a real registry that is in a mood until it has been asked about it often enough.
type moody struct {
	host, image string
	status      int  // what it answers in that mood
	questions   int  // how many of Slipway's questions end it
	hidden      bool // Slipway gets the right answer even then, and only the engine's pull fails
	asked       atomic.Int64
	open        atomic.Bool // the image is there
}

// serve answers with the status as long as the mood lasts. The engine asks in its own way and as often as it likes.
func (m *moody) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !m.open.Load() || !strings.Contains(r.URL.Path, "/manifests/") || m.asked.Load() >= int64(m.questions) {
		next.ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.UserAgent(), "go-containerregistry") {
		m.asked.Add(1)
		if m.hidden {
			next.ServeHTTP(w, r)
			return
		}
	}
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(m.status)
}

// start serves an image that the engine here has not seen, and takes it off the engine when the test ends.
func (m *moody) start(t *testing.T) *moody {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, inner) }))
	t.Cleanup(server.Close)
	m.host = strings.TrimPrefix(server.URL, "http://")
	m.image = m.host + "/slipway-door:1"
	ref, err := name.ParseReference(m.image)
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", m.image).Run() })
	m.open.Store(true)
	return m
}

// pulledFrom runs the step pull of a stack with that image. It returns what the operator read, and the error.
func pulledFrom(t *testing.T, image string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("services:\n  web:\n    image: %s\n", image)
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STATE_DIR", filepath.Join(dir, "state"))
	slipway.Use(slipway.Stack{Name: "slipway-door", Dir: dir, Destinations: []slipway.Destination{{Name: "local", Files: []string{"compose.yaml"}, EnvFile: ".env"}}})
	t.Cleanup(func() { slipway.Use(slipway.Stack{}); current = nil })
	var said bytes.Buffer
	err := enter(t.Context(), "deploy", true, flags{}, func(ctx context.Context, s *session) error {
		s.console = console.New(io.Discard, &said, s.secrets)
		if _, err := s.do(ctx, s.pull()); err != nil {
			return s.explain(ctx, "pull", err)
		}
		return nil
	})
	return said.String(), err
}

const forever = 1 << 30

func TestCaseE1ABusyRegistryIsTriedAgainVisibly(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			m := (&moody{status: status, questions: 2}).start(t)
			said, err := pulledFrom(t, m.image)
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if again := strings.Count(said, "again in"); again != 2 {
				t.Errorf("tried %d times more, want 2:\n%s", again, said)
			}
			if want := fmt.Sprintf("%s answers %d %s for %s; again in ", m.host, status, http.StatusText(status), m.image); !strings.Contains(said, want) {
				t.Errorf("nobody is told %q:\n%s", want, said)
			}
		})
	}
}

func TestCaseE1WhatTheRegistryHasNowIsPulledAgain(t *testing.T) {
	m := (&moody{status: http.StatusServiceUnavailable, questions: 1, hidden: true}).start(t)
	said, err := pulledFrom(t, m.image)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if want := fmt.Sprintf("the engine did not get %s, though %s has it; again in ", m.image, m.host); !strings.Contains(said, want) {
		t.Errorf("nobody is told %q:\n%s", want, said)
	}
}

func TestCaseE1ARefusalIsToldOnceWithItsRemedy(t *testing.T) {
	for status, want := range map[int][]string{
		http.StatusUnauthorized:        {"(401)", "hint: docker login HOST"},
		http.StatusForbidden:           {"(403)", "hint: docker login HOST"},
		http.StatusNotFound:            {"the image or the tag does not exist there (404)", "hint: correct the image"},
		http.StatusInternalServerError: {"answers 500 Internal Server Error", "the same command may pass then"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			m := (&moody{status: status, questions: forever}).start(t)
			said, err := pulledFrom(t, m.image)
			var failure *Failure
			if !errors.As(err, &failure) || failure.Code != exitFailed {
				t.Fatalf("%v\n%s", err, said)
			}
			for _, text := range want {
				if text = strings.ReplaceAll(text, "HOST", m.host); !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q: %v", text, err)
				}
			}
			if strings.Contains(err.Error(), guidance[configuration]) {
				t.Errorf("the compose file is blamed: %v", err)
			}
			tries := pullTries
			if status < http.StatusInternalServerError { // the registry has decided
				tries = 1
			}
			if again := strings.Count(said, "again in"); again != tries-1 {
				t.Errorf("tried %d times more, want %d:\n%s", again, tries-1, said)
			}
		})
	}
}

func TestCaseE1ARegistryThatIsNotThereIsATransientNetwork(t *testing.T) {
	const image = "127.0.0.1:1/slipway-door:1"
	said, err := pulledFrom(t, image)
	var fault *checkpoints.Fault
	if !errors.As(err, &fault) || fault.Category != string(transient) || strings.Count(said, "127.0.0.1:1 cannot be reached: ") != pullTries {
		t.Errorf("%+v: %v\n%s", fault, err, said)
	}
}
