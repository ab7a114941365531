package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// execution is a command that ended well.
type execution struct {
	began, ended time.Time
	stdout       string
	peak         int64 // bytes, of the process itself
	usage        *syscall.Rusage
}

func (e execution) took() time.Duration { return e.ended.Sub(e.began) }

// cpu is the time of the process and of those that it ran and waited for.
func (e execution) cpu() time.Duration {
	return time.Duration(e.usage.Utime.Nano() + e.usage.Stime.Nano())
}

// largest is the memory of the largest of those processes, in bytes.
func (e execution) largest() int64 { return e.usage.Maxrss << 10 }

// execute runs a command to its end, in a process group of its own, so that a Ctrl-C reaches it once, from here.
func execute(ctx context.Context, dir string, env []string, argv ...string) (execution, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	did := execution{began: time.Now()}
	if err := cmd.Start(); err != nil {
		return did, fmt.Errorf("start %s: %w", argv[0], err)
	}
	stop, peak := make(chan struct{}), make(chan int64)
	go watchPeak(cmd.Process.Pid, stop, peak)
	err := cmd.Wait()
	did.ended = time.Now()
	close(stop)
	did.peak, did.stdout = <-peak, stdout.String()
	did.usage, _ = cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if ctx.Err() != nil {
		return did, ctx.Err()
	}
	if err != nil {
		return did, fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, tail(stderr.String()))
	}
	return did, nil
}

// tail is the last lines of what a command said.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// watchPeak looks how much memory a process has needed, until it is told to stop: when the process has ended, nobody knows.
func watchPeak(pid int, stop <-chan struct{}, peak chan<- int64) {
	most := int64(0)
	for {
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
			most = max(most, highWater(string(status)))
		}
		select {
		case <-stop:
			peak <- most
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// highWater reads VmHWM, in bytes; 0 where there is none.
func highWater(status string) int64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}
