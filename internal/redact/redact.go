// Package redact keeps secrets out of everything an operator or a log reads.
//
// A Redactor is told the values that are secret; what passes through it afterwards holds neither one of them, however it is
// encoded, nor a piece of at least half of one, nor of [telling] bytes:
//
//	secrets := redact.New()
//	secrets.Add(values...)
//	out := secrets.Writer(os.Stderr)
//	defer out.Flush()
//
// The text is decoded, and not the secret encoded: escapes and digits are the tables escapes and alphabets. So a secret costs
// its own length and a sixteenth of that, and a text is read once for each encoding that it may hold.
//
// A value that is also a word of ordinary output, because it is shorter than [Shortest], because everybody takes it, or
// because a service is called so, is hidden only where it stands as a value: POSTGRES_PASSWORD=postgres, "password":
// "postgres", postgres://app:postgres@db. Replacing every "postgres" would tell more about the secret than it hides, and
// make the output useless.
package redact

import (
	"maps"
	"strings"
	"sync"
)

// Replacement stands where a secret stood.
const Replacement = "[redacted]"

// Shortest is the length in bytes below which a value is hidden only where it stands as one.
const Shortest = 6

// Redactor replaces the secrets it was told. It is safe for concurrent use; a secret that is added later applies to
// everything written from then on.
type Redactor struct {
	mu     sync.RWMutex
	values map[string]bool
	words  map[string]bool // of ordinary output, in lower case
	keys   map[string]bool // that hold a secret though their names do not tell, in lower case
	index  *index          // nil when something was added since it was built
}

// New returns a Redactor that knows no secret yet.
func New() *Redactor {
	return &Redactor{values: map[string]bool{}, words: map[string]bool{}, keys: map[string]bool{}}
}

// Add makes the values secret, together with the forms in which programs print them.
func (r *Redactor) Add(values ...string) {
	r.add(r.values, values)
}

// Ordinary tells words of ordinary output that are no secrets wherever they stand alone: the names of services, of the
// project, of images.
func (r *Redactor) Ordinary(words ...string) {
	lower := make([]string, len(words))
	for i, word := range words {
		lower[i] = strings.ToLower(word)
	}
	r.add(r.words, lower)
}

// Keys tells the names of settings whose values are secret though [SecretKey] does not know it.
func (r *Redactor) Keys(keys ...string) {
	lower := make([]string, len(keys))
	for i, key := range keys {
		lower[i] = strings.ToLower(key)
	}
	r.add(r.keys, lower)
}

func (r *Redactor) add(to map[string]bool, texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range texts {
		text = strings.Trim(text, "\r\n") // which end a secret file, and the service drops
		if text != "" && !to[text] {
			to[text] = true
			r.index = nil
		}
	}
}

// String returns s without its secrets.
func (r *Redactor) String(s string) string {
	return r.after("", s)
}

// after is s without its secrets, where before stands in front of it: it may make a value of a common word.
func (r *Redactor) after(before, s string) string {
	marks, _ := r.current().marks(before+s, true)
	if marks == nil {
		return s
	}
	marks = marks[len(before):]
	var out strings.Builder
	for i := range len(s) {
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
		r.index = newIndex(r.values, maps.Clone(r.words), maps.Clone(r.keys))
	}
	return r.index
}
