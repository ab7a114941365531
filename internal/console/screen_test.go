package console

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"slipway/internal/redact"
)

// screen is a terminal emulator at the other end of a pseudo-terminal.
type screen struct {
	console *Console
	tty     *os.File
	vt      vt10x.Terminal

	mu  sync.Mutex
	raw strings.Builder // all that was ever written to it
}

func newScreen(t *testing.T, cols, rows int, secrets ...string) *screen {
	t.Helper()
	t.Setenv("CI", "")
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm-256color")
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{tty: tty, vt: vt10x.New(vt10x.WithSize(cols, rows), vt10x.WithWriter(io.Discard))}
	s.resize(t, cols, rows)
	redactor := redact.New()
	redactor.Add(secrets...)
	s.console = New(tty, tty, redactor)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := ptmx.Read(buffer)
			s.mu.Lock()
			s.raw.Write(buffer[:n])
			_, _ = s.vt.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		s.console.EndLive()
		tty.Close()
		<-read
		ptmx.Close()
	})
	return s
}

func (s *screen) resize(t *testing.T, cols, rows int) {
	t.Helper()
	s.mu.Lock()
	s.vt.Resize(cols, rows)
	s.mu.Unlock()
	if err := pty.Setsize(s.tty, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
}

// lines are what the screen shows, without the blank ones at its foot.
func (s *screen) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(strings.TrimRight(s.vt.String(), " \n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func (s *screen) text() string { return strings.Join(s.lines(), "\n") }

func (s *screen) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

// await waits until the screen shows what is wanted.
func (s *screen) await(t *testing.T, wanted string, holds func(text string) bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !holds(s.text()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never shown: %s\n%s", wanted, s.text())
		}
	}
}

func (s *screen) awaitText(t *testing.T, part string) {
	t.Helper()
	s.await(t, part, func(text string) bool { return strings.Contains(text, part) })
}

// mustEndAs prints a last line and wants the screen to show what is wanted above it, and nothing else.
func (s *screen) mustEndAs(t *testing.T, wanted ...string) {
	t.Helper()
	s.console.Line(Note, "last", "", 0)
	s.awaitText(t, "note  last")
	wanted = append(wanted, "note  last")
	if got := s.text(); got != strings.Join(wanted, "\n") {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, strings.Join(wanted, "\n"))
	}
}
