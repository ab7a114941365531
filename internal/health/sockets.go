package health

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/compose"
)

// sockets are the kernel's tables of TCP sockets, of the network namespace of whoever reads them.
var sockets = []string{"net/tcp6", "net/tcp"}

var errNoTables = errors.New("its /proc/net/tcp cannot be read")

// listening returns the addresses that something listens on inside a container: from the tables of its main process if that
// runs on this machine, else by a command in the container, if it has one. Where the first table says enough about all ports
// that the container publishes, the second is not read: the kernel goes through all sockets of the machine to make one.
func listening(ctx context.Context, e engine, id string, c compose.Publishing) ([]netip.AddrPort, error) {
	read := func(table string) (string, error) {
		output, code, err := e.Exec(ctx, id, "cat", "/proc/"+table)
		if err == nil && code != 0 {
			err = errNoTables
		}
		return output, err
	}
	if isOurs(c.PID, id) {
		read = func(table string) (string, error) {
			data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.PID, table))
			return string(data), err
		}
	}
	var all []netip.AddrPort
	known := false
	for _, table := range sockets { // without IPv6 there is one of them
		if text, err := read(table); err == nil {
			known = true
			all = append(all, listeners(text)...)
		}
		if !slices.ContainsFunc(c.Ports, func(p compose.Port) bool { return reachOf(p, all) != everybody }) {
			break
		}
	}
	if !known {
		return nil, errNoTables
	}
	return all, nil
}

// isOurs tells that the process of that number here is the container's, and not one of another machine.
func isOurs(pid int, id string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && strings.Contains(string(data), id)
}

// listeners reads the local addresses of the sockets that listen.
func listeners(table string) []netip.AddrPort {
	const local, state, listen = 1, 3, "0A"
	var found []netip.AddrPort
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) <= state || fields[state] != listen {
			continue
		}
		if address, ok := parseSocket(fields[local]); ok {
			found = append(found, address)
		}
	}
	return found
}

// parseSocket reads an address as the kernel writes it: 32-bit words in the byte order of the machine, in hexadecimal.
func parseSocket(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := raw; len(word) > 0; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok
}

// reach is what listens on a port inside a container.
type reach int

const (
	nobody reach = iota
	loopbackOnly
	everybody
)

func reachOf(port compose.Port, listening []netip.AddrPort) reach {
	found := nobody
	for _, l := range listening {
		switch {
		case l.Port() != port.Inside:
		case l.Addr().IsLoopback():
			found = max(found, loopbackOnly)
		default:
			found = everybody
		}
	}
	return found
}
