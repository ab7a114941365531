package binary

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestTheCommandLineIsWhatMageUnderstands(t *testing.T) {
	stack := func() []string { return []string{"local", "production", "status"} }
	target := func(word string) bool { return slices.Contains([]string{"deploy", "status"}, word) }
	for line, want := range map[string]struct{ words, destination string }{
		"":                       {"", ""},
		"deploy -yes":            {"deploy -yes", ""},
		"-version":               {"version", ""},
		"--version":              {"version", ""},
		"production deploy -yes": {"deploy -yes", "production"},
		"production":             {"production", ""}, // of which Mage says that it is no target
		"staging deploy":         {"staging deploy", ""},
		"status deploy":          {"status deploy", ""},
		"deploy production":      {"deploy production", ""},
		"-v production deploy":   {"-v production deploy", ""},
	} {
		t.Setenv("DESTINATION", "")
		got := words(append([]string{"slipway"}, strings.Fields(line)...), target, stack)
		if text := strings.Join(got[1:], " "); text != want.words || os.Getenv("DESTINATION") != want.destination {
			t.Errorf("%q becomes %q at %q", line, text, os.Getenv("DESTINATION"))
		}
	}
}
