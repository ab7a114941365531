package buildinput

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// ignore is the ignore file that counts for a context.
type ignore struct {
	path    string // of the file, or of the one that would be read if it existed
	exists  bool
	matcher *patternmatcher.PatternMatcher
}

// openIgnore reads the first of the files that exists, even if it is empty. The last one is where to make one.
func openIgnore(files ...string) (ignore, error) {
	var found ignore
	var text []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ignore{}, err
		}
		found.path, found.exists, text = file, err == nil, data
		if found.exists {
			break
		}
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err == nil {
		found.matcher, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return ignore{}, fmt.Errorf("read %s: %w", found.path, err)
	}
	return found, nil
}

// matches says whether an entry is ignored, given what matched the folder it lies in.
func (i ignore) matches(rel string, parent patternmatcher.MatchInfo) (bool, patternmatcher.MatchInfo, error) {
	ignored, info, err := i.matcher.MatchesUsingParentResults(rel, parent)
	if err != nil {
		return false, info, fmt.Errorf("read %s: %w", i.path, err)
	}
	return ignored, info, nil
}

// judge is matches for a path of which nothing is known yet, not even whether it exists.
func (i ignore) judge(rel string) (ignored bool, info patternmatcher.MatchInfo, err error) {
	if parent := path.Dir(rel); parent != "." {
		if _, info, err = i.judge(parent); err != nil {
			return false, info, err
		}
	}
	return i.matches(rel, info)
}

// spares says whether an exception (!pattern) may take along something below an ignored folder. If none does, the
// folder need not be entered. It errs on the side of entering.
func (i ignore) spares(dir string) bool {
	for _, pattern := range i.matcher.Patterns() {
		if pattern.Exclusion() && reaches(strings.Split(pattern.String(), "/"), strings.Split(dir, "/")) {
			return true
		}
	}
	return false
}

// reaches says whether a pattern may fit something below dir: its first elements fit dir, and it has more of them.
func reaches(pattern, dir []string) bool {
	for n, element := range pattern {
		if strings.Contains(element, "**") {
			return true
		}
		if n == len(dir) {
			return true
		}
		if fits, err := path.Match(element, dir[n]); err == nil && !fits {
			return false
		}
	}
	return false
}
