package release

import (
	"io/fs"
	"os"
	"syscall"
)

// readable reports whether a copy that belongs to who deploys is as good to a container as the file itself: everybody may read it,
// or it belongs to who deploys.
func readable(info fs.FileInfo) bool {
	const everybody = 0o004
	if info.Mode().Perm()&everybody != 0 {
		return true
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Geteuid()
}
