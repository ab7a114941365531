package redact

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// sort puts the windows in order and leaves out those around which all is the same.
func (x *index) sort() {
	x.places = sorted(x.places)
	kept := x.places[:0]
	for rest := x.places; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n]>>32 == rest[0]>>32 {
			n++
		}
		same := rest[:n]
		if n > 1 {
			slices.SortFunc(same, x.compareAround)
			same = slices.CompactFunc(same, func(a, b uint64) bool { return x.compareAround(a, b) == 0 })
		}
		kept = append(kept, same...)
		rest = rest[n:]
	}
	x.places = kept
	x.filter = newFilter(len(x.places))
	for _, place := range x.places {
		x.filter.add(place)
	}
}

// sorted is slices.Sort for hashes, which are spread evenly: first each comes to those with the same first bits, of which there
// are few.
func sorted(places []uint64) []uint64 {
	shift := 64 - bits.Len(uint(len(places)))
	next := make([]int, 1<<(64-shift)+1) // for each of those first bits, where its next place goes
	for _, place := range places {
		next[place>>shift+1]++
	}
	for i := 1; i < len(next); i++ {
		next[i] += next[i-1]
	}
	all := make([]uint64, len(places))
	for _, place := range places {
		at := &next[place>>shift]
		all[*at] = place
		*at++
	}
	begin := 0
	for _, end := range next[:len(next)-1] {
		slices.Sort(all[begin:end])
		begin = end
	}
	return all
}

// compareAround compares what two windows see of their patterns.
func (x *index) compareAround(a, b uint64) int {
	p, at := x.at(a)
	q, other := x.at(b)
	left, right := p.text[max(0, at-reach):at], p.text[at:min(len(p.text), at+Shortest+reach)]
	return cmp.Or(
		strings.Compare(left, q.text[max(0, other-reach):other]),
		strings.Compare(right, q.text[other:min(len(q.text), other+Shortest+reach)]))
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

func (f filter) add(place uint64) { s := place >> f.shift; f.bits[s>>6] |= 1 << (s & 63) }

func (f filter) has(place uint64) bool {
	s := place >> f.shift
	return f.bits[s>>6]&(1<<(s&63)) != 0
}
