package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"slipway/internal/redact"
)

// Values returns every secret value of the stack in dir, for the redactor: from its env file ("" for none), the declared
// secret files and all files in secrets/. It also reads what [ReadEnvFile] refuses, because the refusal itself must not
// leak. The error tells what could not be read; the values found are returned all the same.
func Values(dir, envPath string, declared []Setting) ([]string, error) {
	secret := map[string]bool{}
	files := map[string]bool{}
	for _, s := range declared {
		switch {
		case s.File != "":
			files[s.path(dir)] = true
		case s.IsSecret():
			secret[s.Key] = true
		}
	}
	var values []string
	var failures []error
	if envPath != "" {
		data, err := readAny(envPath)
		failures = append(failures, err)
		values = append(values, envValues(string(data), secret)...)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "secrets"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		failures = append(failures, fmt.Errorf("read %s: %w", filepath.Join(dir, "secrets"), bare(err)))
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			files[filepath.Join(dir, "secrets", entry.Name())] = true
		}
	}
	for path := range files {
		data, err := readAny(path)
		failures = append(failures, err)
		if len(data) > 0 {
			values = append(values, string(data))
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

// readAny reads a regular file whatever its mode; one that is not there has nothing to hide.
func readAny(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	}
	if !info.Mode().IsRegular() || info.Size() > largestEnvFile {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	}
	return data, nil
}

var loose = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*)$`)

// envValues finds the secrets of an env file in whatever state it is: each line's value as it stands and without its
// quotes, and any line that is no assignment, as it may be the rest of a value.
func envValues(text string, secret map[string]bool) []string {
	var values []string
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r", "\n"), "\ufeff")
	if statements, problems := parse("", []byte(text)); problems == nil {
		for _, s := range statements {
			values = append(values, secretsIn(s.key, s.value, secret)...)
		}
		return values
	}
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
