package host

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// Port is a port of this machine that a service publishes.
type Port struct {
	Number  int
	Proto   string // tcp or udp; tcp when empty
	Service string
	Address string // the address it is published on; all of them when empty
}

func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.proto()) }

func (p Port) proto() string { return cmp.Or(p.Proto, "tcp") }

// Ports checks that every wanted port is free. own says which ones this very
// stack holds already; those are fine. container names the container that
// publishes a port, "" when none does; it may be nil, and then the holder is
// named by its process alone.
func Ports(wanted []Port, own func(Port) bool, container func(context.Context, Port) string) Check {
	return Check{Name: "ports", Look: func(ctx context.Context) Finding {
		wanted, all := slices.DeleteFunc(slices.Clone(wanted), own), len(wanted)
		if len(wanted) == 0 {
			return portsFree(all)
		}
		sockets, err := net.ConnectionsWithoutUidsWithContext(ctx, "inet")
		if err != nil {
			return Warn(fmt.Sprintf("open sockets cannot be read: %v", err), "look with: ss -tulpn")
		}
		holder := func(p Port, pid int32) string {
			if container != nil {
				if name := container(ctx, p); name != "" {
					return "container " + name
				}
			}
			return processName(ctx, pid)
		}
		return judgePorts(wanted, all, sockets, holder)
	}}
}

func judgePorts(wanted []Port, all int, sockets []net.ConnectionStat, holder func(Port, int32) string) Finding {
	var held, numbers []string
	for _, port := range wanted {
		at := slices.IndexFunc(sockets, func(s net.ConnectionStat) bool { return occupies(s, port) })
		if at < 0 {
			continue
		}
		held = append(held, fmt.Sprintf("%s, wanted by %s, is held by %s", port, port.Service, holder(port, sockets[at].Pid)))
		numbers = append(numbers, fmt.Sprintf("sport = :%d", port.Number))
	}
	if len(held) > 0 {
		return Fail(strings.Join(held, "; "),
			"stop what holds them, or publish others; look with: ss -tulpn '"+strings.Join(numbers, " or ")+"'")
	}
	return portsFree(all)
}

func portsFree(wanted int) Finding {
	return OK(fmt.Sprintf("%d wanted, all free or held by this stack", wanted))
}

// occupies says whether a socket keeps others from listening on a port.
func occupies(s net.ConnectionStat, p Port) bool {
	if int64(s.Laddr.Port) != int64(p.Number) {
		return false
	}
	switch p.proto() {
	case "udp":
		if s.Type != syscall.SOCK_DGRAM || s.Raddr.Port != 0 {
			return false
		}
	default:
		if s.Type != syscall.SOCK_STREAM || s.Status != "LISTEN" {
			return false
		}
	}
	return overlap(s.Laddr.IP, p.Address)
}

// overlap says whether two listening addresses exclude each other: the same
// one, or one of them means all. A socket on :: takes IPv4 too.
func overlap(a, b string) bool {
	first, second := listenAddress(a), listenAddress(b)
	if first == second || first.IsUnspecified() && second.IsUnspecified() {
		return true
	}
	return covers(first, second) || covers(second, first)
}

func covers(all, one netip.Addr) bool {
	return all == netip.IPv6Unspecified() || all == netip.IPv4Unspecified() && one.Is4()
}

func listenAddress(text string) netip.Addr {
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil { // "", "*" and "localhost" alike: rather a conflict too many
		return netip.IPv6Unspecified()
	}
	return address.Unmap()
}

func processName(ctx context.Context, pid int32) string {
	if pid == 0 { // only root sees the processes of others
		return "another user's process"
	}
	if p, err := process.NewProcessWithContext(ctx, pid); err == nil {
		if name, err := p.NameWithContext(ctx); err == nil {
			return fmt.Sprintf("%s (pid %d)", name, pid)
		}
	}
	return fmt.Sprintf("pid %d", pid)
}
