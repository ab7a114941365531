package composelint

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Unset is a variable that a compose file uses without a default and nobody has set.
type Unset struct {
	Name string
	File string
	Line int // of its first use
}

// String says it in one sentence.
func (u Unset) String() string {
	return fmt.Sprintf("%s is not set; it becomes an empty string: %s line %d", u.Name, u.File, u.Line)
}

// Unsets finds the variables of which Compose would warn, each once. lookup is the environment that the files are
// resolved with. An included file with an env file of its own is left out: its values are not known here.
func Unsets(files []File, lookup func(string) (string, bool)) []Unset {
	var found []Unset
	seen := map[string]bool{}
	for _, file := range files {
		if file.ownValues {
			continue
		}
		for _, document := range file.documents {
			file.unsets(document, lookup, func(u Unset) {
				if !seen[u.Name] {
					seen[u.Name] = true
					found = append(found, u)
				}
			})
		}
	}
	return found
}

// unsets looks at every value below a node, in the order of the file. Compose replaces nothing in keys.
func (f File) unsets(n *yaml.Node, lookup func(string) (string, bool), add func(Unset)) {
	switch n.Kind {
	case yaml.ScalarNode:
		for _, use := range Uses(n.Value, lookup) {
			line := n.Line
			if n.Style&yaml.LiteralStyle != 0 { // its text begins below the |
				line += 1 + strings.Count(n.Value[:use.At], "\n")
			}
			add(Unset{Name: use.Name, File: f.Path, Line: line})
		}
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			f.unsets(n.Content[i], lookup, add)
		}
	case yaml.SequenceNode, yaml.DocumentNode:
		for _, one := range n.Content {
			f.unsets(one, lookup, add)
		}
	}
}

// Use is a variable without a value, and where in the text its $ is.
type Use struct {
	Name string
	At   int
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)

// Uses finds the variables of a text that Compose would replace by nothing: $X and ${X} without a value, also in a default
// that counts. $$ is a dollar sign; ${X?} is an error of Compose and no use here.
func Uses(text string, lookup func(string) (string, bool)) []Use {
	var found []Use
	for at := 0; at < len(text); at++ {
		if text[at] != '$' {
			continue
		}
		rest := text[at+1:]
		if strings.HasPrefix(rest, "$") {
			at++
			continue
		}
		braced := strings.HasPrefix(rest, "{")
		if braced {
			rest = rest[1:]
		}
		name := variable.FindString(rest)
		value, set := lookup(name)
		rest = rest[len(name):]
		switch end := closing(rest); {
		case name == "", braced && end < 0: // an error of Compose
		case !braced, end == 0:
			if !set {
				found = append(found, Use{name, at})
			}
		default:
			start := len(text) - len(rest)
			if skip := fallback(rest[:end], value, set); skip > 0 {
				for _, use := range Uses(rest[skip:end], lookup) {
					found = append(found, Use{use.Name, start + skip + use.At})
				}
			}
			at = start + end
		}
	}
	return found
}

// fallback returns where in :-default or +replacement the text begins that is taken in place of the value; 0 where the
// value is.
func fallback(operation, value string, set bool) int {
	skip := 1
	if operation[0] == ':' {
		skip, set = 2, set && value != ""
	}
	if len(operation) < skip {
		return 0
	}
	switch operation[skip-1] {
	case '-':
		set = !set
	case '+':
	default:
		return 0
	}
	if !set {
		return 0
	}
	return skip
}

// closing returns where the brace is that closes the one before the text; -1 where none does.
func closing(text string) int {
	depth := 1
	for at, r := range text {
		switch r {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return at
			}
		}
	}
	return -1
}
