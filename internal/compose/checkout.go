package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// checkout is the folder that the stack's files belong to: the work tree of git around it, else the current folder if the
// stack is inside it, else the stack's own.
func checkout(dir string) string {
	for parent := dir; ; parent = filepath.Dir(parent) {
		if _, err := os.Lstat(filepath.Join(parent, ".git")); err == nil {
			return parent
		}
		if parent == filepath.Dir(parent) {
			break
		}
	}
	if current, err := os.Getwd(); err == nil && Within(current, dir) {
		return current
	}
	return dir
}

// Within reports whether path is dir or below it.
func Within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// tracked are the files of a work tree that git tracks, absolute; none where there is no git.
func tracked(root string) map[string]bool {
	files := map[string]bool{}
	// The work tree may be another user's than who deploys; nothing of it is run.
	command := exec.Command("git", "-c", "safe.directory="+root, "-C", root, "ls-files", "-z") //nolint:noctx // it reads one file
	// A deployment may run from a hook of git's, which is told of another index and work tree.
	command.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "GIT_") })
	out, err := command.Output()
	if err != nil {
		return files
	}
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" {
			files[filepath.Join(root, name)] = true
		}
	}
	return files
}
