package scripts_test

import (
	"strings"
	"testing"
)

func TestAHookThatFailsIsToldAndKeepsNothing(t *testing.T) {
	t.Parallel()
	const model = `{"services": {"web": {"pre_stop": [{"command": ["/drain", "a b$$c"], "user": "app"}]}}}`
	for name, c := range map[string]struct {
		hook    int
		running string
		code    int
		says    string
	}{
		"done":           {0, "true", 0, ""},
		"not there yet":  {127, "true", 0, "there is no /drain in container one"},
		"has ended":      {137, "false", 0, ""},
		"says 3":         {3, "true", 0, "ended with exit code 3 in container one, which is stopped all the same"},
		"takes too long": {124, "true", 0, "still ran after 300 seconds"},
	} {
		r := (&run{env: project(), answers: []answer{
			{Args: "compose", Ends: " config --format json", Stdout: model},
			{Args: "exec", Code: c.hook},
			{Args: "container inspect", Stdout: c.running + "\n"},
		}}).do(t, "hooks", "web", "one")
		r.wantCode(t, c.code)
		if !strings.Contains(r.stdout, c.says) {
			t.Errorf("%s: it says %q, want %q", name, r.stdout, c.says)
		}
	}
}
