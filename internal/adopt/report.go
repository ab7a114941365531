package adopt

import (
	"cmp"
	"fmt"
	"strings"

	"slipway"
)

// Report is what was found, a line for each thing, and what was not.
func Report(project string, found slipway.Stack, unsure []string) []string {
	lines := []string{row("project", project)}
	for _, d := range found.Destinations {
		lines = append(lines, row(d.Name, strings.Join(d.Files, ", ")+"; env file "+cmp.Or(d.EnvFile, ".env")))
		lines = append(lines, indented(about(d))...)
	}
	for _, doubt := range unsure {
		lines = append(lines, row("not told", doubt))
	}
	return lines
}

func row(subject, detail string) string { return fmt.Sprintf("%-12s %s", subject, detail) }

func indented(lines []string) []string {
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// about is what a destination has.
func about(d slipway.Destination) []string {
	var lines []string
	var settings []string
	for _, s := range d.Settings {
		settings = append(settings, cmp.Or(s.File, s.Key))
	}
	if len(settings) > 0 {
		lines = append(lines, row("settings", strings.Join(settings, ", ")))
	}
	if text := database(d.Database); text != "" {
		lines = append(lines, row("database", text))
	}
	for _, e := range d.Endpoints {
		lines = append(lines, row("endpoint", e.URL+" ("+e.Name+")"))
	}
	return lines
}

func database(d slipway.Database) string {
	var parts []string
	for _, p := range []struct{ format, value string }{
		{"%s", d.Kind}, {"in %s", d.Service}, {"data in %s", d.Volume}, {"migrated by %s", d.Job}, {"written by %s", strings.Join(d.Writers, ", ")},
	} {
		if p.value != "" {
			parts = append(parts, fmt.Sprintf(p.format, p.value))
		}
	}
	return strings.Join(parts, ", ")
}
