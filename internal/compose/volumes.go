package compose

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

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

// Elsewhere is where a volume of the engine's own driver keeps its data if that is no folder of its own: in a folder of the host, or
// on a device or a share of another machine. Both are empty where it has one, which the engine makes, or none, as a tmpfs.
func Elsewhere(driver string, options map[string]string) (folder, share string) {
	device, kind := options["device"], options["type"]
	if device == "" || kind == "tmpfs" || driver != "" && driver != "local" {
		return "", ""
	}
	mountOptions := strings.Split(options["o"], ",")
	if slices.Contains(mountOptions, "bind") || slices.Contains(mountOptions, "rbind") {
		return device, ""
	}
	for _, option := range mountOptions {
		if address, is := strings.CutPrefix(option, "addr="); is {
			device = address + device
		}
	}
	return "", device
}

// disguised says for each container and volume where its data is: as long as a container has it, a volume stays what it is.
var disguised sync.Map

// unmask says of each volume of the containers where its data is, if not in a folder of its own.
func unmask(ctx context.Context, containers []Container) error {
	type place struct{ folder, share string }
	var unknown []string
	for _, c := range containers {
		for _, m := range c.Mounts {
			if _, known := disguised.Load(c.ID + m.Name); m.Type == "volume" && !known {
				unknown = append(unknown, m.Name)
			}
		}
	}
	slices.Sort(unknown)
	found, err := Volumes(ctx, slices.Compact(unknown)...)
	if err != nil {
		return err
	}
	for _, c := range containers {
		for i, m := range c.Mounts {
			if m.Type != "volume" {
				continue
			}
			if v, asked := found[m.Name]; asked {
				folder, share := Elsewhere(v.Driver, v.Options)
				disguised.Store(c.ID+m.Name, place{folder, share})
			}
			if known, has := disguised.Load(c.ID + m.Name); has {
				c.Mounts[i].Folder, c.Mounts[i].Share = known.(place).folder, known.(place).share //nolint:forcetypeassert // stored above
			}
		}
	}
	return nil
}
