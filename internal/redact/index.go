package redact

import "strings"

// pattern is one text that must not appear. Of a long one not even a piece of need bytes may, wherever it was cut out.
type pattern struct {
	text string
	need int
}

// index finds pieces of patterns in one pass: every window of Shortest bytes from which a forbidden piece can begin leads
// to the places it has in the patterns, and the match is extended from there.
type index struct {
	seeds  map[uint64][]place
	joined string // all patterns: asked whether a text that is still growing may become a piece of one
	weak   []string
	words  map[string]bool
	keys   map[string]bool
}

type place struct {
	pattern
	at int
}

func newIndex(values, words, keys map[string]bool) *index {
	x := &index{seeds: map[uint64][]place{}, words: words, keys: keys}
	known := map[string]pattern{}
	weak := map[string]bool{}
	for value := range values {
		value = strings.Trim(value, "\r\n")
		if strings.TrimSpace(value) == "" {
			continue
		}
		if isWeak(value, words) {
			for _, text := range spellings(value) {
				weak[text] = true
			}
			continue
		}
		for _, p := range forms(value, words) {
			if old, found := known[p.text]; !found || p.need < old.need {
				known[p.text] = p
			}
		}
	}
	var joined strings.Builder
	for _, p := range known {
		joined.WriteString(p.text)
		joined.WriteByte(0)
		for at := 0; at+p.need <= len(p.text); at++ {
			seed := window(p.text[at:])
			x.seeds[seed] = append(x.seeds[seed], place{p, at})
		}
	}
	for text := range weak {
		x.weak = append(x.weak, text)
		joined.WriteString(text)
		joined.WriteByte(0)
	}
	x.joined = joined.String()
	return x
}

// window packs the first Shortest bytes of s.
func window(s string) uint64 {
	return uint64(s[0])<<40 | uint64(s[1])<<32 | uint64(s[2])<<24 | uint64(s[3])<<16 | uint64(s[4])<<8 | uint64(s[5])
}

// marks says of each byte of s whether it belongs to a forbidden piece; nil when none does. before is what stood in front
// of s: it makes a value of a weak one.
func (x *index) marks(before, s string) []bool {
	var marks []bool
	mark := func(from, to int) {
		if marks == nil {
			marks = make([]bool, len(s))
		}
		for i := max(from, 0); i < to; i++ {
			marks[i] = true
		}
	}
	marked := 0 // every mark of a piece so far ends here or before
	for at := 0; len(x.seeds) > 0 && at+Shortest <= len(s); at++ {
		for _, p := range x.seeds[window(s[at:])] {
			if at > 0 && p.at > 0 && s[at-1] == p.text[p.at-1] {
				continue // found from the byte before; without this a secret of one repeated letter takes forever
			}
			n := shared(s[at:], p.text[p.at:])
			if n < p.need || at+n <= marked || n < len(p.text) && isPartOf(x.words, p.text[p.at:p.at+n]) {
				continue
			}
			mark(max(at, marked), at+n)
			marked = at + n
		}
	}
	if len(x.weak) > 0 {
		x.markWeak(before+s, func(from, to int) { mark(from-len(before), to-len(before)) })
	}
	return marks
}

// open returns how many bytes at the end of s may be the beginning of a forbidden piece. If an end of s is in no pattern,
// no longer end of s is, so the search goes up and stops at the first that is in none.
func (x *index) open(s string) int {
	n := 0
	for n < len(s) && strings.Contains(x.joined, s[len(s)-n-1:]) {
		n++
	}
	return n
}

func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
