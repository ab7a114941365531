package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
)

// expectation is what a judge must say about facts.
type expectation struct {
	name   string
	got    Finding
	state  string
	detail string // a part of it
}

func compare(t *testing.T, table []expectation) {
	t.Helper()
	for _, e := range table {
		if e.got.State != e.state || !strings.Contains(e.got.Detail, e.detail) {
			t.Errorf("%s: %+v, want %s with %q", e.name, e.got, e.state, e.detail)
		}
		if (e.got.State != StateOK) != (e.got.Remedy != "") {
			t.Errorf("%s: %s with remedy %q", e.name, e.got.State, e.got.Remedy)
		}
	}
}

func TestMachineIsJudgedByItsFacts(t *testing.T) {
	compare(t, []expectation{
		{"1 GB", judgeMemory(1024*1024*1024, 2*GB), StateFail, "1.1 GB, at least 2.0 GB are needed"},
		{"a 2 GB server, less what the kernel keeps", judgeMemory(1_950_000_000, 2*GB), StateOK, "1.9 GB"},
		{"8 GB", judgeMemory(8*GB, 2*GB), StateOK, "8.0 GB"},

		{"one processor", judgeCPU(1, 2), StateWarn, "2 are recommended"},
		{"two processors", judgeCPU(2, 2), StateOK, "2 processors"},

		{"full disk", judgeDisk(&disk.UsageStat{Free: 9 * GB}, "/var/lib/docker", 10*GB), StateFail, "9.0 GB free in /var/lib/docker"},
		{"roomy disk", judgeDisk(&disk.UsageStat{Free: 11 * GB}, "/", 10*GB), StateOK, "11.0 GB"},
		{"few inodes", judgeInodes(&disk.UsageStat{InodesTotal: 1000, InodesFree: 10}, "/", 100), StateFail, "10 free"},
		{"enough inodes", judgeInodes(&disk.UsageStat{InodesTotal: 1000, InodesFree: 100}, "/", 100), StateOK, "100 free"},
		{"btrfs has no inode limit", judgeInodes(&disk.UsageStat{}, "/", 100), StateOK, "not limited"},

		{"clock adrift", judgeClock(false, 0), StateWarn, "not synchronised"},
		{"clock kept", judgeClock(true, 12345*time.Microsecond), StateOK, "12ms off"},

		{"cgroup v1", judgeKernel("6.1.0", StateFail, mounts("tmpfs", "cgroup2", "cgroup"), []string{"nodev", "overlay"}), StateOK, "6.1.0, cgroup v1, overlay"},
		{"cgroup v2", judgeKernel("6.1.0", StateFail, mounts("cgroup2"), []string{"overlay"}), StateOK, "cgroup v2"},
		{"no cgroup", judgeKernel("6.1.0", StateFail, mounts("tmpfs"), []string{"overlay"}), StateFail, "no control groups"},
		{"no cgroup yet", judgeKernel("6.1.0", StateWarn, mounts("tmpfs"), []string{"overlay"}), StateWarn, "no control groups"},
		{"no overlay", judgeKernel("6.1.0", StateFail, mounts("cgroup2"), []string{"ext4"}), StateWarn, "overlay is not loaded"},
	})
}

// folders are where Docker keeps its data.
func folders(paths ...string) func(context.Context) []string {
	return func(context.Context) []string { return paths }
}

func TestEveryFolderOfDockerIsLookedAt(t *testing.T) {
	here, gone := t.TempDir(), filepath.Join(t.TempDir(), "a\x00b") // no path
	look := func(paths ...string) Finding { return Disk(folders(paths...), 1).Look(context.Background()) }
	compare(t, []expectation{
		{"both are well", look("/", here), StateOK, " free in /"},
		{"the second is not", look(here, gone), StateFail, "invalid argument"},
		{"the first is not", look(gone, here), StateFail, "invalid argument"},
		{"Docker is elsewhere", look(), StateOK, "the engine is on another machine"},
	})
}

func mounts(types ...string) []disk.PartitionStat {
	var list []disk.PartitionStat
	for _, name := range types {
		list = append(list, disk.PartitionStat{Fstype: name})
	}
	return list
}

func TestDistributionIsReadFromOSRelease(t *testing.T) {
	for _, c := range []struct{ text, state, detail string }{
		{"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n", StateOK, "Debian GNU/Linux 12 (bookworm)"},
		{"NAME=Debian\nID=debian\nVERSION_ID=\"10\"\n", StateFail, "at least 11"},
		{"NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_CODENAME=forky\n", StateWarn, "no number"},
		{"ID=ubuntu\nVERSION_ID=\"20.04\"\n", StateOK, "ubuntu"},
		{"ID=ubuntu\nVERSION_ID=\"18.04\"\n", StateFail, "at least 20.04"},
		{"NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=43\n", StateWarn, "Fedora Linux: only Ubuntu and Debian"},
		{"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"21\"\n", StateWarn, "only Ubuntu and Debian"},
	} {
		path := filepath.Join(t.TempDir(), "os-release")
		write(t, path, c.text)
		got := Distribution(path).Look(context.Background())
		compare(t, []expectation{{c.text, got, c.state, c.detail}})
	}
	missing := Distribution(filepath.Join(t.TempDir(), "none")).Look(context.Background())
	compare(t, []expectation{{"no os-release", missing, StateWarn, "unknown"}})
}

func TestVersionsAreComparedByTheirNumbers(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		older bool
	}{
		{"20.10.24+dfsg1", "20.10", false},
		{"19.03.13", "20.10", true},
		{"20.9", "20.10", true},
		{"v2.20.3-desktop.1", "2.20", false},
		{"v5.6.0", "2.20", false},
		{"1.29.2", "2.20", true},
		{"20.04", "20.04", false},
		{"dev", "2.20", true},
	} {
		if got := Older(c.a, c.b); got != c.older {
			t.Errorf("Older(%q, %q) is %v", c.a, c.b, got)
		}
	}
}

func TestMachineChecksReadThisMachine(t *testing.T) {
	for _, f := range Run(context.Background(), []Check{
		Memory(1), CPU(1), Disk(folders(filepath.Join(t.TempDir(), "not", "yet")), 1), Inodes(folders(t.TempDir()), 1),
	}) {
		if f.State != StateOK {
			t.Errorf("%+v", f)
		}
	}
	for _, f := range Run(context.Background(), []Check{Memory(1 << 60), CPU(1 << 20), Disk(folders("/"), 1<<60)}) {
		if f.State == StateOK {
			t.Errorf("%+v", f)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
