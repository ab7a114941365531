package console

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"slipway/internal/redact"
)

func row(subject, detail string) Row {
	return Row{Word: Wait, Subject: subject, Detail: detail, Since: time.Now()}
}

func TestBlockIsGoneWhenTheWaitEndsAndLinesStay(t *testing.T) {
	s := newScreen(t, 80, 24)
	s.console.Line(Run, "rollout.web", "never run", 0)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", "starting"), row("database", "not healthy yet")})
	s.awaitText(t, "wait  database")
	live.Show([]Row{row("web", "starting")})
	s.await(t, "web alone", func(text string) bool {
		return strings.Contains(text, "wait  web") && !strings.Contains(text, "database")
	})
	live.End()
	live.End()
	live.Show([]Row{row("web", "too late")})
	s.console.Line(OK, "rollout.web", "started", 0)
	s.mustEndAs(t, "run   rollout.web        never run", "ok    rollout.web        started")
}

func TestLinesAndTablesAppearAboveTheBlock(t *testing.T) {
	s := newScreen(t, 80, 8)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", "starting"), row("database", "starting")})
	s.awaitText(t, "wait  database")
	var wanted []string
	for i := range 12 {
		line := fmt.Sprintf("note  %-18s line %d", "web", i)
		switch i % 3 {
		case 0:
			s.console.Line(Note, "web", fmt.Sprintf("line %d", i), 0)
		case 1:
			s.console.Print(line + "\n")
		case 2:
			s.console.Table(Note, "web", fmt.Sprintf("line %d", i))
		}
		wanted = append(wanted, line)
	}
	s.await(t, "the block below the last line", func(string) bool {
		lines := s.lines()
		n := len(lines)
		return n == 8 && strings.HasSuffix(lines[5], "line 11") &&
			strings.HasPrefix(lines[6], "wait  web") && strings.HasPrefix(lines[7], "wait  database")
	})
	live.End()
	s.console.Line(Note, "last", "", 0)
	s.awaitText(t, "note  last")
	got := s.lines()
	if want := append(wanted[12-len(got)+1:], "note  last"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the screen shows\n%s", s.text())
	}
}

func TestAgeCountsByItself(t *testing.T) {
	s := newScreen(t, 80, 24)
	live := s.console.Live(t.Context())
	live.Show([]Row{{Word: Wait, Subject: "web", Detail: "starting", Since: time.Now().Add(-72 * time.Second)}})
	s.awaitText(t, "wait  web                  1m12s  starting")
	s.awaitText(t, "1m13s")
}

func TestBlockFitsANarrowTerminal(t *testing.T) {
	s := newScreen(t, 30, 24)
	s.console.Line(Note, "before", "", 0)
	live := s.console.Live(t.Context())
	live.Show([]Row{
		row("a", strings.Repeat("long ", 40)), row("b", strings.Repeat("広い", 40)), row(strings.Repeat("name-", 20), "x"),
	})
	s.awaitText(t, "wait  name-")
	for _, line := range s.lines() {
		if w := ansi.StringWidth(line); w > 29 {
			t.Errorf("%d wide: %q", w, line)
		}
	}
	if n := len(s.lines()); n != 4 {
		t.Errorf("%d lines:\n%s", n, s.text())
	}
	live.End()
	s.mustEndAs(t, "note  before")
}

func TestBlockFitsAShortTerminal(t *testing.T) {
	s := newScreen(t, 60, 6)
	s.console.Line(Note, "before", "", 0)
	var rows []Row
	for i := range 200 {
		rows = append(rows, row(fmt.Sprintf("s%d", i), "starting"))
	}
	live := s.console.Live(t.Context())
	live.Show(rows)
	s.awaitText(t, "… and 197 more")
	if lines := s.lines(); len(lines) != 5 || lines[0] != "note  before" {
		t.Errorf("%q", lines)
	}
	s.resize(t, 60, 3)
	s.awaitText(t, "… and 200 more")
	live.End()
	s.mustEndAs(t, "note  before")
}

func TestBlockFollowsAResize(t *testing.T) {
	s := newScreen(t, 80, 24)
	s.console.Line(Note, "before", "", 0)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", strings.Repeat("x", 30)+" end")})
	s.awaitText(t, " end")
	s.resize(t, 40, 24)
	s.awaitText(t, "xxx…")
	s.resize(t, 80, 24)
	s.awaitText(t, " end")
	live.End()
	s.mustEndAs(t, "note  before")
}

func TestBlockShowsNoSecret(t *testing.T) {
	const secret = "s3cr3t-and-long-enough"
	s := newScreen(t, 48, 24, secret)
	live := s.console.Live(t.Context())
	live.Show([]Row{
		row("plain", "password "+secret),
		row("hidden", "s3cr3t\x1b[31m-and-\x1b[0mlong-enough"),
		row("cut", "0123456789 "+secret), // would be cut off within the secret
	})
	s.awaitText(t, "wait  cut")
	if text := s.text(); strings.Contains(text, "s3cr") || !strings.Contains(text, "[reda") {
		t.Errorf("\n%s", text)
	}
	if strings.Contains(s.written(), "s3cr") {
		t.Error("the secret was written")
	}
}

