package settings

import (
	"fmt"
	"io"
	"text/tabwriter"

	"slipway/internal/redact"
)

// Line is a setting as it may be shown.
type Line struct {
	Key    string `json:"key"`
	Shown  string `json:"value"` // "set" or "generated" for a secret
	Source Source `json:"source"`
	File   string `json:"file,omitempty"`
}

// Summary returns what is decided, with no secret in it.
func (p *Plan) Summary() []Line {
	lines := make([]Line, 0, len(p.Answers))
	for _, a := range p.Answers {
		line := Line{Key: a.Setting.Key, Shown: a.Value, Source: a.Source, File: a.Setting.File}
		switch {
		case a.Value == "":
			line.Shown = "blank"
		case a.Source == Generated:
			line.Shown = "generated"
		case a.Setting.IsSecret() || redact.Secrets("", a.Value) != nil:
			line.Shown = "set"
		}
		lines = append(lines, line)
	}
	return lines
}

// WriteSummary prints the summary in columns.
func (p *Plan) WriteSummary(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range p.Summary() {
		note := string(l.Source)
		if l.File != "" {
			note += ", " + l.File
		}
		if _, err := fmt.Fprintf(table, "  %s\t%s\t(%s)\n", l.Key, l.Shown, note); err != nil {
			return err
		}
	}
	return table.Flush()
}
