package host

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestComposeFilesMustBeThereAndInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "docker-compose.yml"), "services: {}\n")
	write(t, filepath.Join(dir, "compose.production.yaml"), "services: {}\n")
	if err := os.Mkdir(filepath.Join(dir, "folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	order := []string{"docker-compose.yml", "compose.production.yaml"}
	look := func(files, order []string) Finding { return ComposeFiles(dir, files, order).Look(context.Background()) }
	compare(t, []expectation{
		{"in order", look(order, order), StateOK, "docker-compose.yml, compose.production.yaml"},
		{"absolute", look([]string{filepath.Join(dir, order[0])}, nil), StateOK, order[0]},
		{"swapped", look([]string{order[1], order[0]}, order), StateFail, "instead of docker-compose.yml, compose.production.yaml"},
		{"one left out", look(order[:1], order), StateFail, "instead of"},
		{"missing", look([]string{"none.yaml"}, nil), StateFail, "none.yaml is missing"},
		{"a directory", look([]string{"folder.yaml"}, nil), StateFail, "is not a file"},
	})
}

func TestStateDirectoryIsJudgedWithoutMakingIt(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	look := func(path string) Finding { return StateDirectory(path).Look(context.Background()) }
	future := filepath.Join(dir, "a", "b")
	compare(t, []expectation{
		{"there", look(dir), StateOK, dir},
		{"not yet", look(future), StateOK, future},
		{"a file", look(filepath.Join(dir, "file")), StateFail, "is not a directory"},
		{"below a file", look(filepath.Join(dir, "file", "state")), StateFail, "not a directory"},
		{"read-only for everybody", look("/proc/self/state"), StateFail, "/proc/self"},
	})
	if _, err := os.Stat(filepath.Join(dir, "a")); !os.IsNotExist(err) {
		t.Errorf("looking made the directory: %v", err)
	}
}

func TestServicesThatCannotRunTwiceAreNamed(t *testing.T) {
	look := func(services ...string) Finding { return Scaling(services).Look(context.Background()) }
	compare(t, []expectation{
		{"none", look(), StateOK, "more than once"},
		{"two", look("caddy", "postgres"), StateWarn, "caddy, postgres"},
	})
}
