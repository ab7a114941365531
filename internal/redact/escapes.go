package redact

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escape is a way to write a character as several.
type escape struct {
	first string // the bytes that one begins with
	whole bool   // whole messages are written so, whatever is escaped in them in another way
	// read decodes the one at the beginning of s. length is 0 where there is none, and more is true where what follows s may
	// complete one.
	read func(s string) (decoded string, length int, more bool)
}

// escapes are the ways in which programs print what would mean something else where it stands.
var escapes = []escape{
	{`\`, true, backslash},            // JSON, Go, YAML, C, and what a shell is given
	{"%", true, percent},              // the path and the user of a URL
	{"%+", true, query},               // the query of a URL
	{"&", true, entity},               // HTML and XML
	{"$", false, fixed("$$", "$")},    // docker compose config
	{"'", false, fixed(`'\''`, "'")},  // a shell
	{"'", false, fixed(`'"'"'`, "'")}, // a shell, too
	{"'", false, fixed("''", "'")},    // YAML and SQL
	{`"`, false, fixed(`""`, `"`)},    // CSV and connection strings
}

// decode reads a text with this escape. false where it makes no difference.
func (e escape) decode(v view, final bool) (view, bool) {
	b := builder{of: v}
	copied := 0
	for at := 0; ; {
		next := strings.IndexAny(v.text[at:], e.first)
		if next < 0 {
			break
		}
		at += next
		decoded, length, more := e.read(v.text[at:])
		switch {
		case more && !final:
			b.copy(copied, at)
			return b.view(at), true
		case length == 0:
			at++
		default:
			b.copy(copied, at)
			for i := range len(decoded) {
				b.put(decoded[i], at, at+length)
			}
			at += length
			copied = at
		}
	}
	if copied == 0 {
		return view{}, false
	}
	b.copy(copied, len(v.text))
	return b.view(len(v.text)), true
}

func fixed(text, means string) func(string) (string, int, bool) {
	return func(s string) (string, int, bool) {
		if strings.HasPrefix(s, text) {
			return means, len(text), false
		}
		return "", 0, strings.HasPrefix(text, s)
	}
}

var controls = strings.NewReplacer("a", "\a", "b", "\b", "e", "\x1b", "f", "\f", "n", "\n", "r", "\r", "t", "\t", "v", "\v")

func backslash(s string) (string, int, bool) {
	if len(s) < 2 {
		return "", 0, true
	}
	digits := func(skip, most, base int) (string, int, bool) {
		end := skip
		for end < min(len(s), skip+most) && isDigit(s[end], base) {
			end++
		}
		code, err := strconv.ParseUint(s[skip:end], base, 32)
		short := end-skip < most
		switch {
		case short && end == len(s):
			return "", 0, true
		case err != nil || short && most > 3: // \u and \U have all of theirs
			return s[1:2], 2, false
		case most > 3:
			return string(rune(code)), end, false //nolint:gosec // what is no character becomes U+FFFD
		}
		return string([]byte{byte(code)}), end, false //nolint:gosec // as C has it
	}
	switch c := s[1]; {
	case c == 'u':
		return surrogates(s, digits)
	case c == 'U':
		return digits(2, 8, 16)
	case c == 'x':
		return digits(2, 2, 16)
	case isDigit(c, 8):
		return digits(1, 3, 8)
	}
	return controls.Replace(s[1:2]), 2, false
}

// surrogates reads \uD83D\uDE00, by which JSON means one character, or one \u alone.
func surrogates(s string, digits func(skip, most, base int) (string, int, bool)) (string, int, bool) {
	decoded, length, more := digits(2, 4, 16)
	if more || length != 6 || decoded != string(utf8.RuneError) || s[2] != 'd' && s[2] != 'D' {
		return decoded, length, more
	}
	if rest := s[6:]; len(rest) < 6 {
		return decoded, length, strings.HasPrefix(`\u`, rest) || strings.HasPrefix(rest, `\u`)
	}
	high, _ := strconv.ParseUint(s[2:6], 16, 16)
	low, err := strconv.ParseUint(s[8:12], 16, 16)
	if r := utf16.DecodeRune(rune(high), rune(low)); s[6:8] == `\u` && err == nil && r != utf8.RuneError { //nolint:gosec // of 16 bits
		return string(r), 12, false
	}
	return decoded, length, false
}

func isDigit(c byte, base int) bool {
	value := hexadecimal[c]
	return value >= 0 && int(value) < base
}

func percent(s string) (string, int, bool) {
	for i := 1; i < 3; i++ {
		if len(s) == i {
			return "", 0, true
		}
		if !isDigit(s[i], 16) {
			return "", 0, false
		}
	}
	return string([]byte{byte(hexadecimal[s[1]]<<4 | hexadecimal[s[2]])}), 3, false //nolint:gosec // two digits are a byte
}

func query(s string) (string, int, bool) {
	if s[0] == '+' {
		return " ", 1, false
	}
	return percent(s)
}

// entity reads &amp; and &#38; and &#x26;.
func entity(s string) (string, int, bool) {
	const longest = 12
	end := strings.IndexFunc(s[1:], func(r rune) bool { return r != '#' && !isWord(r) }) + 1
	if end == 0 {
		return "", 0, len(s) < longest
	}
	if s[end] != ';' {
		return "", 0, false
	}
	decoded := html.UnescapeString(s[:end+1])
	if decoded == s[:end+1] {
		return "", 0, false
	}
	return decoded, end + 1, false
}
