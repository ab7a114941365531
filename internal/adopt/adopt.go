// Package adopt writes what a Compose project needs to be deployed with Mage: a magefile and a Go module. It overwrites nothing.
package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"slipway"
)

// Source is where the project gets Slipway from.
type Source struct {
	Checkout string // the folder of a checkout, for a replace directive; empty for a version
	Version  string
}

// Files are the files to write, by name, for a stack.
func Files(stack slipway.Stack, module string, from Source, dir string) (map[string]string, error) {
	files := map[string]string{"magefile.go": Magefile(stack)}
	if from.Checkout == "" {
		files["go.mod"] = fmt.Sprintf("module %s\n\ntool github.com/magefile/mage\n\nrequire slipway %s\n", module, from.Version)
		return files, nil
	}
	mod, err := os.ReadFile(filepath.Join(from.Checkout, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("read the module of Slipway: %w", err)
	}
	sums, err := os.ReadFile(filepath.Join(from.Checkout, "go.sum"))
	if err != nil {
		return nil, fmt.Errorf("read the module of Slipway: %w", err)
	}
	files["go.mod"] = Module(string(mod), module, replacement(dir, from.Checkout))
	files["go.sum"] = string(sums)
	return files, nil
}

// Module is the go.mod of a module that needs Slipway, made from Slipway's own: it needs the same modules in the same versions, so
// that nothing has to be resolved.
func Module(own, module, checkout string) string {
	text := strings.Replace(own, "module slipway\n", "module "+module+"\n", 1)
	return fmt.Sprintf("%s\nrequire slipway v0.0.0\n\nreplace slipway => %s\n", text, checkout)
}

// replacement is the checkout as a replace directive names it: relative, so that both can move together.
func replacement(dir, checkout string) string {
	rel, err := filepath.Rel(dir, checkout)
	if err != nil {
		return checkout
	}
	if !strings.HasPrefix(rel, ".") {
		rel = "./" + rel
	}
	return filepath.ToSlash(rel)
}

// Magefile is the magefile of a stack whose compose files say everything, with a target for each destination but the default.
func Magefile(stack slipway.Stack) string {
	var text strings.Builder
	text.WriteString("//go:build mage\n\n// Deployed by Slipway, as the compose files say.\npackage main\n\nimport (\n")
	if len(stack.Destinations) > 1 {
		text.WriteString("\t\"slipway\"\n\n")
	}
	text.WriteString("\t// mage:import\n\t_ \"slipway/targets\"\n)\n")
	for i, d := range stack.Destinations {
		if i > 0 {
			name := function(d.Name)
			fmt.Fprintf(&text, "\n// %s selects the destination %s.\nfunc %s() error { return slipway.To(%q) }\n", name, d.Name, name, d.Name)
		}
	}
	return text.String()
}

// function is the name of the target that selects a destination: EuWest for eu-west.
func function(destination string) string {
	var name strings.Builder
	upper := true
	for _, r := range destination {
		switch {
		case r == '-' || r == '_':
			upper = true
			continue
		case upper && name.Len() == 0 && unicode.IsDigit(r):
			name.WriteRune('D') // no identifier begins with a digit
		}
		if upper {
			r = unicode.ToUpper(r)
		}
		name.WriteRune(r)
		upper = false
	}
	return name.String()
}

// Write writes the files that are not there. It says which it wrote and which were there before.
func Write(dir string, files map[string]string) (wrote, kept []string, err error) {
	for _, name := range []string{"magefile.go", "go.mod", "go.sum"} {
		text, wanted := files[name]
		if !wanted {
			continue
		}
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // sources, for everybody to read
		switch {
		case errors.Is(err, fs.ErrExist):
			kept = append(kept, name)
			if name == "go.mod" { // then its sums are its own, too
				delete(files, "go.sum")
			}
			continue
		case err != nil:
			return wrote, kept, err
		}
		_, err = file.WriteString(text)
		if err = errors.Join(err, file.Close()); err != nil {
			return wrote, kept, err
		}
		wrote = append(wrote, name)
	}
	return wrote, kept, nil
}
