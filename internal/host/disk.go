package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"
)

// Disk checks the free space, in bytes, of the file systems that hold the folders where Docker keeps its data or will.
// Without a folder, the data is on another machine. It may be the engine that is asked for them.
func Disk(folders func(context.Context) []string, free uint64) Check {
	return Check{Name: "disk", Limit: engineLimit, Look: func(ctx context.Context) Finding {
		return each(ctx, folders, func(u *disk.UsageStat, path string) Finding { return judgeDisk(u, path, free) })
	}}
}

// Inodes checks that the file system that holds path can take more files: an
// image is tens of thousands of them, and a disk can be full of small files
// with room to spare.
func Inodes(folders func(context.Context) []string, free uint64) Check {
	return Check{Name: "inodes", Limit: engineLimit, Look: func(ctx context.Context) Finding {
		return each(ctx, folders, func(u *disk.UsageStat, path string) Finding { return judgeInodes(u, path, free) })
	}}
}

// each is the finding of the first folder that is not well, else of the first.
func each(ctx context.Context, folders func(context.Context) []string, judge func(*disk.UsageStat, string) Finding) Finding {
	found := OK("not looked at: the engine is on another machine")
	for i, folder := range folders(ctx) {
		finding := usage(ctx, folder, judge)
		if i == 0 || finding.State != StateOK {
			found = finding
		}
		if finding.State != StateOK {
			break
		}
	}
	return found
}

func usage(ctx context.Context, path string, judge func(*disk.UsageStat, string) Finding) Finding {
	existing, err := nearest(path)
	if err != nil {
		return Fail(err.Error(), "look with: ls -ld "+path)
	}
	facts, err := disk.UsageWithContext(ctx, existing)
	if err != nil {
		return Fail(fmt.Sprintf("%s: %v", path, err), "look with: df "+path)
	}
	return judge(facts, path)
}

func judgeDisk(u *disk.UsageStat, path string, free uint64) Finding {
	if u.Free < free {
		return Fail(fmt.Sprintf("%s free in %s, at least %s are needed", gigabytes(u.Free), path, gigabytes(free)),
			"make room: docker image prune -a; docker builder prune; look with: df -h "+path)
	}
	return OK(fmt.Sprintf("%s free in %s", gigabytes(u.Free), path))
}

func judgeInodes(u *disk.UsageStat, path string, free uint64) Finding {
	if u.InodesTotal == 0 { // btrfs and others have no fixed number
		return OK("not limited in " + path)
	}
	if u.InodesFree < free {
		return Fail(fmt.Sprintf("%d free in %s, at least %d are needed", u.InodesFree, path, free),
			"remove small files: docker image prune -a; look with: df -i "+path)
	}
	return OK(fmt.Sprintf("%d free in %s", u.InodesFree, path))
}

// nearest returns path, or the closest of its parents that exists: what is not
// there yet will be made on that file system.
func nearest(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || path == "/" {
			return "", err
		}
		path = filepath.Dir(path)
	}
}
