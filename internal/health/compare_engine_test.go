//go:build engine

package health

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestVerdictsBesideThoseOfUpWait starts each stack with `docker compose up --wait`, asks Wait about the same containers, and
// prints what both say. What Compose says is shown, not asserted; the reasons are asserted by the tests of engine_test.go.
func TestVerdictsBesideThoseOfUpWait(t *testing.T) {
	t.Parallel()
	const patience = 15 * time.Second
	cases := []struct {
		name, service, definition string
		well                      bool
	}{
		{"a crash loop without a healthcheck", "web", `{image: IMAGE, command: ["-exit-after", "500ms", "-code", "3"], restart: always}`, false},
		{"a one-shot that fails after 3 s", "setup", `{image: IMAGE, command: ["-exit-after", "3s", "-code", "4"]}`, false},
		{"a one-shot that exits 0", "setup", `{image: IMAGE, command: ["-exit-after", "1s"]}`, true},
		{"unhealthy 4 s after its first pass", "web", `{image: IMAGE, command: ["-unhealthy-after", "4s"], ` + shortCheck + `}`, false},
		{
			"a healthcheck that hangs", "web",
			`{image: IMAGE, command: ["-hang"], healthcheck: {test: ["CMD", "/actor", "healthcheck"], interval: 5m, timeout: 2s}}`, false,
		},
		{"a wrong command", "web", `{image: IMAGE, entrypoint: ["/nothing"]}`, false},
		{"a missing image", "web", `{image: IMAGE-missing, pull_policy: never}`, false},
		{"out of memory", "web", `{image: IMAGE, command: ["-eat"], mem_limit: 32m, memswap_limit: 32m}`, false},
	}
	rows := make([]string, len(cases))
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				p := upWith(t, "  "+c.service+": "+c.definition+"\n", "--wait", "--wait-timeout", fmt.Sprint(int(patience.Seconds())))
				began := time.Now()
				report := await(t, Options{
					Project: p.Project, Services: map[string]Expect{c.service: {OneShot: c.service == "setup"}}, Timeout: patience,
				})
				took := time.Since(began)
				said := string(report.Verdicts[0].State)
				if !c.well {
					said = mustFail(t, report, c.service, "").Reason
				} else if !report.OK {
					t.Errorf("%+v", report.Verdicts)
				}
				rows[i] = fmt.Sprintf("| %s | exit %d after %s | %s, after %s |\n", c.name, p.code, seconds(p.took), said, seconds(took))
			})
		}
	})
	text := "| | `up --wait` | Slipway |\n|---|---|---|\n" + strings.Join(rows, "")
	t.Log("\n" + text)
	if dir := os.Getenv("FAULT_TABLES"); dir != "" { // mage test prints what is there
		if err := os.WriteFile(filepath.Join(dir, t.Name()), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
}
