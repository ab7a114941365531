// Package redact keeps secrets out of everything an operator or a log reads.
//
// A Redactor is told the values that are secret; what passes through it afterwards holds neither one of them, nor one of
// their usual encodings, nor a piece of at least half of one:
//
//	secrets := redact.New()
//	secrets.Add(values...)
//	out := secrets.Writer(os.Stderr)
//	defer out.Flush()
//
// Values shorter than [Shortest] bytes are ignored: replacing every "abc" of a deployment's output would tell more about
// the secret than it hides, and make the output useless.
package redact

import (
	"strings"
	"sync"
)

// Replacement stands where a secret stood.
const Replacement = "[redacted]"

// Shortest is the length in bytes below which a value is not treated as a secret.
const Shortest = 6

// Redactor replaces the secrets it was told. It is safe for concurrent use; a secret that is added later applies to
// everything written from then on.
type Redactor struct {
	mu    sync.RWMutex
	known map[string]pattern
	index *index // nil when patterns were added since it was built
}

// New returns a Redactor that knows no secret yet.
func New() *Redactor {
	return &Redactor{known: map[string]pattern{}}
}

// Add makes the values secret, together with the forms in which programs print them.
func (r *Redactor) Add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, value := range values {
		for _, p := range forms(value) {
			old, found := r.known[p.text]
			if !found || p.need < old.need {
				r.known[p.text] = p
				r.index = nil
			}
		}
	}
}

// String returns s without its secrets.
func (r *Redactor) String(s string) string {
	marks := r.current().marks(s)
	if marks == nil {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case !marks[i]:
			out.WriteByte(s[i])
		case i == 0 || !marks[i-1]:
			out.WriteString(Replacement)
		}
	}
	return out.String()
}

func (r *Redactor) current() *index {
	r.mu.RLock()
	found := r.index
	r.mu.RUnlock()
	if found != nil {
		return found
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index == nil {
		r.index = newIndex(r.known)
	}
	return r.index
}
