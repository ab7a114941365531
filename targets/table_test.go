//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// table collects what came of a test, and prints it when that has ended: docs/reliability.md and docs/compatibility.md keep one.
type table struct {
	mu   sync.Mutex
	rows []string
}

func newTable(t *testing.T, columns ...string) *table {
	made := &table{}
	t.Cleanup(func() {
		made.mu.Lock()
		defer made.mu.Unlock()
		slices.SortStableFunc(made.rows, func(a, b string) int {
			return strings.Compare(strings.Split(a, "|")[1], strings.Split(b, "|")[1])
		})
		text := row(columns) + strings.Repeat("|---", len(columns)) + "|\n" + strings.Join(made.rows, "")
		t.Log("\n" + text)
		if dir := os.Getenv("FAULT_TABLES"); dir != "" { // mage test prints what is there
			if err := os.WriteFile(filepath.Join(dir, t.Name()), []byte(text), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	return made
}

func (t *table) add(cells ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, row(cells))
}

func row(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// faultColumns are those of a table of faults.
var faultColumns = []string{"fault", "instant", "exit", "recorded", "repeated"}

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
