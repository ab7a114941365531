package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway/checkpoints"
)

// largestEnvFile bounds what is read: no env file is as large, but a wrong path may be.
const largestEnvFile = 1 << 20

// EnvFile is an env file as the operator wrote it, with order and comments. Its values are those that godotenv, Compose
// and bash all read; a file they do not read alike is refused.
type EnvFile struct {
	path       string
	loaded     []byte // what the file held when it was read; nil when there was none
	statements []statement
}

// ReadEnvFile reads the file at path, or returns an empty one when there is none. A *RefusedError lists everything that is
// wrong with it.
func ReadEnvFile(path string) (*EnvFile, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // written in its place, and the link stays
	}
	data, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &EnvFile{path: path}, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseEnv(path, data)
}

// ParseEnv reads the content of an env file; path is where it is written to and what errors name.
func ParseEnv(path string, data []byte) (*EnvFile, error) {
	statements, problems := parse(path, data)
	if problems != nil {
		return nil, refuse(problems...)
	}
	return &EnvFile{path: path, loaded: data, statements: statements}, nil
}

// readPrivate reads a regular file that nobody but its owner can read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	}
	switch {
	case info.IsDir():
		return nil, refuse(Problem{Path: path, Why: "is a directory; a file is needed in its place", Remedy: "rmdir " + path})
	case !info.Mode().IsRegular():
		return nil, refuse(Problem{Path: path, Why: "is not a regular file"})
	case info.Mode().Perm()&^0o600 != 0:
		why := fmt.Sprintf("has mode %04o; secrets need 0600", info.Mode().Perm())
		return nil, refuse(Problem{Path: path, Why: why, Remedy: "chmod 600 " + path})
	case info.Size() > largestEnvFile:
		return nil, refuse(Problem{Path: path, Why: "is larger than 1 MiB"})
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	}
	return data, nil
}

// bare returns the reason alone; the message names the operation and the path already.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// Path returns where the file is, links followed.
func (f *EnvFile) Path() string { return f.path }

// Exists tells whether the file was there when it was read.
func (f *EnvFile) Exists() bool { return f.loaded != nil }

// Keys returns the keys in the order of the file.
func (f *EnvFile) Keys() []string {
	var keys []string
	for _, s := range f.statements {
		if s.key != "" {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// Get returns the value of a key, and whether the file has the key.
func (f *EnvFile) Get(key string) (string, bool) {
	at := f.find(key)
	if at < 0 {
		return "", false
	}
	return f.statements[at].value, true
}

// Set puts the value in the place of the key, or at the end. It refuses a value that no quotes make godotenv, Compose and
// bash read alike; the error names the key only.
func (f *EnvFile) Set(key, value string) error {
	if !keyName.MatchString(key) || bashOwns[key] {
		return refuse(Problem{Path: f.path, Key: fmt.Sprintf("%q", key), Why: "is no name that an env file can set"})
	}
	text, err := quote(value)
	if err != nil {
		return refuse(Problem{Path: f.path, Key: key, Why: err.Error()})
	}
	s := statement{raw: key + "=" + text + "\n", key: key, value: value}
	if at := f.find(key); at >= 0 {
		f.statements[at] = s
		return nil
	}
	if last := len(f.statements) - 1; last >= 0 && !strings.HasSuffix(f.statements[last].raw, "\n") {
		f.statements[last].raw += "\n"
	}
	f.statements = append(f.statements, s)
	return nil
}

func (f *EnvFile) find(key string) int {
	return slices.IndexFunc(f.statements, func(s statement) bool { return key != "" && s.key == key })
}

// Encode returns the content of the file.
func (f *EnvFile) Encode() []byte {
	var out strings.Builder
	for _, s := range f.statements {
		out.WriteString(s.raw)
	}
	return []byte(out.String())
}

// Write puts the file in place, atomically and durably, with mode 0600, and keeps the old one beside it as
// NAME.<UTC time>.bak, whose path it returns. Where nothing changed it writes nothing.
func (f *EnvFile) Write(now time.Time) (backup string, err error) {
	data := f.Encode()
	if f.loaded != nil && string(data) == string(f.loaded) {
		return "", nil
	}
	if _, problems := parse(f.path, data); problems != nil {
		return "", refuse(problems...)
	}
	onDisk, err := readPrivate(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.loaded == nil:
		// the first one
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case string(onDisk) != string(f.loaded):
		return "", refuse(Problem{Path: f.path, Why: "was changed by somebody else in the meantime; nothing was written"})
	default:
		if backup, err = keep(f.path, now); err != nil {
			return "", err
		}
	}
	if err := checkpoints.WriteFile(f.path, data, 0o600); err != nil {
		if backup != "" {
			_ = os.Remove(backup) // the original is still in place
		}
		return "", err
	}
	f.loaded = data
	return backup, nil
}

// keep gives the old file a second name. That needs no space on the disk, and replacing the first name leaves it alone.
func keep(path string, now time.Time) (string, error) {
	name := path + "." + now.UTC().Format("20060102T150405Z")
	backup := name + ".bak"
	for n := 2; ; n++ {
		err := os.Link(path, backup)
		if err == nil {
			return backup, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("back up %s: %w", path, err)
		}
		backup = fmt.Sprintf("%s-%d.bak", name, n)
	}
}

// quote returns the value as it stands behind the =.
func quote(value string) (string, error) {
	switch {
	case strings.ContainsAny(value, "\n\r"):
		return "", errors.New("holds a line break, which an env file cannot keep")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r == 0xfffd || r == 0xfeff }):
		return "", errors.New("holds a control character")
	case !strings.ContainsFunc(value, func(r rune) bool { return !isPlain(r) }):
		return value, nil
	}
	for _, mark := range []string{"'", `"`} {
		text := mark + value + mark
		s, rest, err := next("KEY=" + text)
		if err == nil && rest == "" && s.value == value {
			if compare("", []byte(s.raw), []statement{s}) == nil {
				return text, nil
			}
		}
	}
	return "", errors.New("cannot be written so that godotenv, Compose and bash read it alike: it holds a single quote beside $, ` or \", or a backslash at its end")
}