func TestDetailCannotMoveTheCursor(t *testing.T) {
	s := newScreen(t, 80, 24)
	s.console.Line(Note, "before", "", 0)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", "one\ntwo\r\x1b[2J\x1b[Hthree\tfour\a\x1b[?25l"), row("other", "starting")})
	s.awaitText(t, "wait  other")
	if text := s.text(); !strings.Contains(text, "one two three four") || !strings.HasPrefix(text, "note  before\nwait  web") {
		t.Errorf("\n%s", text)
	}
	live.End()
	s.mustEndAs(t, "note  before")
}

// Whatever the process ends by, a terminal that only had text, colour and movements within the block is as it was.
func TestTerminalIsLeftAsItWas(t *testing.T) {
	s := newScreen(t, 80, 24)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", "starting"), row("database", "starting")})
	s.awaitText(t, "wait  database")
	live.End()
	s.mustEndAs(t)
	harmless := regexp.MustCompile(`\x1b\[[0-9;]*[mKJA]`)
	if rest := harmless.ReplaceAllString(s.written(), ""); strings.ContainsRune(rest, '\x1b') {
		t.Errorf("%q", rest)
	}
}

func TestColourMarksTheFirstWordOnly(t *testing.T) {
	s := newScreen(t, 80, 24)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", "starting")})
	s.awaitText(t, "wait  web")
	if !regexp.MustCompile(`\x1b\[34;1mwait\x1b\[[0-9;]*m  web [^\x1b]*starting\x1b\[J`).MatchString(s.written()) {
		t.Errorf("%q", s.written())
	}
}

func TestNoColourIsStillLive(t *testing.T) {
	s := newScreen(t, 80, 24)
	t.Setenv("NO_COLOR", "1")
	s.console = New(s.tty, s.tty, redact.New())
	live := s.console.Live(t.Context())
	defer live.End()
	live.Show([]Row{row("web", "starting")})
	s.awaitText(t, "wait  web")
	if regexp.MustCompile(`\x1b\[[0-9;]*m`).MatchString(s.written()) {
		t.Errorf("%q", s.written())
	}
}

func TestBlockIsGoneWhenTheContextEnds(t *testing.T) {
	s := newScreen(t, 80, 24)
	s.console.Line(Note, "before", "", 0)
	ctx, cancel := context.WithCancel(t.Context())
	s.console.Live(ctx).Show([]Row{row("web", "starting")})
	s.awaitText(t, "wait  web")
	if _, err := s.tty.WriteString("^C"); err != nil { // as the terminal echoes it
		t.Fatal(err)
	}
	cancel()
	s.await(t, "the first line alone", func(text string) bool { return text == "note  before" })
	s.mustEndAs(t, "note  before")
}

func TestNothingIsLiveAfterEndLive(t *testing.T) {
	s := newScreen(t, 80, 24)
	live := s.console.Live(t.Context())
	live.Show([]Row{row("web", "starting")})
	s.awaitText(t, "wait  web")
	s.console.EndLive()
	live.Show([]Row{row("web", "again")})
	if s.console.Live(t.Context()) != nil {
		t.Error("another block began")
	}
	s.console.Line(Fail, "deploy", "left at once", 0)
	time.Sleep(2 * period) // what must not happen has no event to wait for
	live.End()
	s.mustEndAs(t, "FAIL  deploy             left at once")
}

func TestSeveralWaitsShareTheScreen(t *testing.T) {
	s := newScreen(t, 100, 30)
	var waits sync.WaitGroup
	for i := range 8 {
		waits.Go(func() {
			live := s.console.Live(t.Context())
			defer live.End()
			for j := range 50 {
				live.Show([]Row{row(fmt.Sprintf("s%d", i), fmt.Sprintf("change %d", j))})
				s.console.Line(Note, fmt.Sprintf("s%d", i), fmt.Sprintf("line %d", j), 0)
				time.Sleep(time.Millisecond * time.Duration(5+i))
			}
		})
	}
	waits.Wait()
	s.console.Line(Note, "last", "", 0)
	s.awaitText(t, "note  last")
	for _, line := range s.lines() {
		if !strings.HasPrefix(line, "note  ") {
			t.Errorf("left on the screen: %q", line)
		}
	}
	if n := strings.Count(s.written(), "note\x1b"); n != 8*50+1 {
		t.Errorf("%d lines", n)
	}
}

func TestWithoutATerminalNothingIsLive(t *testing.T) {
	var out bytes.Buffer
	c := New(&out, &out, redact.New())
	if c.Live(t.Context()) != nil {
		t.Error("live without a terminal")
	}
	c.Line(Wait, "web", "starting", 0)
	c.EndLive()
	if got, want := out.String(), "wait  web                starting\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s := newScreen(t, 80, 24)
	for _, variable := range []string{"CI=true", "TERM=dumb"} {
		t.Run(variable, func(t *testing.T) {
			key, value, _ := strings.Cut(variable, "=")
			t.Setenv(key, value)
			if New(s.tty, s.tty, redact.New()).Live(t.Context()) != nil {
				t.Error("live")
			}
		})
	}
}
