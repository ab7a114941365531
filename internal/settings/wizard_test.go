package settings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is a real pseudo-terminal with an operator in front of it.
type terminal struct {
	t        *testing.T
	operator *os.File
	program  *os.File

	mu   sync.Mutex
	seen strings.Builder
	from int // where the next wait begins to look
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	t.Setenv("TERM", "xterm-256color")
	operator, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(operator, &pty.Winsize{Rows: 40, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, operator: operator, program: program}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := operator.Read(buffer)
			term.mu.Lock()
			term.seen.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	// The program's side is left to the garbage collector: a cancelled form may still have it in hand for a moment, and would
	// meet the next test's terminal under the number of this one.
	t.Cleanup(func() { _ = operator.Close() })
	return term
}

// sees waits until the text is on the screen, after what was waited for before.
func (term *terminal) sees(text string) {
	term.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		term.mu.Lock()
		all := term.seen.String()
		at := strings.Index(all[term.from:], text)
		if at >= 0 {
			term.from += at + len(text)
		}
		term.mu.Unlock()
		if at >= 0 {
			return
		}
	}
	term.t.Fatalf("%q is not on the screen:\n%q", text, term.screen())
}

func (term *terminal) screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.String()
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	if _, err := term.operator.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// noEcho waits until the terminal no longer shows what is typed, which it does just after the question.
func (term *terminal) noEcho() {
	term.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(term.program.Fd()), unix.TCGETS)
		if err != nil {
			term.t.Fatal(err)
		}
		if mode.Lflag&unix.ECHO == 0 {
			return
		}
	}
	term.t.Fatal("the terminal shows what is typed")
}

// session is the wizard at work on a stack of its own.
type session struct {
	*terminal
	path   string
	before string
	plan   *Plan
	done   chan error
	cancel context.CancelFunc
}

var asked = []Setting{
	{Key: "DOMAIN", Question: "Domain of the shop", Validate: FQDN, Normalize: ASCII},
	{Key: "API_SECRET", Question: "Secret of the provider", Secret: true},
	{Key: "LEVEL", Question: "How much is logged", Default: "info"},
	{Key: "JWT_SECRET", Generate: 32},
}

func start(t *testing.T, accessible bool) *session {
	t.Helper()
	dir := t.TempDir()
	s := &session{terminal: newTerminal(t), path: filepath.Join(dir, ".env.production"), before: "# kept\nOLD=1\n", done: make(chan error, 1)}
	write(t, s.path, s.before, 0o600)
	plan, missing, err := Collect(dir, asked, open(t, s.path), nothing)
	if err != nil || strings.Join(missing, " ") != "DOMAIN API_SECRET" {
		t.Fatal(missing, err)
	}
	s.plan = plan
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	t.Cleanup(cancel)
	go func() {
		s.done <- Prompt{In: s.program, Out: s.program, Accessible: accessible}.Run(ctx, plan)
	}()
	return s
}

// answers goes through the questions to the summary.
func (s *session) answers() {
	s.t.Helper()
	s.sees("Domain of the shop")
	s.types("shop.firm.de\r")
	s.sees("Secret of the provider")
	s.types("hunter2 hunter2\r")
	s.sees("How much is logged")
	s.types("\r") // the default
	s.sees("Write this?")
}

func (s *session) ends() error {
	s.t.Helper()
	select {
	case err := <-s.done:
		return err
	case <-time.After(10 * time.Second):
		s.t.Fatalf("the wizard does not end:\n%q", s.screen())
		return nil
	}
}

func (s *session) declined()    { s.t.Helper(); s.writesNothing(false) }
func (s *session) interrupted() { s.t.Helper(); s.writesNothing(true) }

// writesNothing checks how the wizard was left, and that nothing was written.
func (s *session) writesNothing(interrupted bool) {
	s.t.Helper()
	if err := s.ends(); !errors.Is(err, ErrDeclined) || errors.Is(err, context.Canceled) != interrupted {
		s.t.Errorf("the wizard returned %v", err)
	}
	if got := read(s.t, s.path); got != s.before {
		s.t.Errorf("the env file became %q", got)
	}
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil || len(entries) != 1 {
		s.t.Errorf("there are %d files, %v", len(entries), err)
	}
	s.hidden()
}

