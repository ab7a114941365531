package composelint

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// Asking is what of a project may ask its operator for something: the values that hold a variable, and where secrets come
// from. It has the form of the model of the files before variables are replaced, and is read from the files alone, where the
// model would take as long as the deployment's own. false where the files do not tell: one takes in what was not read, or takes
// back what another one says.
func Asking(files []File) (model map[string]any, all bool) {
	var values []any
	secrets := map[string]any{}
	for _, file := range files {
		if file.partial {
			return nil, false
		}
		for _, document := range file.documents {
			values = variables(document, values)
			if !file.secrets(child(document, "secrets"), secrets) {
				return nil, false
			}
		}
	}
	return map[string]any{"values": values, "secrets": secrets}, true
}

// variables adds the values below a node that hold one. Compose replaces nothing in keys.
func variables(n *yaml.Node, found []any) []any {
	switch n.Kind {
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "$") {
			found = append(found, n.Value)
		}
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			found = variables(n.Content[i], found)
		}
	case yaml.SequenceNode, yaml.DocumentNode:
		for _, one := range n.Content {
			found = variables(one, found)
		}
	}
	return found
}

// secrets adds the file and the variable of each secret. false for what the library has to make sense of: tags such as
// !reset, and a home directory.
func (f File) secrets(section node, found map[string]any) bool {
	if !plain(section) {
		return false
	}
	for _, entry := range section.pairs() {
		secret, _ := found[entry.key].(map[string]any)
		if secret == nil {
			secret = map[string]any{}
			found[entry.key] = secret
		}
		file, variable := child(entry.value.Node, "file"), child(entry.value.Node, "environment")
		if !plain(entry.value) || !plain(file) || !plain(variable) || strings.HasPrefix(file.text(), "~") {
			return false
		}
		if path := file.text(); path != "" {
			secret["file"] = join(f.dir, path)
		}
		if key := variable.text(); key != "" {
			secret["environment"] = key
		}
	}
	return true
}

// plain reports whether a node means what it says.
func plain(n node) bool { return n.Node == nil || n.Tag == "" || strings.HasPrefix(n.Tag, "!!") }
