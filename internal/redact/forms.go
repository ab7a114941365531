package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// longEnoughToHalve is the length from which a piece of a secret is worth hiding too. Half of a shorter one would be an
// ordinary word too often.
const longEnoughToHalve = 12

var variable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// forms returns the texts in which programs print the value: as it is, line by line, encoded, and as Compose leaks it. A
// secret file often ends in a newline that the service drops; value is without. What is a word of ordinary output is left out.
func forms(value string, words map[string]bool) []pattern {
	var all []pattern
	add := func(text string) {
		if isWeak(text, words) {
			return
		}
		need := len(text)
		if need >= longEnoughToHalve {
			need = (need + 1) / 2
		}
		all = append(all, pattern{text, need})
	}
	for _, text := range append([]string{value}, lines(value)...) {
		for _, form := range encodings(text) {
			add(form)
		}
	}
	// With `pa$word` unquoted in an env file, Compose takes word for a variable and warns that it is not set. A short name
	// is hidden in that warning only, a long one everywhere.
	for _, found := range variable.FindAllStringSubmatch(value, -1) {
		name := found[1]
		add(name)
		for _, quote := range []string{`"`, `\"`} {
			warning := quote + name + quote + " variable is not set"
			all = append(all, pattern{warning, len(warning)})
		}
	}
	if strings.Contains(value, "$") {
		for piece := range strings.SplitSeq(value, "$") {
			add(piece)
		}
	}
	return all
}

// lines returns the lines of a secret of several, because a log prints each behind a prefix. The frame of a PEM block is
// no secret.
func lines(value string) []string {
	if !strings.ContainsAny(value, "\r\n") {
		return nil
	}
	var all []string
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		if len(line) >= Shortest && !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	return all
}

// spellings are the encodings that leave a plain word as it is.
func spellings(value string) []string {
	return []string{
		value,
		url.QueryEscape(value),
		url.PathEscape(value),
		strings.TrimPrefix(url.UserPassword("", value).String(), ":"),
		jsonText(value, true),
		jsonText(value, false),
		strings.ReplaceAll(value, "$", "$$"), // compose config
		strings.ReplaceAll(value, "'", `'\''`),
	}
}

func encodings(value string) []string {
	all := append(spellings(value), hex.EncodeToString([]byte(value)))
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			all = append(all, base64Inside(encoding, value, before))
		}
	}
	return all
}

// base64Inside returns those characters of an encoding that depend on the value alone, when before bytes (modulo 3) stand
// before it and anything behind it: `Authorization: Basic` encodes "user:password".
func base64Inside(encoding *base64.Encoding, value string, before int) string {
	text := encoding.EncodeToString(append(make([]byte, before), value...))
	first := (before*8 + 5) / 6
	last := (before + len(value)) * 8 / 6
	return text[first:last]
}

func jsonText(value string, html bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(html)
	if encoder.Encode(value) != nil { // a string always encodes
		return value
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(out.String()), `"`), `"`)
}
