package composekeys

import (
	"fmt"
	"strings"
)

// sections are the headings of the document, each with the beginning of its keys; the longest that fits takes a key.
var sections = []struct{ prefix, title string }{
	{"", "Top level"},
	{"include.", "include"},
	{"services.*.", "services"},
	{"services.*.build.", "services: build"},
	{"services.*.deploy.", "services: deploy"},
	{"services.*.develop.", "services: develop"},
	{"services.*.healthcheck.", "services: healthcheck"},
	{"services.*.networks.", "services: networks"},
	{"services.*.pre_start.", "services: pre_start"},
	{"services.*.volumes.", "services: volumes"},
	{"jobs.*.", "jobs"},
	{"networks.*.", "networks"},
	{"volumes.*.", "volumes"},
	{"secrets.*.", "secrets"},
	{"configs.*.", "configs"},
	{"models.*.", "models"},
}

const preface = `# Every key of a compose file

Made from ` + "`internal/composekeys/keys.txt`" + ` by ` + "`go generate ./internal/composekeys`" + `. There is a row for each key of the Compose
specification, as the library that Compose itself is built on has it; a test fails for a key without a row.

| verdict | means |
|---|---|
| honoured | Slipway acts by it |
| passed | Compose gets it untouched, and what Compose would recreate for a change of it, Slipway replaces |
| refused | preflight names the key and ends with exit code 3; nothing has been touched |

"Needs" is the oldest Compose and the oldest API of the engine that act by a key, where they are newer than Slipway's own floor. An older
one rejects the file or drops the key in silence, and either would show only in the middle of a deployment; so preflight refuses the key there.

Keys that begin with ` + "`x-`" + ` are yours at every level: Slipway keeps them as they are, and so does Compose.
`

// Document is docs/compose.md.
func Document() (string, error) {
	rows, err := Table()
	if err != nil {
		return "", err
	}
	of := map[string][]Row{}
	for _, row := range rows {
		title := section(row.Key)
		of[title] = append(of[title], row)
	}
	var b strings.Builder
	b.WriteString(preface)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| key | verdict | needs | in Slipway |\n|---|---|---|---|\n", s.title)
		for _, row := range of[s.title] {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row.Key, row.Verdict, row.needs(), row.Meaning)
		}
	}
	return b.String(), nil
}

func section(key string) string {
	var best struct{ prefix, title string }
	for _, s := range sections {
		if strings.HasPrefix(key, s.prefix) && len(s.prefix) >= len(best.prefix) {
			best = s
		}
	}
	return best.title
}

func (r Row) needs() string {
	var needs []string
	if r.Compose != "" {
		needs = append(needs, "Compose "+r.Compose)
	}
	if r.API != "" {
		needs = append(needs, "API "+r.API)
	}
	return strings.Join(needs, ", ")
}
