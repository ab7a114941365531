package dev

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	tiny "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway/internal/console"
	"slipway/internal/redact"
)

// shelf is a real registry, empty at first.
type shelf struct {
	t    *testing.T
	host string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	server := httptest.NewServer(tiny.New(tiny.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return &shelf{t, strings.TrimPrefix(server.URL, "http://")}
}

// push puts another image there, for several platforms, and returns its digest.
func (s *shelf) push(image string) string {
	s.t.Helper()
	ref, err := name.ParseReference(s.host+"/"+image, name.Insecure)
	if err != nil {
		s.t.Fatal(err)
	}
	index, err := random.Index(64, 1, 2)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		s.t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	return digest.String()
}

func TestImagesArePinnedAndTheirPinsRenewed(t *testing.T) {
	s := newShelf(t)
	first, second := s.push("db:16.14"), s.push("kv/server:8-alpine")
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.yml"), filepath.Join(dir, "two.yaml")
	text := strings.ReplaceAll(`# image: not/this:one
x-app: &app
  image: freshtrack-app:${APP_TAG:-local}
services:
  db:
    image: ${DB_IMAGE:-HOST/db:16.14}
    labels: {note: "image: HOST/db:16.14"}
  again:
    image: HOST/db:16.14
`, "HOST", s.host)
	write(t, one, text)
	write(t, two, "services: {}\n# kept\n  kv:\n    image: "+s.host+"/kv/server:8-alpine\n")
	run := func() error {
		return pin(t.Context(), console.New(io.Discard, io.Discard, redact.New()), []string{one, two})
	}
	if err := run(); err != nil {
		t.Fatal(err)
	}
	wantOne := func(digest string) string {
		pinned := strings.ReplaceAll(text, s.host+"/db:16.14}", s.host+"/db:16.14@"+digest+"}")
		return strings.ReplaceAll(pinned, "    image: "+s.host+"/db:16.14\n", "    image: "+s.host+"/db:16.14@"+digest+"\n")
	}
	wantTwo := "services: {}\n# kept\n  kv:\n    image: " + s.host + "/kv/server:8-alpine@" + second + "\n"
	holds(t, one, wantOne(first))
	holds(t, two, wantTwo)

	if err := run(); err != nil {
		t.Fatal(err)
	}
	holds(t, one, wantOne(first))

	renewed := s.push("db:16.14")
	if err := run(); err != nil {
		t.Fatal(err)
	}
	holds(t, one, wantOne(renewed))
	holds(t, two, wantTwo)
}

func TestNothingIsPinnedWhenAnImageCannotBeAskedAbout(t *testing.T) {
	s := newShelf(t)
	s.push("db:1")
	path := filepath.Join(t.TempDir(), "compose.yml")
	text := "services:\n  a:\n    image: " + s.host + "/db:1\n  b:\n    image: " + s.host + "/gone:2\n  c:\n    image: 127.0.0.1:1/away:3\n"
	write(t, path, text)
	err := pin(t.Context(), console.New(io.Discard, io.Discard, redact.New()), []string{path})
	if err == nil || !strings.Contains(err.Error(), "/gone:2") || !strings.Contains(err.Error(), "127.0.0.1:1 cannot be reached") {
		t.Errorf("the error is %v", err)
	}
	holds(t, path, text)
}

func TestEveryImageOfTheStackCanBePinned(t *testing.T) {
	found := 0
	for _, path := range pinned {
		data, err := os.ReadFile(filepath.Join("..", "..", path))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range bytes.Split(data, []byte("\n")) {
			if text := strings.TrimSpace(string(line)); strings.HasPrefix(text, "image: ") && !strings.Contains(text, "APP_TAG") {
				found++
				if !imageLine.Match(line) {
					t.Errorf("%s: not seen: %s", path, text)
				}
			}
		}
	}
	if found < 12 {
		t.Errorf("%d images are too few", found)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: %v\n%s\nwant\n%s", filepath.Base(path), err, got, want)
	}
}
