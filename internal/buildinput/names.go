package buildinput

import (
	"path/filepath"
	"strings"
)

// names gives files the names that an operator reads and that are the same in every checkout.
type names struct{ root, real string }

func newNames(root string) names {
	return names{root: filepath.Clean(root), real: resolve(root)}
}

// of is the path below the root, or beside it (../…). What has nothing in common with the root keeps its own path.
func (n names) of(path string) string {
	path = filepath.Clean(path)
	for _, root := range []string{n.root, n.real} {
		if rel, ok := below(root, path); ok {
			return rel
		}
	}
	rel, err := filepath.Rel(n.root, path)
	if err != nil || strings.Count(rel, "../") >= strings.Count(n.root, "/") {
		return path
	}
	return rel
}

// ofLocal leaves alone what is no path of this machine.
func (n names) ofLocal(path string) string {
	if !local(path) {
		return path
	}
	return n.of(path)
}

// below is the path of what lies in dir or is dir.
func below(dir, path string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// resolve returns a path without symbolic links, as far as it exists.
func resolve(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolve(parent), filepath.Base(path))
}
