package settings

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"

	"slipway/internal/redact"
)

// message finds what a compose file says to whoever forgot a variable: ${DOMAIN:?the domain of the shop}.
var message = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*):?\?([^}]*)\}`)

// Required finds what a compose model needs and nobody declared: variables written as ${X:?…}, the files of secrets and
// the environment variables of secrets. model is what `docker compose config --no-interpolate --format json` prints; dir
// is the stack's directory.
func Required(model []byte, dir string, declared []Setting) ([]Setting, error) {
	var document map[string]any
	if err := json.Unmarshal(model, &document); err != nil {
		return nil, fmt.Errorf("read the compose model: %w", err)
	}
	// A variable and a file are two values, even under one name.
	variables, files := map[string]bool{}, map[string]bool{}
	known := func(s Setting) bool {
		place, name := variables, s.Key
		if s.File != "" {
			place, name = files, s.path(dir)
		}
		defer func() { place[name] = true }()
		return place[name]
	}
	for _, s := range declared {
		known(s)
	}
	var found []Setting
	add := func(s Setting) {
		if !known(s) {
			found = append(found, s)
		}
	}
	for name, variable := range template.ExtractVariables(document, nil) {
		if variable.Required {
			add(Setting{Key: name, Secret: redact.SecretKey(name), Question: question(model, name)})
		}
	}
	secrets, _ := document["secrets"].(map[string]any)
	for name, entry := range secrets {
		secret, _ := entry.(map[string]any)
		if key, _ := secret["environment"].(string); key != "" {
			add(Setting{Key: key, Secret: true, Question: "The secret " + name})
		}
		if file, _ := secret["file"].(string); file != "" && !strings.Contains(file, "$") {
			add(Setting{Key: keyOf(name), Secret: true, File: inside(dir, file), Question: "The secret " + name})
		}
	}
	// Maps have no order of their own, and the operator's questions need one.
	slices.SortFunc(found, func(a, b Setting) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.File, b.File))
	})
	return found, nil
}

// question returns the message of the compose file, if it has one for the variable.
func question(model []byte, name string) string {
	for _, m := range message.FindAllSubmatch(model, -1) {
		if string(m[1]) != name || len(m[2]) == 0 {
			continue
		}
		var text string
		if json.Unmarshal([]byte(`"`+string(m[2])+`"`), &text) == nil {
			return text
		}
	}
	return name
}

// keyOf returns the name under which the environment gives a secret: DB_PASSWORD for db-password.
func keyOf(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, strings.ToUpper(name))
}

// inside returns the path of a file below dir relative to it, and any other as it is.
func inside(dir, file string) string {
	file = filepath.Clean(file)
	if !filepath.IsAbs(file) {
		return file
	}
	if absolute, err := filepath.Abs(dir); err == nil {
		if rel, err := filepath.Rel(absolute, file); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return file
}
