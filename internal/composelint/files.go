// Package composelint reads compose files as they are written, before Compose resolves them, and tells what an operator
// would not see in the result: values that YAML rewrites, variables that nobody set, and which files hold secrets.
// It judges no file: what cannot be read is Compose's to report.
package composelint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"slipway/internal/regular"
)

// File is a compose file as it is written.
type File struct {
	Path string

	dir       string // what its relative paths begin at
	ownValues bool   // variables in it have values beside the project's: an included file with an env file of its own
	partial   bool   // it takes in what was not read: a file from elsewhere, or with a variable in its name, or by extends
	documents []*yaml.Node
}

// Read reads the compose files of a project, in their order, and the local files they include. The first one's folder is
// the project's. What could be read is returned beside the error.
func Read(paths ...string) ([]File, error) {
	var r reader
	for _, path := range paths {
		r.read(path, filepath.Dir(paths[0]), false)
	}
	return r.files, errors.Join(r.failures...)
}

type reader struct {
	files    []File
	failures []error
	seen     map[string]bool
}

func (r *reader) read(path, dir string, ownValues bool) {
	if r.seen[path] {
		return
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[path] = true
	file := File{Path: path, dir: dir, ownValues: ownValues}
	data, err := regular.Read(path)
	if err == nil {
		file.documents, err = parse(path, data)
	}
	if err != nil {
		r.failures = append(r.failures, err)
		return
	}
	at := len(r.files)
	r.files = append(r.files, file)
	for _, document := range file.documents {
		for _, entry := range child(document, "include").elements() {
			if !r.include(file, entry) {
				r.files[at].partial = true
			}
		}
		for _, service := range child(document, "services").pairs() {
			if child(child(service.value.Node, "extends").Node, "file").Node != nil {
				r.files[at].partial = true
			}
		}
	}
}

// include reads the files of one entry: a path, or a map with more to say. It reports whether there are no others.
func (r *reader) include(by File, entry node) (all bool) {
	var paths []string
	dir, ownValues := "", by.ownValues
	if entry.Kind == yaml.ScalarNode {
		paths = []string{entry.Value}
	} else {
		paths = child(entry.Node, "path").texts()
		dir = child(entry.Node, "project_directory").text()
		ownValues = ownValues || child(entry.Node, "env_file").Node != nil
	}
	all = len(paths) > 0
	for i, path := range paths {
		path = join(by.dir, path)
		if i == 0 && dir == "" {
			dir = filepath.Dir(path)
		}
		if _, err := os.Stat(path); err != nil {
			all = false // from elsewhere, or with a variable in its name
			continue
		}
		_, err := os.Stat(filepath.Join(join(by.dir, dir), ".env"))
		r.read(path, join(by.dir, dir), ownValues || err == nil && join(by.dir, dir) != by.dir)
	}
	return all
}

func parse(path string, data []byte) ([]*yaml.Node, error) {
	var documents []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil { // its text may quote a value
			return documents, fmt.Errorf("%s is not YAML", path)
		}
		if len(document.Content) == 1 {
			documents = append(documents, document.Content[0])
		}
	}
}

func join(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// path is a path that the file names, with its variables replaced; "" where one has no value.
func (f File) path(text string, lookup func(string) (string, bool)) string {
	path, err := template.SubstituteWithOptions(text, lookup, template.WithoutLogging)
	if err != nil || path == "" {
		return ""
	}
	return join(f.dir, path)
}
