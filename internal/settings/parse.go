package settings

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/joho/godotenv"
)

// A statement is a piece of an env file that is kept as it is: an assignment, or a comment or blank line without a key.
type statement struct {
	raw   string // with its newline
	line  int
	key   string
	value string
}

var (
	keyName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	assignment = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([^=]*?)=`)
	trailer    = regexp.MustCompile(`^[ \t]*(?:[ \t]#[^\n]*)?(?:\n|$)`)

	// bash refuses to set these, or gives them values of its own.
	bashOwns = map[string]bool{"UID": true, "EUID": true, "PPID": true, "SHELLOPTS": true, "BASHOPTS": true, "BASH_VERSINFO": true, "GROUPS": true}
)

// parse splits an env file into statements and finds everything in it that godotenv, Compose and bash do not read alike.
// The first two are asked; of bash's language only a part is accepted whose meaning is the same in all three: a plain
// word, 'anything without a quote', "anything without $, `, \ or quote".
func parse(path string, data []byte) ([]statement, []Problem) {
	if problems := checkBytes(path, data); problems != nil {
		return nil, problems
	}
	var statements []statement
	var problems []Problem
	seen := map[string]int{}
	text, line := string(data), 1
	for text != "" {
		s, rest, err := next(text)
		s.line = line
		switch first, repeated := seen[s.key]; {
		case err != nil:
			problems = append(problems, Problem{Path: path, Line: line, Key: s.key, Why: err.Error()})
		case s.key != "" && repeated:
			problems = append(problems, Problem{Path: path, Line: line, Key: s.key, Why: fmt.Sprintf("is already set in line %d", first)})
		case s.key != "":
			seen[s.key] = line
		}
		statements = append(statements, s)
		line += strings.Count(s.raw, "\n")
		text = rest
	}
	if problems == nil {
		problems = compare(path, data, statements)
	}
	return statements, problems
}

// checkBytes refuses what no line of a text file holds.
func checkBytes(path string, data []byte) []Problem {
	problem := func(at int, why, remedy string) []Problem {
		return []Problem{{Path: path, Line: 1 + bytes.Count(data[:at], []byte("\n")), Why: why, Remedy: remedy}}
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return problem(0, "starts with a byte order mark, which becomes a part of the first key", `sed -i '1s/^\xef\xbb\xbf//' `+path)
	}
	if at := bytes.IndexByte(data, '\r'); at >= 0 {
		return problem(at, "has Windows line ends, which bash makes a part of the value", `sed -i 's/\r$//' `+path)
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return problem(at, "holds a zero byte; it is no text file", "")
	}
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return problem(at, "is not UTF-8", "")
		}
		at += size
	}
	return nil
}

// next cuts the first statement off the text. The error names what is wrong with it and holds nothing of its value.
func next(text string) (statement, string, error) {
	line, _, _ := strings.Cut(text, "\n")
	whole := len(line)
	if whole < len(text) {
		whole++
	}
	s := statement{raw: text[:whole]}
	if word := strings.TrimLeft(line, " \t"); word == "" || word[0] == '#' {
		return s, text[whole:], nil
	}
	found := assignment.FindStringSubmatch(line)
	if found == nil {
		return s, text[whole:], errors.New("the line is neither KEY=value nor a comment")
	}
	if !keyName.MatchString(found[1]) {
		return s, text[whole:], errors.New("the name before = is not made of letters, digits and underscores alone")
	}
	s.key = found[1]
	if bashOwns[s.key] {
		return s, text[whole:], errors.New("bash keeps this name for itself")
	}
	value := text[len(found[0]):]
	if value != "" && (value[0] == '\'' || value[0] == '"') {
		var size int
		var err error
		s.value, size, err = quoted(value)
		s.raw = text[:len(found[0])+size]
		return s, text[len(s.raw):], err
	}
	var err error
	s.value, err = plain(line[len(found[0]):])
	return s, text[whole:], err
}

// quoted reads a value in quotes at the beginning of text, and what follows it on its last line. Where the quote is not
// closed it takes all of the text: what follows may be the rest of a secret, and must not be read as keys.
func quoted(text string) (value string, size int, err error) {
	mark := text[:1]
	end := strings.Index(text[1:], mark)
	if end < 0 {
		return "", len(text), errors.New("its quote is never closed")
	}
	value = text[1 : 1+end]
	tail := trailer.FindString(text[end+2:])
	size = end + 2 + len(tail)
	stray := tail == "" && text[end+2:] != ""
	if stray {
		size = len(text)
		if stop := strings.IndexByte(text[end+2:], '\n'); stop >= 0 {
			size = end + 2 + stop + 1
		}
	}
	switch {
	case stray && strings.Contains(value, "\n"):
		return "", len(text), errors.New("its quote is not closed in its line")
	case mark == `"` && strings.ContainsAny(value, "$`\\"):
		return "", size, errors.New("holds $, ` or \\ in double quotes, which are not read alike: use single quotes")
	case strings.HasSuffix(value, `\`):
		return "", size, errors.New("ends with a backslash before its quote, which is not read alike")
	case stray:
		return "", size, errors.New("something follows its closing quote")
	}
	return value, size, nil
}

// plain reads a value without quotes from the rest of its line.
func plain(rest string) (string, error) {
	value := rest
	if at := strings.Index(rest, " #"); at >= 0 {
		value = rest[:at]
	}
	trimmed := strings.TrimRight(value, " \t")
	switch {
	case trimmed == "" && strings.Contains(rest, "#"):
		return "", errors.New("is blank with a comment behind it, which is not read alike")
	case strings.TrimLeft(trimmed, " \t") != trimmed:
		return "", errors.New("has a space after =, which bash takes for the end of the value")
	case strings.ContainsAny(trimmed, " \t"):
		return "", errors.New("holds a space without quotes: put it in single quotes")
	case strings.Contains(trimmed, "$"):
		return "", errors.New("holds a $ without quotes: put it in single quotes")
	case strings.ContainsFunc(trimmed, func(r rune) bool { return !isPlain(r) && r != '#' }):
		return "", errors.New("holds a character that needs single quotes")
	}
	return trimmed, nil
}

// isPlain tells whether bash, Compose and godotenv take the character for itself, without quotes, anywhere in a value.
func isPlain(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	case r < unicode.MaxASCII:
		return strings.ContainsRune("_@%+,./:=-", r)
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// compare asks the two parsers. Their errors quote what they cannot read, so nothing of them is passed on.
func compare(path string, data []byte, statements []statement) []Problem {
	first, err := godotenv.UnmarshalBytes(data)
	if err != nil {
		return []Problem{{Path: path, Why: "cannot be read by godotenv"}}
	}
	second, err := dotenv.UnmarshalBytesWithLookup(data, nil)
	if err != nil {
		return []Problem{{Path: path, Why: "cannot be read by Compose"}}
	}
	var problems []Problem
	for _, s := range statements {
		if s.key != "" && (first[s.key] != s.value || second[s.key] != s.value) {
			problems = append(problems, Problem{Path: path, Line: s.line, Key: s.key, Why: "is not read alike by godotenv, Compose and bash: put it in single quotes"})
		}
		delete(first, s.key)
		delete(second, s.key)
	}
	if problems == nil && len(first)+len(second) > 0 {
		problems = append(problems, Problem{Path: path, Why: "holds a line that godotenv or Compose reads as a setting and bash does not"})
	}
	return problems
}
