package slipway_test

import (
	"strings"
	"testing"

	"slipway"
	"slipway/checkpoints"
)

func TestWithoutTargetsAMagefileIsToldWhatToImport(t *testing.T) {
	for name, err := range map[string]error{
		"Run": slipway.Run(t.Context(), checkpoints.Step{Name: "own"}), "To": slipway.To("production"),
	} {
		if err == nil || !strings.Contains(err.Error(), `import "slipway/targets"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
