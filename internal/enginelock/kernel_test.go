package enginelock

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheKernelListsALockForAsLongAsAProcessHasIt(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "lock")) //nolint:gosec // within a test's directory
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	inode := strconv.FormatUint(info.Sys().(*syscall.Stat_t).Ino, 10) //nolint:errcheck,forcetypeassert // Linux
	want := func(held bool) {
		t.Helper()
		if found, err := flocked(inode); err != nil || found != held {
			t.Errorf("flocked = %v, %v, want %v", found, err, held)
		}
	}
	want(false)
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil { //nolint:gosec // a descriptor fits
		t.Fatal(err)
	}
	want(true)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	want(false)
}

func TestALockIsTheOneOfItsInodeAlone(t *testing.T) {
	const locks = "1: POSIX  ADVISORY  WRITE 12 fe:00:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 34 fe:00:1234 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 35 fe:00:1234 0 EOF\n"
	for inode, want := range map[string]bool{"1234": true, "234": false, "123": false, "77": false, "00": false} {
		if listed(locks, inode) != want {
			t.Errorf("listed(%q) = %v", inode, !want)
		}
	}
}
