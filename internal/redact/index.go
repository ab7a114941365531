package redact

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// index finds pieces of patterns in one pass over a text. Of each pattern it knows a few windows of Shortest bytes, at such
// distances that every forbidden piece holds one of them; where the text has a window, the texts around it are compared. So
// it takes 8 bytes for each 27 of a long secret.
type index struct {
	patterns []pattern
	size     int      // of all patterns together
	places   []uint64 // the hash of a window and, in the lower half, where it is among all patterns; sorted
	filter   filter
	weak     []string
	words    map[string]bool
	keys     map[string]bool
	ends     func() *ends // made when a text is looked at that may go on
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
	x.weak = slices.Collect(maps.Keys(weak))
	x.ends = sync.OnceValue(x.allEnds)
	x.sort()
	return x
}

// add takes the windows of a pattern.
func (x *index) add(p pattern) {
	p.start = x.size
	x.patterns = append(x.patterns, p)
	x.size += len(p.text)
	step := p.need - Shortest + 1
	x.places = slices.Grow(x.places, len(p.text)/step)
	for at := step - 1; at+Shortest <= len(p.text); at += step {
		at = varied(p.text, at, step/2)
		x.places = append(x.places, placed(window(p.text[at:]), p.start+at))
	}
}

// placed is a window that begins at a place.
func placed(window uint64, at int) uint64 {
	return hash(window)&^math.MaxUint32 | uint64(at)&math.MaxUint32 //nolint:gosec // nobody has 4 GB of secrets
}

func hash(window uint64) uint64 { return window * 0x9E3779B97F4A7C15 }

// at is the pattern that a place is in, and where.
func (x *index) at(place uint64) (pattern, int) {
	start := int(place & math.MaxUint32) //nolint:gosec // 32 bits
	i, found := slices.BinarySearchFunc(x.patterns, start, func(p pattern, start int) int { return cmp.Compare(p.start, start) })
	if !found {
		i--
	}
	return x.patterns[i], start - x.patterns[i].start
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
		if i+1 < Shortest {
			continue
		}
		first := placed(w, 0)
		if !x.filter.has(first) {
			continue
		}
		at, _ := slices.BinarySearch(x.places, first)
		for ; at < len(x.places) && x.places[at]>>32 == first>>32; at++ {
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
		before, last := 0, ""
		mark := func(from, to int) {
			if marks == nil {
				marks = make([]bool, len(s))
			}
			for i := v.from(before + from); i < int(v.span(before+to-1).to); i++ {
				marks[i] = true
			}
		}
		v.pieces(func(start int, text string) {
			before, last = start, text
			x.find(text, mark)
			x.findWeak(text, mark)
		})
		if !final {
			end = min(end, v.from(len(v.text)-x.ends().of(last)))
		}
	})
	return marks, end
}

// piece is the piece of a pattern around a window that text has at start; an empty one where it is no forbidden one.
func (x *index) piece(place uint64, text string, start int) (from, to int) {
	pattern, at := x.at(place)
	left, right := 0, 0
	for most := min(len(text)-start, len(pattern.text)-at, Shortest+reach); right < most && text[start+right] == pattern.text[at+right]; {
		right++
	}
	for most := min(start, at, reach); left < most && text[start-left-1] == pattern.text[at-left-1]; {
		left++
	}
	from, to = start-left, start+right
	if n := to - from; right < Shortest || n < pattern.need || n < len(pattern.text) && isPartOf(x.words, text[from:to]) {
		return start, start
	}
	return from, to
}
