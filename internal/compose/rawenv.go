package compose

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// The library knows no `format: raw` of an env_file by itself; Compose adds it, too (rawEnv in cmd/compose/compose.go).
func init() { dotenv.RegisterFormat("raw", rawEnv) }

// rawEnv reads an env file as `docker run --env-file` does: what stands after the equals sign is the value, with its quotes,
// dollar signs and trailing blanks. A name alone takes its value from elsewhere, where there is one.
func rawEnv(r io.Reader, name string, values map[string]string, look func(string) (string, bool)) error {
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, has := strings.Cut(line, "=")
		switch {
		case !utf8.ValidString(line):
			return fmt.Errorf("env file %s: line %d is not valid UTF-8", name, number)
		case key == "" || strings.ContainsAny(key, " \t"):
			return fmt.Errorf("env file %s: line %d does not begin with the name of a variable", name, number)
		case !has && look != nil:
			value, has = look(key)
		}
		if has {
			values[key] = value
		}
	}
	return lines.Err()
}
