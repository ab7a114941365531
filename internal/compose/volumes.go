package compose

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// VolumeIdentity tells one volume from another of the same name. Empty when there is none.
//
// It is the birth of the volume's directory where that can be looked at, else the engine's CreatedAt. Engines before
// 23 answer there with the last change of the data's top directory, so that for a user who cannot look, a volume can
// seem new that is not.
func VolumeIdentity(ctx context.Context, name string) (string, error) {
	docker, err := engine()
	if err != nil {
		return "", err
	}
	found, err := docker.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", refusal(ctx, "inspect the volume", err)
	}
	var stat unix.Statx_t
	err = unix.Statx(unix.AT_FDCWD, filepath.Dir(found.Volume.Mountpoint), 0, unix.STATX_BTIME|unix.STATX_INO, &stat)
	if err == nil && stat.Mask&unix.STATX_BTIME != 0 {
		return fmt.Sprintf("%d %d.%09d", stat.Ino, stat.Btime.Sec, stat.Btime.Nsec), nil
	}
	return found.Volume.CreatedAt, nil
}
