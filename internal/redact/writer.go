package redact

import (
	"io"
	"sync"
)

// Writer passes on what is written to it without the secrets. It holds back only an end of the text that may still grow
// into a secret, so a whole line passes at once. Call Flush when nothing follows. It is safe for concurrent use.
type Writer struct {
	redactor *Redactor
	to       io.Writer

	mu     sync.Mutex
	before string // the end of what was passed on, as it came
	held   []byte
	hidden int  // so many of the first bytes held belong to a secret whose replacement is written
	after  bool // the last byte passed belonged to a secret: one that follows directly needs no replacement of its own
}

// Writer returns a writer in front of w.
func (r *Redactor) Writer(w io.Writer) *Writer {
	return &Writer{redactor: r, to: w}
}

// Write takes all of p; an error comes from the writer behind.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	if err := w.pass(false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what is held back.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(true)
}

// Close flushes. The writer behind stays open: it is not this one's to close.
func (w *Writer) Close() error {
	return w.Flush()
}

func (w *Writer) pass(all bool) error {
	index := w.redactor.current()
	text := string(w.held)
	end := len(text)
	if !all {
		end -= index.open(text)
	}
	marks := index.marks(w.before, text)
	secret := func(i int) bool { return i < w.hidden || marks != nil && marks[i] }

	out := make([]byte, 0, end+len(Replacement))
	for i := range end {
		switch {
		case !secret(i):
			out = append(out, text[i])
		case i == 0 && !w.after, i > 0 && !secret(i-1):
			out = append(out, Replacement...)
		}
	}
	if end > 0 {
		w.after = secret(end - 1)
		hidden := 0
		for w.after && end+hidden < len(text) && secret(end+hidden) {
			hidden++
		}
		w.hidden = hidden
	}
	w.before += text[:end]
	w.before = w.before[max(0, len(w.before)-lookBehind):]
	w.held = append(w.held[:0], text[end:]...)
	if len(out) == 0 {
		return nil
	}
	_, err := w.to.Write(out)
	return err
}
