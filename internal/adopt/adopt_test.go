package adopt

import (
	"go/format"
	"strings"
	"testing"

	"slipway"
)

func TestAMagefileIsAsShortAsItCanBe(t *testing.T) {
	for lines, destinations := range map[int][]slipway.Destination{
		9:  {{Name: "local"}},
		14: {{Name: "local"}, {Name: "production"}},
		17: {{Name: "local"}, {Name: "eu-west"}, {Name: "2nd"}},
	} {
		text := Magefile(slipway.Stack{Destinations: destinations})
		if formatted, err := format.Source([]byte(text)); err != nil || string(formatted) != text {
			t.Errorf("not formatted: %v\n%s", err, text)
		}
		if got := strings.Count(text, "\n"); got != lines {
			t.Errorf("%d lines, want %d:\n%s", got, lines, text)
		}
	}
}

func TestATargetOfADestinationIsAGoName(t *testing.T) {
	for destination, want := range map[string]string{"production": "Production", "eu-west": "EuWest", "a_b": "AB", "2nd": "D2nd"} {
		if got := function(destination); got != want {
			t.Errorf("%s becomes %s, want %s", destination, got, want)
		}
	}
}
