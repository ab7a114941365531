package buildinput

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/moby/patternmatcher"
)

// localContext is a folder of this machine that a build reads, less what its ignore file leaves out.
type localContext struct {
	dir    string // as the compose files name it
	real   string // without symbolic links
	ignore ignore
}

// openContext looks at a context. Its own .dockerignore counts where none of the given files exists.
func openContext(dir string, ignoreFiles ...string) (localContext, error) {
	context := localContext{dir: filepath.Clean(dir), real: resolve(dir)}
	if info, err := os.Stat(dir); err != nil {
		return context, missing(err, "there is no folder "+dir)
	} else if !info.IsDir() {
		return context, fmt.Errorf("%s is not a folder", dir)
	}
	var err error
	context.ignore, err = openIgnore(append(ignoreFiles, filepath.Join(context.dir, ".dockerignore"))...)
	return context, err
}

// entries are the files, links and folders that BuildKit takes along, empty folders too, each by its path below the
// context. What is ignored as a whole is not entered, nor are the paths to leave out.
func (c localContext) entries(leaveOut []string) ([]string, error) {
	return c.below(".", false, patternmatcher.MatchInfo{}, leaveOut)
}

func (c localContext) below(dir string, ignored bool, parent patternmatcher.MatchInfo, leaveOut []string) ([]string, error) {
	list, err := os.ReadDir(filepath.Join(c.real, dir))
	if ignored && errors.Is(err, fs.ErrPermission) {
		return nil, nil // as BuildKit does
	}
	if err != nil {
		return nil, c.unreadable(err)
	}
	var kept []string
	for _, entry := range list {
		rel := path.Join(dir, entry.Name())
		if slices.Contains(leaveOut, filepath.Join(c.real, rel)) {
			continue
		}
		ignored, info, err := c.ignore.matches(rel, parent)
		if err != nil {
			return nil, err
		}
		var inside []string
		if entry.IsDir() && (!ignored || c.ignore.spares(rel)) {
			if inside, err = c.below(rel, ignored, info, leaveOut); err != nil {
				return nil, err
			}
		}
		if !ignored || len(inside) > 0 { // the folder of what an exception takes along comes with it
			kept = append(kept, rel)
		}
		kept = append(kept, inside...)
	}
	return kept, nil
}

// unreadable says what to do about a file or folder that BuildKit would read and that we may not.
func (c localContext) unreadable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: make it readable, or add it to %s", err, c.ignore.path)
	}
	return err
}
