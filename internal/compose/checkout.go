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
	out, err := askGit(root, "ls-files", "-z")
	if err != nil {
		return files
	}
	for name := range strings.SplitSeq(out, "\x00") {
		if name != "" {
			files[filepath.Join(root, name)] = true
		}
	}
	return files
}

// Revision is the commit that a checkout has, and whether files that git tracks were changed since; empty where there is no git.
func (m *Model) Revision() (commit string, modified bool) {
	commit, err := askGit(m.Root, "rev-parse", "HEAD")
	if err != nil {
		return "", false
	}
	changes, err := askGit(m.Root, "status", "--porcelain", "--untracked-files=no")
	return strings.TrimSpace(commit), err == nil && changes != ""
}

// askGit asks a question about a work tree. The tree may be another user's than who deploys; nothing of it is run.
func askGit(root string, question ...string) (string, error) {
	command := exec.Command("git", append([]string{"-c", "safe.directory=" + root, "-c", "core.fsmonitor=false", "-C", root}, question...)...) //nolint:noctx,gosec // it reads some files
	// A deployment may run from a hook of git's, which is told of another index and work tree.
	command.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "GIT_") })
	out, err := command.Output()
	return string(out), err
}
