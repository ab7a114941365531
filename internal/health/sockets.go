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

// tables are the kernel's of TCP sockets, of the network namespace of whoever reads them.
var tables = []string{"net/tcp6", "net/tcp"}

var errNoTables = errors.New("its /proc/net/tcp cannot be read")

// socket is one end of TCP inside a container: one that listens, or of a connection.
type socket struct {
	local, remote netip.AddrPort
	listens       bool
}

// socketsOf returns the sockets of a container's network: from the tables of its main process if that runs on this machine,
// else by a command in the container, if it has one. Where the first table says that all ports which the container publishes
// are open, the second is not read: the kernel goes through all sockets of the machine to make one.
func socketsOf(ctx context.Context, e engine, id string, c compose.Publishing) ([]socket, error) {
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
	var all []socket
	known := false
	for _, table := range tables { // without IPv6 there is one of them
		if text, err := read(table); err == nil {
			known = true
			all = append(all, parseTable(text)...)
		}
		if len(c.Ports) > 0 && !slices.ContainsFunc(c.Ports, func(p compose.Port) bool { return reachOf(p.Inside, all) != everybody }) {
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

// parseTable reads the sockets of a table.
func parseTable(table string) []socket {
	const local, remote, state, listen = 1, 2, 3, "0A"
	var found []socket
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) <= state {
			continue
		}
		here, okHere := parseAddress(fields[local])
		there, okThere := parseAddress(fields[remote])
		if okHere && okThere {
			found = append(found, socket{here, there, fields[state] == listen})
		}
	}
	return found
}

// parseAddress reads an address as the kernel writes it: 32-bit words in the byte order of the machine, in hexadecimal.
func parseAddress(text string) (netip.AddrPort, bool) {
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

func reachOf(port uint16, sockets []socket) reach {
	found := nobody
	for _, s := range sockets {
		switch {
		case !s.listens || s.local.Port() != port:
		case s.local.Addr().IsLoopback():
			found = max(found, loopbackOnly)
		default:
			found = everybody
		}
	}
	return found
}

// connections are those that somebody outside the container has to the port.
func connections(port uint16, sockets []socket) []socket {
	return slices.DeleteFunc(slices.Clone(sockets), func(s socket) bool {
		return s.listens || s.local.Port() != port || s.remote.Addr().IsLoopback()
	})
}

// open are the ports that can be reached from outside the container, if they were published.
func open(sockets []socket) []uint16 {
	var ports []uint16
	for _, s := range sockets {
		if s.listens && !s.local.Addr().IsLoopback() {
			ports = append(ports, s.local.Port())
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