func (s *session) hidden() {
	s.t.Helper()
	if strings.Contains(s.screen(), "hunter2") {
		s.t.Error("the secret is on the screen")
	}
}

func (s *session) applied() {
	s.t.Helper()
	if err := s.ends(); err != nil {
		s.t.Fatal(err)
	}
	s.hidden()
	if _, err := s.plan.Apply(now); err != nil {
		s.t.Fatal(err)
	}
	secret, _ := open(s.t, s.path).Get("JWT_SECRET")
	want := s.before + "DOMAIN=xn--mnchen-3ya.firm.de\nAPI_SECRET='hunter2 hunter2'\nLEVEL=info\nJWT_SECRET=" + secret + "\n"
	if got := read(s.t, s.path); got != want || len(secret) != 32 {
		s.t.Errorf("the env file is %q", got)
	}
}

func TestWizardAsksAgainForAWrongDomainAndWritesWhatIsConfirmed(t *testing.T) {
	s := start(t, false)
	s.sees("Domain of the shop")
	s.types("under_score.de\r")
	s.sees("holds an underscore")
	s.types(strings.Repeat("\x7f", 20) + "münchen.firm.de\r")
	s.sees("Secret of the provider")
	s.types("hunter2 hunter2\r")
	s.sees("How much is logged")
	s.types("\r") // the default
	s.sees("DOMAIN")
	s.sees("xn--mnchen-3ya.firm.de")
	s.sees("generated")
	s.sees("Write this?")
	s.types("y")
	s.applied()
}

func TestWizardLeavesTheFilesWhenTheOperatorRefusesTheSummary(t *testing.T) {
	s := start(t, false)
	s.answers()
	s.types("n")
	s.declined()
}

func TestWizardLeavesTheFilesOnControlC(t *testing.T) {
	t.Run("at the first question", func(t *testing.T) {
		s := start(t, false)
		s.sees("Domain of the shop")
		s.types("\x03")
		s.interrupted()
	})
	t.Run("in the middle", func(t *testing.T) {
		s := start(t, false)
		s.sees("Domain of the shop")
		s.types("shop.firm.de\r")
		s.sees("Secret of the provider")
		s.types("hunter2 hun\x03")
		s.interrupted()
	})
	t.Run("at the summary", func(t *testing.T) {
		s := start(t, false)
		s.answers()
		s.types("\x03")
		s.interrupted()
	})
}

func TestWizardEndsWithItsContext(t *testing.T) {
	for _, accessible := range []bool{false, true} {
		s := start(t, accessible)
		s.sees("Domain of the shop")
		s.cancel()
		s.interrupted()
		s.types("\r") // wakes the read that was left behind
	}
}

func TestAccessibleWizardAsksLineByLine(t *testing.T) {
	s := start(t, true)
	s.sees("Domain of the shop")
	s.types("nodot\n")
	s.sees("holds no dot")
	s.types("münchen.firm.de\n")
	s.sees("Secret of the provider")
	s.noEcho()
	s.types("hunter2 hunter2\n")
	s.sees("How much is logged")
	s.types("\n")
	s.sees("Write this?")
	s.types("yes\n")
	s.applied()
}

func TestAccessibleWizardDeclinesWhenItsInputEnds(t *testing.T) {
	s := start(t, true)
	s.sees("Domain of the shop")
	s.types("\x04")
	s.declined()
}

func TestPromptAsksNothingWhenNothingIsMissing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	write(t, path, "DOMAIN=shop.firm.de\n", 0o600)
	plan, _, err := Collect(dir, asked[:1], open(t, path), nothing)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := (Prompt{In: strings.NewReader(""), Out: &out}).Run(t.Context(), plan); err != nil || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestPromptWithYesShowsTheSummaryAndDoesNotAsk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	plan, _, err := Collect(dir, asked, open(t, path), environment(map[string]string{"DOMAIN": "shop.firm.de", "API_SECRET": "hunter2 hunter2"}))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := (Prompt{In: strings.NewReader(""), Out: &out, Yes: true}).Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	want := path + `
  DOMAIN      shop.firm.de  (environment)
  API_SECRET  set           (environment)
  LEVEL       info          (default)
  JWT_SECRET  generated     (generated)
`
	if out.String() != want {
		t.Errorf("the summary is\n%s", out.String())
	}
}
