package redact

import (
	"slices"
	"strings"
)

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

// allEnds are those of the weak values and of all patterns but the parts, which are in others.
func (x *index) allEnds() *ends {
	e := &ends{}
	for _, text := range x.weak {
		e.add(text)
	}
	for _, p := range x.patterns {
		if !p.part {
			e.add(p.text)
		}
	}
	return e
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
