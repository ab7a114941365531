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
		if text != "" && !to[text] {
			to[text] = true
			r.index = nil
		}
	}
}

// String returns s without its secrets.
func (r *Redactor) String(s string) string {
	marks := r.current().marks("", s)
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
		r.index = newIndex(r.values, maps.Clone(r.words), maps.Clone(r.keys))
	}
	return r.index
}
