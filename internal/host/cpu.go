package host

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/cpu"
)

// CPU checks the number of logical processors against a recommendation. Fewer
// is slow, not wrong: a warning.
func CPU(recommended int) Check {
	return Check{Name: "cpu", Late: StateWarn, Look: func(ctx context.Context) Finding {
		count, err := cpu.CountsWithContext(ctx, true)
		if err != nil {
			return Warn(fmt.Sprintf("cannot be read: %v", err), "look with: nproc")
		}
		return judgeCPU(count, recommended)
	}}
}

func judgeCPU(count, recommended int) Finding {
	if count < recommended {
		return Warn(fmt.Sprintf("%d processor(s), %d are recommended", count, recommended),
			"expect slower builds and starts, or use a bigger server")
	}
	return OK(fmt.Sprintf("%d processors", count))
}
