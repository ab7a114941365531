package testhost

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Dial connects from within the host: to what listens on its 127.0.0.1, for example. It needs root.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	out, err := exec.CommandContext(ctx, "docker", "container", "inspect", "--format", "{{.State.Pid}}", h.name).Output()
	if err != nil {
		return nil, fmt.Errorf("find the host: %w", err)
	}
	there, err := unix.Open("/proc/"+strings.TrimSpace(string(out))+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("find the network of the host: %w", err)
	}
	defer func() { _ = unix.Close(there) }()

	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		// The thread is of no use to anybody else afterwards, and ends with this goroutine.
		runtime.LockOSThread()
		if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
			done <- dialed{nil, fmt.Errorf("enter the network of the host: %w", err)}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		done <- dialed{conn, err}
	}()
	made := <-done
	return made.conn, made.err
}
