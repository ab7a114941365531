package targets_test

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeMagefileRunsItsStepOnceAndAgainWhenAPageChanges takes the README at its word: its magefile, in a module of its own.
func TestReadmeMagefileRunsItsStepOnceAndAgainWhenAPageChanges(t *testing.T) {
	t.Parallel()
	dir := readmeModule(t, "Add a target")
	page := filepath.Join(dir, "pages", "first.txt")
	place(t, page, "one\n")
	place(t, filepath.Join(dir, "shop", "docker-compose.yml"), "services: {shop: {image: shop}}\n")

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

func TestReadmeStackOfOnesOwnCompiles(t *testing.T) {
	t.Parallel()
	inModule(t, readmeModule(t, "Bring your own stack"), "go", "vet", "-tags", "mage", ".")
}

// readmeModule is a module whose magefile is the Go code in a section of the README. It is below slipway, as a checkout's own
// magefile is, so that it may use the internal packages.
func readmeModule(t *testing.T, section string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := read(t, filepath.Join(root, "README.md"))
	_, text, found := strings.Cut(text, "\n## "+section+"\n")
	_, text, opened := strings.Cut(text, "\n```go\n")
	code, _, closed := strings.Cut(text, "\n```\n")
	if !found || !opened || !closed {
		t.Fatalf("README.md has no Go code in a section %q", section)
	}
	if formatted, err := format.Source([]byte(code + "\n")); err != nil || string(formatted) != code+"\n" {
		t.Errorf("the Go code in the section %q is not formatted: %v", section, err)
	}
	place(t, filepath.Join(dir, "magefile.go"), code+"\n")

	mod := read(t, filepath.Join(root, "go.mod"))
	mod = strings.Replace(mod, "module slipway\n", "module slipway/readme\n", 1)
	place(t, filepath.Join(dir, "go.mod"), mod+"\nrequire slipway v0.0.0\n\nreplace slipway => "+root+"\n")
	place(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")))
	return dir
}

// inModule runs a command in a module, without a network, and returns what it printed.
func inModule(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "STATE_DIR="+filepath.Join(dir, "state"), "DESTINATION=", "NO_COLOR=1")
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
