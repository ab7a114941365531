package checkpoints

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// TrustError says that somebody else could change what the state directory
// holds, and with it what is run from there.
type TrustError struct {
	Dir  string // the state directory
	Path string // what is wrong: of its way or of its content
	Why  string
	fix  string
}

func (e *TrustError) Error() string {
	return fmt.Sprintf("state directory %s: %s %s", e.Dir, e.Path, e.Why)
}

// Hints are the command that mends it, and the way around it.
func (e *TrustError) Hints() []string {
	return []string{
		"look at what is there; if nobody has tampered with it: " + e.fix,
		"or name another directory with STATE_DIR",
	}
}

// trust looks at a state directory as the user who is going to work in it: root
// and this user may own it, its way and its content; nobody else may write.
type trust struct {
	dir string
	uid uint32
}

// checkTrust refuses a state directory in which somebody else could put another
// thing in the place of what is there, and tells whether it is there. One that is
// not is trusted if its way is.
func checkTrust(dir string) (there bool, err error) {
	t := trust{dir: dir, uid: uint32(os.Geteuid())} //nolint:gosec // a uid
	path, err := t.way(dir)
	if err != nil || path == "" {
		return false, err
	}
	return true, t.content(path)
}

// maxLinks is how many symbolic links a path may lead through, as in the kernel.
const maxLinks = 40

// way looks at each part of a path in turn, from the root on and through symbolic
// links, so that nobody can exchange what was looked at before. It returns where
// the path leads; nothing if that is not there.
func (t trust) way(path string) (string, error) {
	at, rest, links := "/", parts(path), 0
	if err := t.part(at, false); err != nil {
		return "", err
	}
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("open the state directory: %w", err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := t.part(next, len(rest) == 0); err != nil {
				return "", err
			}
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("open the state directory: %s: %w", path, unix.ELOOP)
		}
		if err := t.owned(next, info); err != nil {
			return "", err
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", fmt.Errorf("open the state directory: %w", err)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(parts(target), rest...)
	}
	return at, nil
}

func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// part looks at a part of the way; the last one is nobody else's to write to. On
// the way to it, what others put into a folder like /tmp is their own, and a
// group of which the user is the only member is the user.
func (t trust) part(path string, last bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("open the state directory: %w", err)
	}
	if err := t.owned(path, info); err != nil {
		return err
	}
	if last || !info.IsDir() {
		return t.closed(path, info)
	}
	writable := info.Mode().Perm() & 0o022
	if writable == 0 || info.Mode()&fs.ModeSticky != 0 || writable == 0o020 && t.ownGroup(path, info) {
		return nil
	}
	return t.closed(path, info)
}

// content looks at all that is in the state directory. A link may lead out of
// it, over a way that is trusted.
func (t trust) content(dir string) error {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return errors.Join(fmt.Errorf("state directory %s: not a directory", dir), err)
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return ignoreGone(err) // a run may work in it
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if err := t.owned(path, info); err != nil {
			return err
		}
		switch info.Mode().Type() {
		case fs.ModeSymlink:
			_, err := t.way(path)
			return err
		case fs.ModeDir, 0:
			return t.closed(path, info)
		}
		return &TrustError{t.dir, path, "is neither a file nor a folder", "rm " + path}
	})
}

func ignoreGone(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("open the state directory: %w", err)
}

// owned refuses what belongs to somebody else.
func (t trust) owned(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 || stat.Uid == t.uid {
		return nil
	}
	why := fmt.Sprintf("belongs to %s, who could change what %s runs", userName(stat.Uid), userName(t.uid))
	fix := "sudo chown -h " + userName(t.uid) + " " + path
	if strings.HasPrefix(path, t.dir) {
		fix = "sudo chown -hR " + userName(t.uid) + " " + t.dir
	}
	return &TrustError{t.dir, path, why, fix}
}

// closed refuses what others can write to.
func (t trust) closed(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 == 0 {
		return nil
	}
	why := fmt.Sprintf("has mode %04o: others can write to it, and change what %s runs", info.Mode().Perm(), userName(t.uid))
	return &TrustError{t.dir, path, why, "chmod go-w " + path}
}

// ownGroup tells that a folder's group is the user's own: it has their name, and
// nobody else is in it. Many systems make such a group for each user, and let it
// write to what the user makes. An access control list can let in others.
func (t trust) ownGroup(path string, info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	if _, err := unix.Lgetxattr(path, "system.posix_acl_access", nil); !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		return false
	}
	gid, name := strconv.FormatUint(uint64(stat.Gid), 10), userName(t.uid)
	groups, err := os.ReadFile("/etc/group")
	if err != nil {
		return false
	}
	users, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(users)) {
		if fields := strings.Split(line, ":"); len(fields) > 3 && fields[3] == gid && fields[0] != name {
			return false
		}
	}
	for line := range strings.Lines(string(groups)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) > 3 && fields[2] == gid {
			return fields[0] == name && (fields[3] == "" || fields[3] == name)
		}
	}
	return false
}

// userName is the user's name, else their number, as chown(1) takes it.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
