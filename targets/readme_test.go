package targets_test

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/adopt"
)

// TestReadmeMagefileRunsItsStepOnceAndAgainWhenAPageChanges takes the README at its word: its magefile, in a module of its own.
func TestReadmeMagefileRunsItsStepOnceAndAgainWhenAPageChanges(t *testing.T) {
	t.Parallel()
	dir := foreignModule(t, goBlocks(t, "README.md")[1])
	page := filepath.Join(dir, "pages", "first.txt")
	place(t, page, "one\n")
	place(t, filepath.Join(dir, "compose.yaml"), "services: {shop: {image: shop}}\n")

	binary := filepath.Join(dir, "mage")
	inModule(t, dir, "go", "tool", "mage", "-compile", binary)
	for _, c := range []struct{ before, want string }{
		{"", "run   catalogue          never run"},
		{"", "skip  catalogue          unchanged"},
		{"two\n", "run   catalogue          pages/first.txt changed"},
	} {
		if c.before != "" {
			place(t, page, c.before)
		}
		if got := inModule(t, dir, binary, "catalogue"); !strings.Contains(got, c.want+"\n") {
			t.Fatalf("want a line %q, got:\n%s", c.want, got)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "catalogue.txt")); err != nil || string(data) != "two\n" {
		t.Errorf("the step left %q: %v", data, err)
	}
	if err := os.Remove(filepath.Join(dir, "catalogue.txt")); err != nil {
		t.Fatal(err)
	}
	if got := inModule(t, dir, binary, "catalogue"); !strings.Contains(got, "run   catalogue          catalogue.txt is gone\n") {
		t.Errorf("a result that is gone is not made again:\n%s", got)
	}
}

func TestEveryMagefileOfTheDocsCompilesInAModuleOfAnotherName(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]int{"README.md": 2, "docs/adopt.md": 3} {
		blocks := goBlocks(t, page)
		if len(blocks) != want {
			t.Errorf("%s has %d magefiles, and %d are known", page, len(blocks), want)
		}
		for _, code := range blocks {
			inModule(t, foreignModule(t, code), "go", "vet", "magefile.go")
		}
	}
}

// goBlocks is the Go code of a page of the repository, each block formatted.
func goBlocks(t *testing.T, page string) []string {
	t.Helper()
	var blocks []string
	for _, text := range strings.Split(read(t, filepath.Join("..", page)), "\n```go\n")[1:] {
		code, _, closed := strings.Cut(text, "\n```\n")
		if formatted, err := format.Source([]byte(code + "\n")); !closed || err != nil || string(formatted) != code+"\n" {
			t.Errorf("%s has Go code that is not formatted, or does not end: %v\n%s", page, err, code)
		}
		blocks = append(blocks, code+"\n")
	}
	return blocks
}

// foreignModule is a module of a name of its own, as init makes it, with this magefile.
func foreignModule(t *testing.T, code string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	place(t, filepath.Join(dir, "magefile.go"), code)
	place(t, filepath.Join(dir, "go.mod"), adopt.Module(read(t, filepath.Join(root, "go.mod")), "shop", root))
	place(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")))
	return dir
}

// inModule runs a command in a module, without a network, and returns what it printed.
func inModule(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "STATE_DIR="+filepath.Join(dir, "state"), "DESTINATION=", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// read is the text of a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// place writes a file and makes the folder for it.
func place(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
