package settings

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"slipway/internal/composelint"
	"slipway/internal/redact"
)

// Values returns the secret values of the stack in dir, for the redactor: from the environment, from its env file, from the
// declared secret files and from what its compose files name. It also reads what [ReadEnvFile] refuses, because the refusal itself must not leak.
// The error tells what could not be read; the values found are returned all the same.
func Values(dir, envPath string, environ []string, declared []Setting, named composelint.Named) ([]string, error) {
	secret := map[string]bool{}
	files := slices.Clone(named.Secrets)
	for _, s := range declared {
		switch {
		case s.File != "":
			files = append(files, s.path(dir))
		case s.IsSecret():
			secret[s.Key] = true
		}
	}
	for _, key := range named.Variables {
		secret[key] = true
	}
	var values []string
	for _, pair := range environ {
		if key, value, ok := strings.Cut(pair, "="); ok {
			values = append(values, secretsIn(key, value, secret)...)
		}
	}
	var failures []error
	read := func(path string) string {
		data, err := readFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // one that is not there has nothing to hide
			failures = append(failures, err)
		}
		return string(data)
	}
	for _, path := range append([]string{envPath}, named.EnvFiles...) {
		values = append(values, envValues(read(path), secret)...)
	}
	slices.Sort(files)
	for _, path := range slices.Compact(files) {
		if value := read(path); value != "" {
			values = append(values, value)
		}
	}
	return values, errors.Join(failures...)
}

// Secrets returns the secret values of the plan, for the redactor: those that are not written yet too.
func (p *Plan) Secrets() []string {
	var values []string
	for _, a := range p.Answers {
		if a.Setting.IsSecret() && a.Value != "" {
			values = append(values, a.Value)
		}
		values = append(values, redact.Secrets("", a.Value)...)
	}
	return values
}

var loose = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*)$`)

// envValues finds the secrets of an env file in whatever state it is: as they arrive and as they are written. Where Compose
// cannot read it, each line's value counts as it stands and without its quotes, and any line that is no assignment, as it
// may be the rest of a value.
func envValues(text string, secret map[string]bool) []string {
	var values []string
	if statements, arriving, problems := parse("", []byte(text), os.LookupEnv); problems == nil {
		for _, s := range statements {
			values = append(values, secretsIn(s.key, s.text, secret)...)
		}
		for key, value := range arriving {
			values = append(values, secretsIn(key, value, secret)...)
		}
		return values
	}
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r", "\n"), "\ufeff")
	for line := range strings.SplitSeq(text, "\n") {
		found := loose.FindStringSubmatch(line)
		switch word := strings.TrimSpace(line); {
		case word == "" || word[0] == '#':
		case found == nil:
			values = append(values, word)
		default:
			value := strings.TrimSpace(found[2])
			before, _, _ := strings.Cut(value, " #")
			for _, v := range []string{value, strings.Trim(value, `'"`), strings.Trim(strings.TrimSpace(before), `'"`)} {
				values = append(values, secretsIn(found[1], v, secret)...)
			}
		}
	}
	return values
}

func secretsIn(key, value string, secret map[string]bool) []string {
	values := redact.Secrets(key, value)
	if value != "" && secret[key] {
		values = append(values, value)
	}
	return values
}
