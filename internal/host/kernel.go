package host

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
	gopsutil "github.com/shirou/gopsutil/v4/host"
)

// Kernel checks what a container engine needs of the kernel: control groups
// that are mounted, and the overlay file system. missing is the state where no
// control groups are: a warning when prerequisites is about to mount them.
func Kernel(missing string) Check {
	return Check{Name: "kernel", Late: StateWarn, Look: func(ctx context.Context) Finding {
		release, err := gopsutil.KernelVersionWithContext(ctx)
		if err != nil {
			return Warn(fmt.Sprintf("cannot be read: %v", err), "look with: uname -r")
		}
		mounts, err := disk.PartitionsWithContext(ctx, true)
		if err != nil {
			return Warn(fmt.Sprintf("mounts cannot be read: %v", err), "look with: findmnt")
		}
		filesystems, err := os.ReadFile("/proc/filesystems")
		if err != nil {
			return Warn(err.Error(), "look with: cat /proc/filesystems")
		}
		return judgeKernel(release, missing, mounts, strings.Fields(string(filesystems)))
	}}
}

func judgeKernel(release, missing string, mounts []disk.PartitionStat, filesystems []string) Finding {
	cgroup := cgroupVersion(mounts)
	if cgroup == "" {
		return Finding{
			State: missing, Detail: release + ": no control groups are mounted, containers cannot start",
			Remedy: Command("prerequisites") + " mounts them with cgroupfs-mount; or boot with systemd",
		}
	}
	overlay := false
	for _, name := range filesystems {
		overlay = overlay || name == "overlay"
	}
	if !overlay {
		return Warn(fmt.Sprintf("%s, %s: overlay is not loaded, images may be stored slowly", release, cgroup), "modprobe overlay")
	}
	return OK(fmt.Sprintf("%s, %s, overlay", release, cgroup))
}

// cgroupVersion names the control groups in use. A cgroup2 mount beside the
// version 1 controllers (systemd's hybrid layout) carries no controllers.
func cgroupVersion(mounts []disk.PartitionStat) string {
	version := ""
	for _, mount := range mounts {
		switch mount.Fstype {
		case "cgroup":
			return "cgroup v1"
		case "cgroup2":
			version = "cgroup v2"
		}
	}
	return version
}
