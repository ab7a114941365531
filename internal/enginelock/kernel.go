package enginelock

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// bootID tells this boot of the kernel from every other, of this machine and of others; it is the same in its containers.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// looks is how often the kernel's list is read before a lock counts as not in it. It is handed out by the page, and an entry
// that goes away between two pages hides another one from that reading.
const looks = 10

// flocked tells that a process has a flock(2) on a file with this inode, on whichever file system: two files that share the
// number make a lock that has ended look held, never the other way round.
func flocked(inode string) (bool, error) {
	for range looks {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			return false, fmt.Errorf("look at the kernel's locks: %w", err)
		}
		if listed(string(locks), inode) {
			return true, nil
		}
	}
	return false, nil
}

func listed(locks, inode string) bool {
	for line := range strings.Lines(locks) {
		if strings.Contains(line, " FLOCK ") && strings.Contains(line, ":"+inode+" ") {
			return true
		}
	}
	return false
}

// seesAllProcesses tells that this process is in the kernel's first PID namespace. Only there the kernel lists every lock: in
// another one it leaves out those of processes outside, and one whose first process has ended.
func seesAllProcesses() bool {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && namespace == "pid:[4026531836]"
}

// hostnameOf is where an engine keeps the file that it lays over /etc/hostname in a container.
var hostnameOf = regexp.MustCompile(`/containers/([0-9a-f]{64})/hostname /etc/hostname `)

// ownContainer is the id of the container that this process is in; empty where it is in none.
func ownContainer() string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	if found := hostnameOf.FindSubmatch(mounts); found != nil {
		return string(found[1])
	}
	return ""
}
