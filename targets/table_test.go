//go:build engine

package targets_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// table collects what came of the faults of a test, and prints it when the test has ended: docs/reliability.md keeps one.
type table struct {
	mu   sync.Mutex
	rows []string
}

func newTable(t *testing.T) *table {
	made := &table{}
	t.Cleanup(func() {
		made.mu.Lock()
		defer made.mu.Unlock()
		t.Logf("\n| fault | instant | exit | recorded | repeated |\n|---|---|---|---|---|\n%s", strings.Join(made.rows, ""))
	})
	return made
}

func (t *table) add(fault, at, exit, recorded, repeated string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, fmt.Sprintf("| %s | %s | %s | %s | %s |\n", fault, at, exit, recorded, repeated))
}

// ended is an exit code in the words of the table.
func ended(code int) string {
	if code == codeKilled {
		return "killed"
	}
	return fmt.Sprint(code)
}

// listed are steps in the words of the table.
func listed(steps []string) string {
	if len(steps) == 0 {
		return "nothing"
	}
	return strings.Join(steps, ", ")
}
