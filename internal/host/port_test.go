package host

import (
	"context"
	stdnet "net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shirou/gopsutil/v4/net"
)

func TestPortsExcludeEachOther(t *testing.T) {
	listening := func(ip string) net.ConnectionStat {
		return net.ConnectionStat{Type: syscall.SOCK_STREAM, Status: "LISTEN", Laddr: net.Addr{IP: ip, Port: 80}}
	}
	connected := net.ConnectionStat{Type: syscall.SOCK_STREAM, Status: "ESTABLISHED", Laddr: net.Addr{IP: "127.0.0.1", Port: 80}}
	datagram := net.ConnectionStat{Type: syscall.SOCK_DGRAM, Status: "NONE", Laddr: net.Addr{IP: "0.0.0.0", Port: 80}}
	for _, c := range []struct {
		name   string
		socket net.ConnectionStat
		port   Port
		want   bool
	}{
		{"all on all", listening("0.0.0.0"), Port{Number: 80}, true},
		{"IPv6 any takes IPv4", listening("::"), Port{Number: 80, Address: "127.0.0.1"}, true},
		{"all takes one", listening("0.0.0.0"), Port{Number: 80, Address: "127.0.0.1"}, true},
		{"one spoils all", listening("127.0.0.1"), Port{Number: 80, Address: "0.0.0.0"}, true},
		{"the same one", listening("127.0.0.1"), Port{Number: 80, Address: "127.0.0.1"}, true},
		{"two addresses live together", listening("10.0.0.1"), Port{Number: 80, Address: "127.0.0.1"}, false},
		{"IPv6 loopback beside IPv4", listening("::1"), Port{Number: 80, Address: "127.0.0.1"}, false},
		{"another number", listening("0.0.0.0"), Port{Number: 81}, false},
		{"a connection is no listener", connected, Port{Number: 80}, false},
		{"udp is not tcp", datagram, Port{Number: 80}, false},
		{"udp", datagram, Port{Number: 80, Proto: "udp"}, true},
		{"tcp is not udp", listening("0.0.0.0"), Port{Number: 80, Proto: "udp"}, false},
	} {
		if got := occupies(c.socket, c.port); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPortsNameTheirHolder(t *testing.T) {
	number := listen(t)
	wanted := []Port{{Number: number, Service: "caddy", Address: "127.0.0.1"}}
	nobody := func(Port) bool { return false }
	ctx := context.Background()

	held := Ports(wanted, nobody, nil).Look(ctx)
	pid := "(pid " + strconv.Itoa(os.Getpid()) + ")"
	if held.State != StateFail || !strings.Contains(held.Detail, "wanted by caddy, is held by ") || !strings.Contains(held.Detail, pid) {
		t.Errorf("%+v", held)
	}
	named := Ports(wanted, nobody, func(context.Context, Port) string { return "shop-caddy-1" }).Look(ctx)
	if !strings.Contains(named.Detail, "is held by container shop-caddy-1") {
		t.Errorf("%+v", named)
	}
	own := Ports(wanted, func(p Port) bool { return p.Number == number }, nil).Look(ctx)
	if own.State != StateOK {
		t.Errorf("%+v", own)
	}
}

// listen holds a port of the loopback until the test ends.
func listen(t *testing.T) (number int) {
	t.Helper()
	listener, err := stdnet.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*stdnet.TCPAddr).Port
}
