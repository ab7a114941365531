package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/sirupsen/logrus"
)

// A statement is a piece of an env file that is kept as it is: an assignment, or a comment or blank line without a key.
type statement struct {
	raw   string // with its newline
	line  int
	key   string
	text  string // the value as it is written, before variables are replaced in it
	quote byte   // what it stands in: ', " or 0
	after string // the key in the same line behind whose closing quote this one begins
	bad   error  // why it is none
}

// inDoubleQuotes is the form in which Compose reads any text as it is.
const inDoubleQuotes = `write the value in double quotes, with a \ before each ", $ and \ in it`

var (
	blanks = " \t\v\f\r\u0085\u00a0" // what Compose takes for a space inside a line
	export = regexp.MustCompile(`^export[\s\v\x{85}\x{a0}]+`)
	name   = regexp.MustCompile(`^[\pL\pN_.\[\]-]+$`)
)

// parse reads an env file: where its statements are, so that one can be replaced, and the values, which are those that
// Compose's own parser reads.
func parse(path string, data []byte, lookup func(string) (string, bool)) ([]statement, map[string]string, []Problem) {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return nil, nil, []Problem{{Path: path, Line: 1 + bytes.Count(data[:at], []byte("\n")), Why: "holds a zero byte; it is no text file"}}
	}
	logrus.SetOutput(io.Discard) // the library warns with fragments of a password that holds a dollar sign
	statements := split(string(data))
	values, err := dotenv.ParseWithLookup(bytes.NewReader(data), lookup)
	var problems []Problem
	for _, s := range statements {
		if problem := s.problem(values, err, lookup); problem != nil {
			problem.Path, problem.Line = path, s.line
			problems = append(problems, *problem)
		}
	}
	if err != nil && problems == nil { // its text quotes what it cannot read
		problems = []Problem{{Path: path, Why: "cannot be read by Compose"}}
	}
	return statements, values, problems
}

// split cuts an env file into statements, at the places where Compose's parser does.
func split(text string) []statement {
	var statements []statement
	line, after := 1, ""
	if rest, found := strings.CutPrefix(text, "\ufeff"); found {
		statements, text = []statement{{raw: "\ufeff", line: 1}}, rest
	}
	for text != "" {
		s := next(text)
		s.line, s.after = line, after
		after = ""
		if s.quote != 0 && !strings.HasSuffix(s.raw, "\n") {
			after = s.key
		}
		statements = append(statements, s)
		line += strings.Count(s.raw, "\n")
		text = text[len(s.raw):]
	}
	return statements
}

// next cuts the first statement off the text. It ends with its line; behind a quote, only where nothing but a comment follows.
func next(text string) statement {
	line, _, _ := strings.Cut(text, "\n")
	whole := min(len(line)+1, len(text))
	s := statement{raw: text[:whole]}
	word := strings.TrimLeft(line, blanks)
	if word == "" || word[0] == '#' {
		return s
	}
	word = export.ReplaceAllString(word, "")
	end := strings.IndexAny(word, "=:")
	if end < 0 {
		if !name.MatchString(strings.TrimRight(word, blanks)) || whole == len(line) {
			s.bad = errors.New("the line is neither KEY=value nor a comment")
		}
		return s // a name alone is taken from the environment
	}
	key := strings.TrimRight(word[:end], blanks)
	if !name.MatchString(key) {
		s.bad = errors.New("the name before = is not made of letters, digits and underscores alone")
		return s
	}
	s.key = key
	start := len(line) - len(strings.TrimLeft(word[end+1:], blanks))
	if start == len(line) || line[start] != '\'' && line[start] != '"' {
		value, _, _ := strings.Cut(line[start:], " #")
		s.text = strings.TrimSpace(value)
		return s
	}
	s.quote = line[start]
	size := quoted(text[start:])
	if size < 0 {
		s.raw, s.bad = text, errors.New("its quote is never closed") // what follows may be the rest of a secret
		return s
	}
	s.text = text[start+1 : start+size-1]
	tail, _, ended := strings.Cut(text[start+size:], "\n")
	s.raw = text[:start+size]
	if rest := strings.TrimLeft(tail, blanks); rest == "" || rest[0] == '#' {
		s.raw = text[:start+size+len(tail)]
		if ended {
			s.raw += "\n"
		}
	}
	return s
}

// quoted returns the length of what is in quotes at the beginning of the text; -1 where they are never closed.
func quoted(text string) int {
	for at := 1; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case text[0]:
			return at + 1
		}
	}
	return -1
}

// problem says why the statement cannot be used, without its value. failed is what Compose says of the whole file.
func (s statement) problem(values map[string]string, failed error, lookup func(string) (string, bool)) *Problem {
	switch {
	case s.bad != nil && s.after != "":
		return &Problem{Key: s.after, Why: "something follows its closing quote", Remedy: "put all of the value in one pair of quotes, with a \\ before each such quote in it"}
	case s.bad != nil && s.key != "":
		return &Problem{Key: s.key, Why: s.bad.Error(), Remedy: "close it; or, where the quote belongs to the value, " + inDoubleQuotes}
	case s.bad != nil:
		return &Problem{Why: s.bad.Error()}
	case !utf8.ValidString(values[s.key]):
		return &Problem{Key: s.key, Why: "is not UTF-8; the service would get other characters"}
	case failed == nil || s.key == "":
		return nil
	}
	_, err := dotenv.ParseWithLookup(strings.NewReader(s.raw), func(key string) (string, bool) {
		if value, found := lookup(key); found {
			return value, true
		}
		value, found := values[key]
		return value, found
	})
	var required *template.MissingRequiredError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &required):
		return &Problem{Key: s.key, Why: "needs a variable that is not set", Remedy: literal}
	}
	return &Problem{Key: s.key, Why: "holds a ${ that begins no variable", Remedy: literal}
}

// literal is how to write a dollar sign, in quotes or not; in single quotes it is one already.
const literal = "where a $ belongs to the value, write it as $$"

// String keeps the values out of whatever prints a statement.
func (s statement) String() string { return fmt.Sprintf("line %d: %s", s.line, s.key) }
