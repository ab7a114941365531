package settings

import (
	"fmt"
	"os"
	"strings"

	"slipway/internal/composelint"
	"slipway/internal/redact"
)

// Warnings tells what of the file an operator may not have meant, though Compose reads it: by key, never by value. secret
// names the keys whose values are secret though their names do not tell.
func (f *EnvFile) Warnings(secret map[string]bool) []Problem {
	last, before := map[string]int{}, map[string]bool{}
	for _, s := range f.statements {
		last[s.key] = s.line
	}
	var found []Problem
	holdsSecret := false
	for _, s := range f.statements {
		switch {
		case s.after != "" && (s.key != "" || strings.TrimSpace(s.raw) != ""):
			found = append(found, Problem{Path: f.path, Line: s.line, Key: s.after, Why: "something follows its closing quote, which is no part of the value",
				Remedy: "put all of the value in one pair of quotes, with a \\ before each such quote in it"})
		case s.key == "":
			continue
		case last[s.key] != s.line:
			found = append(found, Problem{Path: f.path, Line: s.line, Key: s.key, Why: fmt.Sprintf("is set again in line %d, which counts", last[s.key])})
		}
		lost := f.losesVariables(s, before)
		before[s.key] = true
		if lost && s.key != "" {
			found = append(found, Problem{Path: f.path, Line: s.line, Key: s.key,
				Why: "holds a $ that Compose takes for a variable; it is not set, and that part of the value is lost", Remedy: literal})
		}
		value := f.values[s.key]
		holdsSecret = holdsSecret || value != "" && (secret[s.key] || redact.Secrets(s.key, value) != nil)
	}
	if holdsSecret && f.info != nil && f.info.Mode().Perm()&0o007 != 0 {
		found = append(found, Problem{Path: f.path, Why: fmt.Sprintf("has mode %04o: everybody on this machine can read its secrets", f.info.Mode().Perm()),
			Remedy: closing(f.path, f.info)})
	}
	return found
}

// losesVariables tells whether Compose replaces a part of the value by nothing; before are the keys of the lines above.
func (f *EnvFile) losesVariables(s statement, before map[string]bool) bool {
	text := s.text
	switch s.quote {
	case '\'':
		return false
	case '"':
		text = strings.NewReplacer(`\\`, ``, `\$`, `$$`).Replace(text)
	}
	uses := composelint.Uses(text, func(key string) (string, bool) {
		if value, found := f.lookup(key); found {
			return value, true
		}
		return f.values[key], before[key]
	})
	return len(uses) > 0
}

// closing is the command that takes a file from everybody but its owner, and does not take it from us.
func closing(path string, info os.FileInfo) string {
	if uid := os.Geteuid(); uid != 0 && ownerOf(info) != uid {
		return fmt.Sprintf("sudo chown %d %s && chmod 600 %s", uid, path, path)
	}
	return "chmod 600 " + path
}
