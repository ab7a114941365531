package redact

import (
	"cmp"
	"slices"
	"strings"
)

// index finds pieces of patterns in one pass over a text. Of each pattern it knows a few windows of Shortest bytes, at such
// distances that every forbidden piece holds one of them; where the text has a window, the texts around it are compared. So
// it takes about 16 bytes for each 32 of a secret.
type index struct {
	patterns []pattern
	places   []place // in the order of their windows
	filter   filter
	weak     []string
	words    map[string]bool
	keys     map[string]bool
	ends     ends
}

// place is where a window is in a pattern.
type place struct {
	window  uint64
	pattern int32
	at      int32
}

// reach is how far around a window the texts are compared: beyond it are other windows. It bounds what a secret costs that
// repeats itself.
const reach = 2 * telling

func newIndex(values, words, keys map[string]bool) *index {
	x := &index{words: words, keys: keys}
	weak := map[string]bool{}
	for value := range values {
		if strings.TrimSpace(value) == "" {
			continue
		}
		if isWeak(value, words) {
			weak[value] = true
			continue
		}
		eachPattern(value, words, x.add)
	}
	for text := range weak {
		x.weak = append(x.weak, text)
		x.ends.add(text)
	}
	x.sort()
	return x
}

// add takes the windows of a pattern.
func (x *index) add(p pattern) {
	if !p.part {
		x.ends.add(p.text)
	}
	x.patterns = append(x.patterns, p)
	step := int(p.need) - Shortest + 1
	for at := step - 1; at+Shortest <= len(p.text); at += step {
		at = varied(p.text, at, step/2)
		x.places = append(x.places, place{window(p.text[at:]), int32(len(x.patterns) - 1), int32(at)}) //nolint:gosec // a file of at most 16 MiB
	}
}

// varied is a place at most so far back whose window does not repeat a byte, such as the blanks of an indentation: ordinary
// output is full of these.
func varied(text string, at, back int) int {
	for i := at; i > at-back; i-- {
		if isVaried(text[i:]) {
			return i
		}
	}
	return at
}

// isVaried tells whether in a window hardly a byte is the same as the one before it.
func isVaried(s string) bool {
	varied := 0
	for i := 1; i < Shortest; i++ {
		if s[i] != s[i-1] {
			varied++
		}
	}
	return varied >= Shortest-2
}

// sort puts the windows in order and leaves out those around which all is the same.
func (x *index) sort() {
	slices.SortFunc(x.places, func(a, b place) int {
		if order := cmp.Compare(a.window, b.window); order != 0 {
			return order
		}
		return cmp.Or(strings.Compare(x.around(a), x.around(b)), cmp.Compare(min(a.at, reach), min(b.at, reach)))
	})
	x.places = slices.CompactFunc(x.places, func(a, b place) bool {
		return a.window == b.window && min(a.at, reach) == min(b.at, reach) && x.around(a) == x.around(b)
	})
	x.filter = newFilter(len(x.places))
	for _, p := range x.places {
		x.filter.add(p.window)
	}
}

func (x *index) around(p place) string {
	text, at := x.patterns[p.pattern].text, int(p.at)
	return text[max(0, at-reach):min(len(text), at+Shortest+reach)]
}

const windowMask = 1<<(8*Shortest) - 1

// window packs the first Shortest bytes of s.
func window(s string) uint64 {
	var w uint64
	for i := range Shortest {
		w = w<<8 | uint64(s[i])
	}
	return w
}

// find marks the forbidden pieces in a text.
func (x *index) find(text string, mark func(from, to int)) {
	if len(x.places) == 0 {
		return
	}
	var w uint64
	for i := range len(text) {
		w = (w<<8 | uint64(text[i])) & windowMask
		if i+1 < Shortest || !x.filter.has(w) {
			continue
		}
		at, _ := slices.BinarySearchFunc(x.places, w, func(p place, w uint64) int { return cmp.Compare(p.window, w) })
		for ; at < len(x.places) && x.places[at].window == w; at++ {
			if from, to := x.piece(x.places[at], text, i+1-Shortest); to > from {
				mark(from, to)
			}
		}
	}
}

// marks says of each byte of s whether it belongs to what is to be hidden; nil where none does. Where s is not final, what
// follows end may still grow into something that is.
func (x *index) marks(s string, final bool) (marks []bool, end int) {
	end = len(s)
	eachView(s, final, func(v view) {
		mark := func(from, to int) {
			if marks == nil {
				marks = make([]bool, len(s))
			}
			for i := v.from(from); i < int(v.span(to-1).to); i++ {
				marks[i] = true
			}
		}
		x.find(v.text, mark)
		x.findWeak(v.text, mark)
		if !final {
			end = min(end, v.from(len(v.text)-x.ends.of(v.text)))
		}
	})
	return marks, end
}

// piece is the piece of a pattern around a window that text has at start; an empty one where it is no forbidden one.
func (x *index) piece(p place, text string, start int) (from, to int) {
	pattern := x.patterns[p.pattern]
	at := int(p.at)
	left, right := 0, Shortest
	for most := min(start, at, reach); left < most && text[start-left-1] == pattern.text[at-left-1]; {
		left++
	}
	for most := min(len(text)-start, len(pattern.text)-at, Shortest+reach); right < most && text[start+right] == pattern.text[at+right]; {
		right++
	}
	from, to = start-left, start+right
	if n := to - from; n < int(pattern.need) || n < len(pattern.text) && isPartOf(x.words, text[from:to]) {
		return start, start
	}
	return from, to
}

// filter tells of most windows at once that no pattern has them.
type filter struct {
	bits  []uint64
	shift uint
}

func newFilter(n int) filter {
	const each = 16 // bits
	size := uint(12)
	for 1<<size < n*each {
		size++
	}
	return filter{make([]uint64, 1<<(size-6)), 64 - size}
}

func (f filter) slot(window uint64) uint64 { return window * 0x9E3779B97F4A7C15 >> f.shift }

func (f filter) add(window uint64) { s := f.slot(window); f.bits[s>>6] |= 1 << (s & 63) }

func (f filter) has(window uint64) bool {
	s := f.slot(window)
	return f.bits[s>>6]&(1<<(s&63)) != 0
}

// ends tells how much of the end of a text may be the beginning of what is to be hidden.
type ends struct {
	texts []string
	first [256]bool       // the bytes they have
	pairs [1 << 10]uint64 // and which follow each other
}

func (e *ends) add(text string) {
	e.texts = append(e.texts, text)
	for i := range len(text) {
		e.first[text[i]] = true
		if i > 0 {
			pair := uint(text[i-1])<<8 | uint(text[i])
			e.pairs[pair>>6] |= 1 << (pair & 63)
		}
	}
}

// of is the length of the longest end of s that is somewhere in the texts; no more than reach, since a longer one is hidden
// already.
func (e *ends) of(s string) int {
	if s == "" || !e.first[s[len(s)-1]] {
		return 0
	}
	most := 1
	for most < min(len(s), reach) {
		pair := uint(s[len(s)-most-1])<<8 | uint(s[len(s)-most])
		if e.pairs[pair>>6]&(1<<(pair&63)) == 0 {
			break
		}
		most++
	}
	// If an end of s is in no text, no longer one is.
	least := 1
	for least < most {
		middle := (least + most + 1) / 2
		if e.has(s[len(s)-middle:]) {
			least = middle
		} else {
			most = middle - 1
		}
	}
	return least
}

func (e *ends) has(part string) bool {
	return slices.ContainsFunc(e.texts, func(text string) bool { return strings.Contains(text, part) })
}
