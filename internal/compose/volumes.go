package compose

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// Volumes are the volumes of these names that the engine has. Those it lacks are left out.
func Volumes(ctx context.Context, names ...string) (map[string]volume.Volume, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	return each(ctx, "inspect volumes", names, func(ctx context.Context, name string) (volume.Volume, error) {
		answer, err := docker.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
		return answer.Volume, err
	})
}

// VolumeDrivers are the drivers of volumes that the engine has. It knows of a plugin only once it has looked for its volumes.
func VolumeDrivers(ctx context.Context) ([]string, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	if _, err := docker.VolumeList(ctx, client.VolumeListOptions{}); err != nil {
		return nil, refusal(ctx, "list volumes", err)
	}
	answer, err := docker.Info(ctx, client.InfoOptions{})
	return answer.Info.Plugins.Volume, refusal(ctx, "ask the engine for its drivers", err)
}

// VolumeIdentity tells one volume from another of the same name. Empty when there is none.
//
// It is the birth of the volume's directory where that can be looked at, else the engine's CreatedAt. Engines before
// 23 answer there with the last change of the data's top directory, so that for a user who cannot look, a volume can
// seem new that is not.
func VolumeIdentity(ctx context.Context, name string) (string, error) {
	found, err := Volumes(ctx, name)
	if err != nil {
		return "", err
	}
	v, has := found[name]
	if !has {
		return "", nil
	}
	if inode, birth := identity(filepath.Dir(v.Mountpoint)); birth != "" {
		return inode + " " + birth, nil
	}
	return v.CreatedAt, nil
}

// FileIdentity tells one file or folder from another at the same path: its inode and, where the file system knows it, its
// birth. Empty where there is none.
func FileIdentity(path string) string {
	inode, birth := identity(path)
	return inode + " " + birth
}

func identity(path string) (inode, birth string) {
	var stat unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME|unix.STATX_INO, &stat) != nil {
		return "", ""
	}
	if stat.Mask&unix.STATX_BTIME != 0 {
		birth = fmt.Sprintf("%d.%09d", stat.Btime.Sec, stat.Btime.Nsec)
	}
	return fmt.Sprint(stat.Ino), birth
}
