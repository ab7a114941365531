package composelint

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"slipway/internal/redact"
)

// Rewritten is a value without quotes that YAML takes for a date or a number, and that reaches the service as another text.
type Rewritten struct {
	File    string
	Line    int
	Key     string
	Written string // "" where the key is named like a secret, as Arrives is
	Arrives string
}

// String says it in one sentence.
func (r Rewritten) String() string {
	if r.Written == "" {
		return fmt.Sprintf("%s:%d: %s does not arrive as it is written: put its value in quotes", r.File, r.Line, r.Key)
	}
	return fmt.Sprintf("%s:%d: %s: %s arrives as %q: write %q, with the quotes", r.File, r.Line, r.Key, r.Written, r.Arrives, r.Written)
}

// textMaps are the maps of Compose whose values are texts, and into which it prints whatever YAML has made of them.
var textMaps = []string{"environment", "labels", "args", "annotations", "sysctls", "options", "driver_opts"}

// Rewrites finds the values that do not arrive as they are written, each place once.
func Rewrites(files []File) []Rewritten {
	var found []Rewritten
	for _, file := range files {
		seen := map[*yaml.Node]bool{}
		for _, document := range file.documents {
			for _, section := range at(document).pairs() {
				for _, entry := range section.value.pairs() { // a service may be called labels
					found = append(found, file.rewrites(entry.value, seen)...)
				}
			}
		}
	}
	return found
}

// rewrites looks at every map of texts below a node. An anchored one counts where it is written.
func (f File) rewrites(below node, seen map[*yaml.Node]bool) []Rewritten {
	var found []Rewritten
	for _, p := range below.pairs() {
		if !slices.Contains(textMaps, p.key) {
			found = append(found, f.rewrites(p.value, seen)...)
			continue
		}
		for _, entry := range p.value.pairs() {
			arrives, changed := rewritten(entry.value)
			if !changed || seen[entry.value.Node] {
				continue
			}
			seen[entry.value.Node] = true
			r := Rewritten{File: f.Path, Line: entry.value.Line, Key: entry.key}
			if !redact.SecretKey(entry.key) {
				r.Written, r.Arrives = entry.value.Value, arrives
			}
			found = append(found, r)
		}
	}
	return found
}

// rewritten is the text that Compose makes of a scalar, and whether it is another one. A null is no text: it means that
// the key has no value, and is written for that.
func rewritten(n node) (string, bool) {
	if n.Node == nil || n.Kind != yaml.ScalarNode || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return "", false
	}
	var value any
	if n.Decode(&value) != nil || value == nil {
		return "", false
	}
	text := fmt.Sprint(value)
	return text, text != n.Value
}
