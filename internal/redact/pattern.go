package redact

import (
	"strings"
	"unicode/utf8"
)

// pattern is one text that must not appear, nor any piece of it of need bytes.
type pattern struct {
	text string
	need int
	part bool // of another pattern

	start int // among all patterns of an index
}

const (
	// longEnoughToHalve is the length from which a piece of a secret is worth hiding too. Half of a shorter one would be an
	// ordinary word too often.
	longEnoughToHalve = 12
	// telling is the length from which every piece is hidden, however long the secret: less than a line of a PEM file.
	telling = 32
	// longestVariable is the length up to which the kernel takes a variable of the environment.
	longestVariable = 128 << 10
)

// eachPattern tells the texts that give a secret away: itself, its lines, and what Compose says of it. What is a word of ordinary
// output is left out.
func eachPattern(value string, words map[string]bool, tell func(pattern)) {
	add := func(text string, part bool) {
		if isWeak(text, words) {
			return
		}
		need := len(text)
		if need >= longEnoughToHalve {
			need = min((need+1)/2, telling)
		}
		tell(pattern{text: text, need: need, part: part})
	}
	add(value, false)
	if !utf8.ValidString(value) { // this is what JSON makes of it
		add(strings.Map(func(r rune) rune { return r }, value), false)
	}
	part := func(text string) { add(text, true) }
	eachLine(value, part)
	if len(value) <= longestVariable {
		eachFragment(value, part, func(warning string) { tell(pattern{text: warning, need: len(warning)}) })
	}
}

// eachLine tells the lines of a secret of several, because a log prints each behind a prefix: those that are so short that half
// of one is not a telling piece of the whole. The frame of a PEM block is no secret.
func eachLine(value string, line func(string)) {
	if !strings.ContainsAny(value, "\r\n") {
		return
	}
	for text := range strings.Lines(value) {
		text = strings.TrimSpace(text)
		if len(text) < 2*telling && !strings.HasPrefix(text, "-----") {
			line(text)
		}
	}
}

// eachFragment tells what Compose makes of `pa$word` unquoted in an env file: it takes word for a variable, and warns that it
// is not set. A short name is hidden in that warning only, a long one everywhere.
func eachFragment(value string, fragment, warning func(string)) {
	before, rest, found := strings.Cut(value, "$")
	if !found {
		return
	}
	fragment(before)
	for rest := range strings.SplitSeq(rest, "$") {
		fragment(rest)
		name := strings.TrimPrefix(rest, "{")
		if end := strings.IndexFunc(name, func(r rune) bool { return !isWord(r) }); end >= 0 {
			name = name[:end]
		}
		if name != "" {
			fragment(name)
			warning(`"` + name + `" variable is not set`)
		}
	}
}
