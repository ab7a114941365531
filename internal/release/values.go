package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"slipway/checkpoints"
)

// Values is the env file of what the definitions of all releases call by a name: the secrets of today. What the operator's
// own env file or environment says wins over it.
func (s Store) Values() string { return filepath.Join(s.Dir, "secrets.env") }

// keepValues takes over what the names of a definition stand for now.
func (s Store) keepValues(values map[string]string) error {
	kept, err := s.readValues()
	if err != nil {
		return err
	}
	before := maps.Clone(kept)
	maps.Copy(kept, values)
	if _, err := os.Stat(s.Values()); err == nil && maps.Equal(before, kept) {
		return nil
	}
	var text bytes.Buffer
	text.WriteString("# The secrets that the releases name. Written by every deployment.\n")
	for _, key := range slices.Sorted(maps.Keys(kept)) {
		line, err := assignment(key, kept[key])
		if err != nil {
			return err
		}
		text.WriteString(line)
	}
	return checkpoints.WriteFile(s.Values(), text.Bytes(), 0o600)
}

func (s Store) readValues() (map[string]string, error) {
	data, err := os.ReadFile(s.Values())
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the secrets that the releases name: %w", err)
	}
	values, err := dotenv.UnmarshalWithLookup(string(data), nil)
	if err != nil {
		return nil, fmt.Errorf("read the secrets that the releases name: %s is damaged (remove it: the next deployment writes it)", s.Values())
	}
	return values, nil
}

// assignment is KEY=VALUE as Compose reads it, in the quotes that give the value back.
func assignment(key, value string) (string, error) {
	for _, text := range []string{"'" + value + "'", strconv.Quote(value), escaped(value)} {
		line := key + "=" + text + "\n"
		if read, err := dotenv.UnmarshalWithLookup(line, nil); err == nil && len(read) == 1 && read[key] == value {
			return line, nil
		}
	}
	return "", fmt.Errorf("the value of %s cannot be written into an env file", key)
}

// escaped is a value in double quotes with what means something there escaped.
func escaped(value string) string {
	var text bytes.Buffer
	text.WriteByte('"')
	for _, r := range value {
		switch r {
		case '\n':
			text.WriteString(`\n`)
		case '\r':
			text.WriteString(`\r`)
		case '"', '\\', '$':
			text.WriteByte('\\')
			text.WriteRune(r)
		default:
			text.WriteRune(r)
		}
	}
	text.WriteByte('"')
	return text.String()
}
