package host

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

// GB is the unit of this package's limits, as in "a server with 2 GB".
const GB uint64 = 1_000_000_000

// Memory checks the machine's total memory against a minimum in bytes. What is
// free at the moment says little: a running stack has taken its share already.
func Memory(minimum uint64) Check {
	return Check{Name: "memory", Look: func(ctx context.Context) Finding {
		facts, err := mem.VirtualMemoryWithContext(ctx)
		if err != nil {
			return Warn(fmt.Sprintf("cannot be read: %v", err), "look with: free -h")
		}
		return judgeMemory(facts.Total, minimum)
	}}
}

func judgeMemory(total, minimum uint64) Finding {
	// A machine sold with 2 GB shows somewhat less: the kernel keeps a part.
	if total < minimum/100*90 {
		return Fail(fmt.Sprintf("%s, at least %s are needed", gigabytes(total), gigabytes(minimum)),
			"use a server with more memory")
	}
	return OK(gigabytes(total))
}

func gigabytes(bytes uint64) string {
	return fmt.Sprintf("%.1f GB", float64(bytes)/float64(GB))
}
