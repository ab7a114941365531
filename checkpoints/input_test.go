package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plant writes files, in the given order, and a symbolic link.
func plant(t *testing.T, dir string, order []string, content map[string]string) {
	t.Helper()
	for _, name := range order {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // the umask is what is tested
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content[name]), 0o666); err != nil { //nolint:gosec // the umask is what is tested
			t.Fatal(err)
		}
	}
	if err := os.Symlink("main.go", filepath.Join(dir, "link.go")); err != nil {
		t.Fatal(err)
	}
}

func TestInputsAreTheSameInAnyFolderOrderModeAndTime(t *testing.T) {
	content := map[string]string{"main.go": "package main", "b/x.go": "x", "a/y.go": "y", "a.go": "z", "empty.go": ""}
	order := []string{"main.go", "b/x.go", "a/y.go", "a.go", "empty.go"}
	first, second := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "deeper", "two")
	defer syscall.Umask(syscall.Umask(0o022))
	plant(t, first, order, content)
	syscall.Umask(0o077)
	slices.Reverse(order)
	plant(t, second, order, content)
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(second, "main.go"), old, old); err != nil {
		t.Fatal(err)
	}
	through := filepath.Join(t.TempDir(), "through")
	if err := os.Symlink(second, through); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(dir string) ([]Input, error){
		"Tree": func(dir string) ([]Input, error) { return Tree("app", dir, nil) },
		"Glob": func(dir string) ([]Input, error) { return Glob(dir, "**/*.go") },
	} {
		want, err := read(first)
		if err != nil || len(want) != 6 {
			t.Fatalf("%s: %d inputs, %v, want 6", name, len(want), err)
		}
		for _, dir := range []string{second, through} {
			if got, err := read(dir); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, %v, want %v", name, got, err, want)
			}
		}
	}
	inputs, err := Tree("app", first, func(rel string) bool { return strings.HasPrefix(rel, "a") })
	if err != nil || names(inputs) != "app/a.go app/a/y.go" {
		t.Errorf("Tree = %s, %v", names(inputs), err)
	}
}

func names(inputs []Input) string {
	var names []string
	for _, input := range inputs {
		names = append(names, input.Name)
	}
	return strings.Join(names, " ")
}

func TestGlobFindsWhatItsPatternFits(t *testing.T) {
	dir := t.TempDir()
	order := []string{"a.sql", "app/main.go", "app/x/main.go", "app/x/y/z.go", "app/x/y/z.sql", "db/0001.sql"}
	plant(t, dir, order, nil)
	for pattern, want := range map[string]string{
		"*.sql":            "a.sql",
		"**/*.sql":         "a.sql app/x/y/z.sql db/0001.sql",
		"app/**/main.go":   "app/main.go app/x/main.go",
		"app/**":           "app/main.go app/x/main.go app/x/y/z.go app/x/y/z.sql",
		"app/*/main.go":    "app/x/main.go",
		"db/[0-9]*.sql":    "db/0001.sql",
		"link.go":          "link.go",
		"none/*.go":        "",
		"a.sql/*.go":       "",
		"app":              "",
		"./db/./0001.sql":  "db/0001.sql",
		"**/x/**/*.{go,x}": "",
	} {
		inputs, err := Glob(dir, pattern)
		if err != nil || names(inputs) != want {
			t.Errorf("Glob(%q) = %q, %v, want %q", pattern, names(inputs), err, want)
		}
	}
	for _, pattern := range []string{"[", "../x", "/etc/passwd", ""} {
		if inputs, err := Glob(dir, pattern); err == nil && len(inputs) > 0 {
			t.Errorf("Glob(%q) = %v, want nothing", pattern, inputs)
		}
	}
	if _, err := Glob(filepath.Join(dir, "none"), "*"); err == nil {
		t.Error("Glob succeeded below a root that does not exist")
	}
}

