package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/regular"
)

// EnvFile is an env file as the operator wrote it, with order and comments. Its values are those that Compose reads, and
// so those that arrive; what is written into it, godotenv and bash read alike.
type EnvFile struct {
	path       string
	lookup     func(string) (string, bool)
	info       fs.FileInfo // of what was read; nil when there was none
	loaded     []byte      // what the file held when it was read; nil when there was none
	statements []statement
	values     map[string]string
}

// ReadEnvFile reads the file at path, or returns an empty one when there is none. Variables in its values are looked up in
// the environment, then in the lines before. A *RefusedError lists everything that is wrong with it.
func ReadEnvFile(path string, lookup func(string) (string, bool)) (*EnvFile, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // written in its place, and the link stays
	}
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &EnvFile{path: path, lookup: lookup}, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := ParseEnv(path, data, lookup)
	if err != nil {
		return nil, err
	}
	if file.info, err = os.Stat(path); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	}
	return file, nil
}

// ParseEnv reads the content of an env file; path is where it is written to and what errors name.
func ParseEnv(path string, data []byte, lookup func(string) (string, bool)) (*EnvFile, error) {
	statements, values, problems := parse(path, data, lookup)
	if problems != nil {
		return nil, refuse(problems...)
	}
	return &EnvFile{path: path, lookup: lookup, loaded: data, statements: statements, values: values}, nil
}

// readFile reads a file that the operator names; what is none is refused.
func readFile(path string) ([]byte, error) {
	data, err := regular.Read(path)
	switch {
	case errors.Is(err, regular.ErrDirectory):
		problem := Problem{Path: path, Why: regular.ErrDirectory.Error()}
		if entries, err := os.ReadDir(path); err == nil && len(entries) == 0 {
			problem.Remedy = "rmdir " + path
		}
		return nil, refuse(problem)
	case errors.Is(err, regular.ErrNotRegular):
		return nil, refuse(Problem{Path: path, Why: regular.ErrNotRegular.Error()})
	case errors.Is(err, regular.ErrTooLarge):
		return nil, refuse(Problem{Path: path, Why: regular.ErrTooLarge.Error()})
	}
	return data, err
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

// Keys returns the keys in the order of the file, each once.
func (f *EnvFile) Keys() []string {
	var keys []string
	for _, s := range f.statements {
		if s.key != "" && !slices.Contains(keys, s.key) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// Get returns the value of a key, and whether the file has the key.
func (f *EnvFile) Get(key string) (string, bool) {
	value, found := f.values[key]
	return value, found
}

var settable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Set puts the value in the place of the key, or at the end. It refuses a value that no quotes make godotenv, Compose and
// bash read alike; the error names the key only.
func (f *EnvFile) Set(key, value string) error {
	if !settable.MatchString(key) {
		return refuse(Problem{Path: f.path, Key: fmt.Sprintf("%q", key), Why: "is no name that an env file can set"})
	}
	text, err := quote(value)
	if err != nil {
		return refuse(Problem{Path: f.path, Key: key, Why: err.Error(), Remedy: "in " + f.path + ", " + inDoubleQuotes})
	}
	statements := slices.Clone(f.statements)
	s := statement{raw: key + "=" + text + "\n", key: key}
	if at := last(statements, key); at >= 0 {
		statements[at] = s
	} else {
		if end := len(statements) - 1; end >= 0 && !strings.HasSuffix(statements[end].raw, "\n") && statements[end].raw != "\ufeff" {
			statements[end].raw += "\n"
		}
		statements = append(statements, s)
	}
	again, err := ParseEnv(f.path, encode(statements), f.lookup)
	if err != nil {
		return err
	}
	f.statements, f.values = again.statements, again.values
	return nil
}

// last is the place of the key's statement that counts; -1 where there is none.
func last(statements []statement, key string) int {
	for at, s := range slices.Backward(statements) {
		if s.key == key {
			return at
		}
	}
	return -1
}

// Encode returns the content of the file.
func (f *EnvFile) Encode() []byte { return encode(f.statements) }

func encode(statements []statement) []byte {
	var out strings.Builder
	for _, s := range statements {
		out.WriteString(s.raw)
	}
	return []byte(out.String())
}

// Write puts the file in place, atomically and durably, and keeps the old one beside it as NAME.<UTC time>.bak, whose path
// it returns. Only the owner can read it, and the group where it could and others could not. Where nothing changed it
// writes nothing.
func (f *EnvFile) Write(now time.Time) (backup string, err error) {
	data := f.Encode()
	if f.loaded != nil && string(data) == string(f.loaded) {
		return "", nil
	}
	onDisk, err := readFile(f.path)
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
	if err := f.replace(data); err != nil {
		if backup != "" {
			_ = os.Remove(backup) // the original is still in place
		}
		return "", err
	}
	f.loaded = data
	return backup, f.closeBackup(backup)
}

// replace puts the new content in place, with the owner, the group and the mode that the file had: at no time is it somebody
// else's. What everybody could do with it is no choice of theirs, and a group that we may not give it has no part in it.
func (f *EnvFile) replace(data []byte) error {
	if err := f.keepsOwner(os.Geteuid()); err != nil {
		return err
	}
	temp := f.path + ".new"
	if err := checkpoints.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	err := f.likeBefore(temp)
	if err == nil {
		err = os.Rename(temp, f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, errors.Join(bare(err), os.Remove(temp)))
	}
	return syncDir(filepath.Dir(f.path))
}

// keepsOwner refuses to replace a file of somebody else: the new one would be ours.
func (f *EnvFile) keepsOwner(us int) error {
	if f.info == nil || us == 0 || us == ownerOf(f.info) {
		return nil
	}
	return refuse(Problem{Path: f.path, Why: fmt.Sprintf("belongs to uid %d and would be taken from them", ownerOf(f.info)), Remedy: "run this as its owner, or with sudo"})
}

func (f *EnvFile) likeBefore(path string) error {
	if f.info == nil {
		return nil
	}
	if err := os.Chown(path, ownerOf(f.info), groupOf(f.info)); err != nil {
		return nil //nolint:nilerr // the group is not ours to give
	}
	return os.Chmod(path, f.perm())
}

// perm is the mode of the new file.
func (f *EnvFile) perm() fs.FileMode {
	if f.info.Mode().Perm()&0o007 != 0 {
		return 0o600
	}
	return 0o600 | f.info.Mode().Perm()&0o070
}

// closeBackup takes the old file, which has another name now, from everybody.
func (f *EnvFile) closeBackup(backup string) error {
	if backup == "" || f.info == nil || f.perm() != 0o600 {
		return nil
	}
	if os.Chmod(backup, 0o600) != nil && f.info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("%s can be read by everybody, and is not ours to close", backup)
	}
	return nil
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
