package settings

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// A secret file reaches its containers as a bind mount: its owner and mode on the host decide who reads it there. The
// folders above it do not: the engine has opened it. So a file that everybody may read is still closed to the users of
// the host where its folder is, and that serves several readers at once.

// Somebody is a reader whose number is not known, because the image knows them by name alone.
const Somebody = -1

// access is the owner and mode of a secret file.
type access struct {
	uid  int
	mode fs.FileMode
}

// wanted is the least access that serves every reader of a file that belongs to owner, for a deployment that runs as us;
// false where there is none. Root reads everything.
func wanted(readers []int, owner, us int, closed bool) (access, bool) {
	others := strangers(readers, owner)
	switch {
	case len(others) == 0:
		return access{owner, 0o600}, true
	case us == 0 && owner == 0 && len(others) == 1 && others[0] != Somebody:
		return access{others[0], 0o600}, true
	case closed:
		return access{owner, 0o644}, true
	}
	return access{owner, 0o600}, false
}

// strangers are the readers that are neither root nor the owner, each once.
func strangers(readers []int, owner int) []int {
	others := slices.DeleteFunc(slices.Clone(readers), func(uid int) bool { return uid == 0 || uid == owner })
	slices.Sort(others)
	return slices.Compact(others)
}

// judge says what is wrong with the access to a secret file that is there: a reader that has none, or a user of the host
// who has. No remedy takes it from a reader; where the readers are not known, there is none. stack is the stack's folder.
func (s Setting) judge(stack, path string) []Problem {
	info, err := os.Stat(path)
	if err != nil {
		return nil // whoever reads it says so
	}
	if slices.Contains(s.Readers, Somebody) {
		s.Readers = nil
	}
	folder := filepath.Dir(path)
	owner, us, perm := ownerOf(info), os.Geteuid(), info.Mode().Perm()
	closed, ours := isClosed(folder), us == 0 || us == owner // else a remedy could take it from us
	own := ours && within(stack, folder)
	want, served := wanted(s.Readers, owner, us, closed)
	var found []Problem
	for _, uid := range strangers(s.Readers, owner) {
		if perm&0o044 != 0 {
			break // its group may be the reader's
		}
		problem := Problem{Path: path, Key: s.Key, Why: fmt.Sprintf("uid %d, which reads it in a container, cannot: it belongs to uid %d and has mode %04o", uid, owner, perm)}
		switch {
		case served && ours:
			problem.Remedy = want.command(path, owner)
		case own:
			problem.Remedy = fmt.Sprintf("chmod 700 %s && chmod 644 %s", folder, path)
		}
		found = append(found, problem)
	}
	if perm&0o004 == 0 || closed {
		return found
	}
	problem := Problem{Path: path, Key: s.Key, Why: fmt.Sprintf("has mode %04o: everybody on this machine can read it", perm)}
	switch {
	case s.Readers == nil:
		problem.Why += "; who reads it in a container is not known, so keep that in mind before you close it"
	case served && ours:
		problem.Remedy = want.command(path, owner)
	case own:
		problem.Remedy = "chmod 700 " + folder
	}
	return append(found, problem)
}

// command gives a file this access, the owner first: at no time is it out of its reader's reach.
func (a access) command(path string, owner int) string {
	command := fmt.Sprintf("chmod %o %s", a.mode, path)
	if a.uid != owner {
		command = fmt.Sprintf("chown %d %s && %s", a.uid, path, command)
	}
	return command
}

// isClosed tells whether nobody but the owner and the group gets into the folder.
func isClosed(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && info.Mode().Perm()&0o007 == 0
}

// within tells whether the folder lies in the stack's and is not that itself.
func within(stack, folder string) bool {
	stack, errStack := filepath.Abs(stack)
	folder, errFolder := filepath.Abs(folder)
	rel, err := filepath.Rel(stack, folder)
	return errStack == nil && errFolder == nil && err == nil && rel != "." && filepath.IsLocal(rel)
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

func groupOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Gid)
	}
	return -1
}
