package checkpoints

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Input is one thing that a step's result depends on. Digest is the SHA-256 of
// its content in hex; a record keeps only an HMAC of it under the key of the
// state directory, so that a short secret cannot be guessed from a record.
//
// Outcome marks what the step itself brings about, such as a volume: it is
// recorded as it is after the work, all others as they were before it.
type Input struct {
	Name    string
	Digest  string
	Outcome bool
}

// Value is an input that is a text, such as a version or a setting.
func Value(name, value string) Input {
	sum := sha256.Sum256([]byte(value))
	return Input{Name: name, Digest: hex.EncodeToString(sum[:])}
}

// Outcome is a Value that the step itself brings about.
func Outcome(name, value string) Input {
	input := Value(name, value)
	input.Outcome = true
	return input
}

// Digest is one SHA-256, in hex, over the names and contents of all the inputs.
func Digest(inputs []Input) string {
	sum := sha256.New()
	for _, input := range inputs {
		fmt.Fprintf(sum, "%d:%s%s", len(input.Name), input.Name, input.Digest)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// File is an input that is the content of one file. The path is not part of
// it, nor are mode and time. A file that does not exist is an error.
func File(name, path string) (Input, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Input{}, err
	}
	// A pipe would block for ever, and a directory has no content to compare.
	if !info.Mode().IsRegular() {
		return Input{}, fmt.Errorf("read %s: not a regular file", path)
	}
	file, err := openPlain(path)
	if err != nil {
		return Input{}, err
	}
	defer file.close()
	hash := sha256.New()
	// A buffer as large as the file: io.Copy takes 32 kB, which costs more than to read a small one.
	buffer := make([]byte, min(max(info.Size()+1, 512), 32<<10))
	if _, err := io.CopyBuffer(hash, file, buffer); err != nil {
		return Input{}, fmt.Errorf("read %s: %w", path, err)
	}
	return Input{Name: readable(name), Digest: hex.EncodeToString(hash.Sum(nil))}, nil
}

// Entry is an input that is one entry of a directory, as an archive or an image
// takes it along: its kind and permissions, and with them the content of a file
// or the text of a symbolic link. Owner and time are no part of it.
func Entry(name, path string) (Input, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Input{}, err
	}
	content := ""
	switch {
	case info.Mode().IsRegular():
		var file Input
		file, err = File(name, path)
		content = file.Digest
	case info.Mode()&fs.ModeSymlink != 0:
		content, err = os.Readlink(path)
	}
	return Value(readable(name), info.Mode().String()+"\x00"+content), err
}

// Env is one input for each of the environment's keys that is set. A key that
// is not set is left out, which differs from one that is set to nothing.
func Env(keys ...string) []Input {
	var inputs []Input
	for _, key := range keys {
		if value, ok := os.LookupEnv(key); ok {
			inputs = append(inputs, Value(key, value))
		}
	}
	return inputs
}

// Tree is one input for each file below dir that match accepts (nil accepts
// all), named prefix/rel, in sorted order. match gets the slash-separated path
// below dir, and is asked about files only. A symbolic link counts by the text
// of its target. Sockets, pipes, devices and empty directories do not count.
func Tree(prefix, dir string, match func(rel string) bool) ([]Input, error) {
	return walk(prefix, dir, dir, match)
}

// Glob is one input for each file below root that the pattern fits, named by
// its path below root. The pattern is slash-separated: path.Match within one
// element, and ** for any number of elements. No match is no error, so that
// the first file to appear is a change.
func Glob(root, pattern string) ([]Input, error) {
	elements := strings.Split(path.Clean(pattern), "/")
	for _, element := range elements {
		if _, err := path.Match(element, ""); err != nil || element == ".." || element == "" {
			return nil, fmt.Errorf("glob %q: not a pattern below its root", pattern)
		}
	}
	start := root
	for _, element := range elements[:len(elements)-1] {
		if strings.ContainsAny(element, `*?[\`) {
			break
		}
		start = filepath.Join(start, element)
	}
	if info, err := os.Stat(start); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		if _, err := os.Stat(root); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return walk("", root, start, func(rel string) bool { return fits(elements, strings.Split(rel, "/")) })
}

func fits(pattern, elements []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for skip := range len(elements) + 1 {
				if fits(pattern[1:], elements[skip:]) {
					return true
				}
			}
			return false
		}
		if len(elements) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], elements[0]); err != nil || !ok {
			return false
		}
		pattern, elements = pattern[1:], elements[1:]
	}
	return len(elements) == 0
}

// walk reads the files below start and names them by their path below root.
func walk(prefix, root, start string, match func(rel string) bool) ([]Input, error) {
	below, err := filepath.Rel(root, start)
	if err != nil {
		return nil, err
	}
	// WalkDir does not enter a root that is a symbolic link, and a checkout
	// may well be reached through one.
	start, err = filepath.EvalSymlinks(start)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(start)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("read %s: not a directory", start)
	}
	var inputs []Input
	err = filepath.WalkDir(start, func(found string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(start, found)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(filepath.Join(below, rel))
		if match != nil && !match(rel) {
			return nil
		}
		input, counts, err := entryInput(path.Join(prefix, rel), found, entry)
		if counts {
			inputs = append(inputs, input)
		}
		return err
	})
	slices.SortFunc(inputs, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	return inputs, err
}

func entryInput(name, found string, entry fs.DirEntry) (input Input, counts bool, err error) {
	switch {
	case entry.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(found)
		// The prefix keeps a link apart from a file that holds the same text.
		return Value(readable(name), "symbolic link to\x00"+target), err == nil, err
	case entry.Type().IsRegular():
		input, err := File(name, found)
		return input, err == nil, err
	default:
		return Input{}, false, nil
	}
}

// readable keeps two names apart that JSON would turn into the same text.
func readable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strconv.Quote(name)
}
