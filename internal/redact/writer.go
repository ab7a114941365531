package redact

import (
	"io"
	"strings"
	"sync"
)

// lookBehind is how far a text is looked at again in which a secret was hidden: the rest of it is hidden because of what stood
// before. Elsewhere it is as far as the key of a value may be.
const lookBehind = 512

// Writer passes on what is written to it without the secrets. It holds back only an end of the text that may still grow
// into a piece of a secret, so a whole line passes at once. Call Flush when nothing follows. It is safe for concurrent use.
type Writer struct {
	redactor *Redactor
	to       io.Writer

	mu     sync.Mutex
	before string // the end of what was passed on, as it came
	held   []byte
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
	text := w.before + string(w.held)
	marks, end := w.redactor.current().marks(text, all)
	begin := len(w.before)
	end = max(begin, end)

	out := make([]byte, 0, end-begin+len(Replacement))
	for i := begin; i < end; i++ {
		hidden := marks != nil && marks[i]
		switch {
		case !hidden:
			out = append(out, text[i])
		case !w.after:
			out = append(out, Replacement...)
		}
		w.after = hidden
	}
	back := lookBehind
	if !w.after {
		back = keyBefore
	}
	w.before = strings.Clone(text[max(0, end-back):end])
	w.held = append(w.held[:0], text[end:]...)
	if len(out) == 0 {
		return nil
	}
	_, err := w.to.Write(out)
	return err
}
