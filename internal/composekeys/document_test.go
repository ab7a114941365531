package composekeys

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/compose.md instead of comparing it")

func TestTheDocumentIsWhatTheTableSays(t *testing.T) {
	want, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/compose.md"
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(is) != want {
		t.Errorf("docs/compose.md is not what keys.txt says; write it with: go generate ./internal/composekeys")
	}
}
