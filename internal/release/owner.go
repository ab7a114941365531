package release

import (
	"io/fs"
	"os"
	"syscall"
)

// readable reports whether a copy that belongs to who deploys is as good to a container as the file itself: everybody may read it,
// or it belongs to who deploys and a group that they can give it.
func readable(info fs.FileInfo) bool {
	if open(info) {
		return true
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Geteuid() && (int(owner.Gid) == os.Getegid() || os.Geteuid() == 0)
}

func open(info fs.FileInfo) bool { return info.Mode().Perm()&0o004 != 0 }

// groupOf is the group that a copy has to have to be read by whom the file is for; -1 where it may have any.
func groupOf(info fs.FileInfo) int {
	if owner, known := info.Sys().(*syscall.Stat_t); known && !open(info) {
		return int(owner.Gid)
	}
	return -1
}