func TestContentAloneDecides(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "env")
	read := func(content string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		input, err := File(".env", path)
		if err != nil || input.Name != ".env" {
			t.Fatalf("File = %+v, %v", input, err)
		}
		return input.Digest
	}
	one, two := read("A=1"), read("A=2")
	if one == two || read("A=1") != one || one != Value("any", "A=1").Digest {
		t.Error("the digest is not that of the content")
	}
	for _, bad := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := File("x", bad); err == nil {
			t.Errorf("File(%s) succeeded", filepath.Base(bad))
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if inputs, err := Tree("", dir, nil); err != nil || names(inputs) != "env" {
		t.Errorf("Tree = %s, %v, want env and no pipe", names(inputs), err)
	}
	if _, err := Tree("", path, nil); err == nil {
		t.Error("Tree of a file succeeded")
	}
}

func TestALinkIsNotTheFileThatHoldsItsText(t *testing.T) {
	file, link := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(file, "x"), []byte("target"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", filepath.Join(link, "x")); err != nil {
		t.Fatal(err)
	}
	a, errA := Tree("", file, nil)
	b, errB := Tree("", link, nil)
	if errA != nil || errB != nil || len(a) != 1 || len(b) != 1 || a[0].Name != b[0].Name || a[0].Digest == b[0].Digest {
		t.Errorf("%v, %v and %v, %v", a, errA, b, errB)
	}
}

func TestAnEntryIsItsKindItsPermissionsAndItsContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	seen := map[string]string{}
	for _, state := range []struct {
		name string
		make func() error
	}{
		{"a file", func() error { return os.WriteFile(path, []byte("target"), 0o600) }},
		{"other content", func() error { return os.WriteFile(path, []byte("other"), 0o600) }},
		{"an executable", func() error { return os.Chmod(path, 0o700) }}, //nolint:gosec // what is tested
		{"a link", func() error { return errors.Join(os.Remove(path), os.Symlink("target", path)) }},
		{"another link", func() error { return errors.Join(os.Remove(path), os.Symlink("other", path)) }},
		{"a folder", func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }},
		{"an open folder", func() error { return os.Chmod(path, 0o755) }}, //nolint:gosec // what is tested
		{"a pipe", func() error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }},
	} {
		if err := state.make(); err != nil {
			t.Fatal(err)
		}
		input, err := Entry("x", path)
		if err != nil || input.Name != "x" {
			t.Fatalf("%s: %+v, %v", state.name, input, err)
		}
		if other, ok := seen[input.Digest]; ok {
			t.Errorf("%s is taken for %s", state.name, other)
		}
		seen[input.Digest] = state.name
		old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		if state.name == "a file" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		if again, err := Entry("x", path); err != nil || again != input {
			t.Errorf("%s: %v, %v the second time", state.name, again, err)
		}
	}
	if _, err := Entry("x", filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an entry that is not there: %v", err)
	}
}

func TestEnvTellsUnsetFromEmpty(t *testing.T) {
	t.Setenv("CHECKPOINTS_TEST_A", "")
	if got := Env("CHECKPOINTS_TEST_A", "CHECKPOINTS_TEST_UNSET"); !reflect.DeepEqual(got, []Input{Value("CHECKPOINTS_TEST_A", "")}) {
		t.Errorf("Env = %v", got)
	}
}

func TestFingerprintsDependOnTheKeyAndRefuseWhatTheyCannotTell(t *testing.T) {
	secret := []Input{Value("password", "1234")}
	one, err := fingerprints([]byte("one"), secret)
	if err != nil {
		t.Fatal(err)
	}
	two, err := fingerprints([]byte("two"), secret)
	if err != nil {
		t.Fatal(err)
	}
	if one["password"] == two["password"] || one["password"] == secret[0].Digest {
		t.Error("a fingerprint can be made without the key")
	}
	if _, err := fingerprints(nil, []Input{Value("a", "1"), Value("a", "1")}); err != nil {
		t.Errorf("the same input twice: %v", err)
	}
	for name, bad := range map[string][]Input{
		"two of one name": {Value("a", "1"), Value("a", "2")},
		"no name":         {Value("", "1")},
		"no digest":       {{Name: "a"}},
		"a raw value":     {{Name: "a", Digest: "1234"}},
	} {
		if _, err := fingerprints(nil, bad); err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: the error tells the value", name)
		}
	}
	if readable("a\xff") == readable("a\xfe") {
		t.Error("two names became one")
	}
}
