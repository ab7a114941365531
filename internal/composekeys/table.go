// Package composekeys knows every key of the Compose specification: what Slipway makes of it, which Compose and which
// engine act by it, and which of a project cannot be deployed.
//
// The table is keys.txt. A test holds it against the schema of compose-go, so a new version of the library fails it until
// somebody has decided about each new key. docs/compose.md is made from it: go generate ./internal/composekeys
package composekeys

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
)

//go:generate go test -run TestTheDocumentIsWhatTheTableSays -update

//go:embed keys.txt
var source string

// Verdict is what Slipway makes of a key.
type Verdict string

// The verdicts.
const (
	Honoured Verdict = "honoured" // Slipway acts by it
	Passed   Verdict = "passed"   // Compose gets it untouched
	Refused  Verdict = "refused"  // preflight names it, and nothing is touched
)

// Row is a key and what is known of it.
type Row struct {
	Key     string // as in services.*.build.context
	Verdict Verdict
	Compose string // the oldest Compose that acts by the key, where that is newer than the floor
	API     string // the oldest API of the engine, likewise
	Meaning string
}

// Table returns a row for each key, in the order of keys.txt; those that a job or a hook shares with a service follow.
func Table() ([]Row, error) {
	var rows []Row
	for i, line := range strings.Split(source, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		row, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("keys.txt: line %d: %w", i+1, err)
		}
		rows = append(rows, row)
	}
	return append(rows, shared(rows)...), nil
}

func parse(line string) (Row, error) {
	fields := strings.Split(line, "|")
	for i, field := range fields {
		fields[i] = strings.TrimSpace(field)
	}
	if len(fields) != 4 {
		return Row{}, fmt.Errorf("%d fields instead of 4", len(fields))
	}
	row := Row{Key: fields[0], Verdict: Verdict(fields[1]), Meaning: fields[3]}
	if !slices.Contains([]Verdict{Honoured, Passed, Refused}, row.Verdict) {
		return Row{}, fmt.Errorf("there is no verdict %q", row.Verdict)
	}
	for _, need := range strings.Split(fields[2], ", ") {
		switch what, version, _ := strings.Cut(need, " "); what {
		case "compose":
			row.Compose = version
		case "api":
			row.API = version
		case "":
		default:
			return Row{}, fmt.Errorf("%q is neither Compose nor an API", need)
		}
	}
	return row, nil
}

// shared repeats the rows of services for the jobs and hooks that have the same keys.
func shared(rows []Row) []Row {
	own := map[string]Row{}
	for _, row := range rows {
		own[row.Key] = row
	}
	var more []Row
	for _, key := range Keys() {
		for _, prefix := range []string{"jobs.*.", "services.*.pre_start."} {
			rest, found := strings.CutPrefix(key, prefix)
			row, as := own["services.*."+rest]
			if _, has := own[key]; found && as && !has {
				row.Key, row.Meaning = key, "As "+rest+" of a service."
				more = append(more, row)
			}
		}
	}
	return more
}

// Keys returns every key of the specification, sorted. A * stands for a name; the free names of a map, as in labels, and
// the elements of a list are not keys.
func Keys() []string {
	var keys []string
	for _, path := range schema.AttributePaths() {
		key := strings.ReplaceAll(string(path), ".[]", "")
		if !strings.HasSuffix(key, "*") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
