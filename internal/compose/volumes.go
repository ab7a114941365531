package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// VolumeIdentity tells one volume from another of the same name. Empty when there is none.
//
// It is the birth of the volume's directory where that can be looked at, else the engine's CreatedAt. Engines before
// 23 answer there with the last change of the data's top directory, so that for a user who cannot look, a volume can
// seem new that is not.
func VolumeIdentity(ctx context.Context, name string) (string, error) {
	// A filter says "none" in words of its own; an inspect of what is not there is an error like any other.
	out, err := ask(ctx, "docker volume ls", nil, "volume", "ls", "--quiet", "--filter", "name=^"+name+"$")
	if err != nil || strings.TrimSpace(string(out)) == "" {
		return "", err
	}
	if out, err = ask(ctx, "docker volume inspect", nil, "volume", "inspect", name); err != nil {
		return "", err
	}
	var volumes []struct{ CreatedAt, Mountpoint string }
	if err := json.Unmarshal(out, &volumes); err != nil {
		return "", fmt.Errorf("docker volume inspect: read the answer: %w", err)
	}
	if len(volumes) != 1 {
		return "", fmt.Errorf("docker volume inspect: %d volumes named %s", len(volumes), name)
	}
	var stat unix.Statx_t
	err = unix.Statx(unix.AT_FDCWD, filepath.Dir(volumes[0].Mountpoint), 0, unix.STATX_BTIME|unix.STATX_INO, &stat)
	if err == nil && stat.Mask&unix.STATX_BTIME != 0 {
		return fmt.Sprintf("%d %d.%09d", stat.Ino, stat.Btime.Sec, stat.Btime.Nsec), nil
	}
	return volumes[0].CreatedAt, nil
}
