// Package console is the only room that prints.
//
// Its rules: stdout carries what was asked for, stderr carries progress. Colour is decided for each stream on its
// own, marks the first word of a line only and never carries meaning alone. NO_COLOR and CI switch it off. Every
// byte passes the redactor before it leaves the process. At a terminal a wait is shown live, in a block below the lines.
package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"

	"slipway/internal/redact"
)

// Word is the first word of a line: what happened to the subject that follows it.
type Word string

// The words a line can begin with.
const (
	OK   Word = "ok"
	Skip Word = "skip"
	Run  Word = "run"
	Wait Word = "wait"
	Note Word = "note"
	Warn Word = "warn"
	Fail Word = "FAIL"
)

var colours = map[Word]color.Attribute{
	OK: color.FgGreen, Skip: color.FgCyan, Run: color.FgBlue, Wait: color.FgBlue, Note: color.FgCyan,
	Warn: color.FgYellow, Fail: color.FgRed,
}

// Console writes lines to two streams, each redacted. It is safe for concurrent use.
type Console struct {
	mu         sync.Mutex
	out, err   stream
	secrets    *redact.Redactor
	lives      []*Live
	drawn      bool // a block is on the screen
	width      int  // of the terminal when it was drawn
	unfinished bool // the last line has no end yet
}

type stream struct {
	w        io.Writer
	colour   bool
	terminal bool
	live     bool // it can show what is live
}

// New returns the console over stdout and stderr. What secrets holds, now or later, never reaches either of them.
func New(stdout, stderr io.Writer, secrets *redact.Redactor) *Console {
	return &Console{out: newStream(stdout), err: newStream(stderr), secrets: secrets}
}

func newStream(w io.Writer) stream {
	f, isFile := w.(*os.File)
	terminal := isFile && isatty.IsTerminal(f.Fd())
	live := terminal && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb"
	return stream{w: w, terminal: terminal, live: live, colour: live && os.Getenv("NO_COLOR") == ""}
}

// Terminal reports whether progress is read by a person at a terminal.
func (c *Console) Terminal() bool { return c.err.terminal }

// Line writes one line of progress: a word, its subject, a detail and, where took is not zero, how long it took.
func (c *Console) Line(word Word, subject, detail string, took time.Duration) {
	text := fmt.Sprintf("%-18s %s", subject, detail)
	if took > 0 {
		text = fmt.Sprintf("%-60s %7s", text, seconds(took))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(c.err, c.first(c.err, word)+strings.TrimRight(text, " ")+"\n")
}

// first is the word in its column, coloured where the stream has colour.
func (c *Console) first(s stream, word Word) string {
	padded := fmt.Sprintf("%-5s ", word)
	if !s.colour {
		return padded
	}
	paint := color.New(colours[word], color.Bold)
	paint.EnableColor()
	return paint.Sprint(string(word)) + padded[len(word):]
}

// Below writes lines that belong to the line before them, indented.
func (c *Console) Below(lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range lines {
		c.write(c.err, "      "+line+"\n")
	}
}

// Print writes what was asked for to stdout.
func (c *Console) Print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(c.out, text)
}

// Table writes a line of what was asked for to stdout, its first word coloured like that of a line of progress.
func (c *Console) Table(word Word, subject, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(c.out, c.first(c.out, word)+strings.TrimRight(fmt.Sprintf("%-18s %s", subject, detail), " ")+"\n")
}

// JSON writes v to stdout as indented JSON. Secrets are taken out of its texts and not of its keys.
func (c *Console) JSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, c.secrets.JSON(text), "", "  "); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.show(c.out, indented.String()+"\n")
	return nil
}

// write takes the secrets out of a text.
func (c *Console) write(s stream, text string) { c.show(s, c.secrets.String(text)) }

// show writes what holds no secret any more. It ignores an error: a reader that left (`mage deploy | head`) must not stop a
// deployment. What is live makes way.
func (c *Console) show(s stream, text string) {
	shown := c.drawn
	c.erase()
	_, _ = io.WriteString(s.w, text)
	c.unfinished = !strings.HasSuffix(text, "\n")
	if shown {
		c.draw()
	}
}

// Count is a number with its noun: 1 image, 3 images, 2 addresses.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// seconds is a duration as an operator reads it: 0.1s, 12.4s, 3m05s.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
