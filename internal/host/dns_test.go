package host

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestDomainIsComparedWithTheMachinesAddresses(t *testing.T) {
	list := func(texts ...string) []netip.Addr {
		var addresses []netip.Addr
		for _, text := range texts {
			addresses = append(addresses, netip.MustParseAddr(text))
		}
		return addresses
	}
	server := list("127.0.0.1", "::1", "203.0.113.10", "2001:db8::10", "172.17.0.1")
	behindNAT := list("127.0.0.1", "10.0.0.4", "2001:db8::10")
	notFound := &net.DNSError{Err: "no such host", IsNotFound: true}
	for _, c := range []struct {
		name   string
		answer answer
		own    []netip.Addr
		state  string
		detail string
	}{
		{"A and AAAA", answer{four: list("203.0.113.10"), six: list("2001:db8::10")}, server, StateOK, "leads to this machine"},
		{"A alone", answer{four: list("203.0.113.10"), sixErr: notFound}, server, StateOK, "leads to this machine"},
		{"another machine", answer{four: list("198.51.100.1")}, server, StateFail, "198.51.100.1, which is not this machine (it has 203.0.113.10"},
		{"an old AAAA", answer{four: list("203.0.113.10"), six: list("2001:db8::99")}, server, StateFail, "2001:db8::99"},
		{"one of two is a stranger", answer{four: list("203.0.113.10", "198.51.100.1")}, server, StateFail, "198.51.100.1"},
		{"NAT", answer{four: list("198.51.100.1")}, behindNAT, StateWarn, "private addresses only (NAT)"},
		{"NAT excuses no AAAA", answer{six: list("2001:db8::99")}, behindNAT, StateFail, "2001:db8::99"},
		{"proxy", answer{four: list("104.16.1.1"), six: list("2606:4700::1")}, server, StateWarn, "104.16.1.1 is a proxy's address"},
		{"the hosts file", answer{four: list("127.0.1.1")}, server, StateWarn, "/etc/hosts"},
		{"no record", answer{fourErr: notFound, sixErr: notFound}, server, StateFail, "has no A or AAAA record"},
		{"no resolver", answer{fourErr: context.DeadlineExceeded, sixErr: context.DeadlineExceeded}, server, StateFail, "the time is up"},
		{"servfail", answer{fourErr: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}, server, StateFail, "server misbehaving"},
	} {
		compare(t, []expectation{{c.name, judgeDNS("shop.example", c.answer, c.own), c.state, c.detail}})
	}
}

func TestAllChecksEndInTimeWithoutANetwork(t *testing.T) {
	number := listen(t)
	registry := listen(t) // accepts, and never says a word
	began := time.Now()
	findings := Run(context.Background(), []Check{
		Memory(1 << 60),
		CPU(1),
		Disk(folders(t.TempDir()), 1),
		Kernel(StateFail),
		Clock(),
		Ports([]Port{{Number: number, Service: "caddy"}}, func(Port) bool { return false }, nil),
		DNS("shop.example", silentResolver(t)),
		Registry(net.JoinHostPort("127.0.0.1", strconv.Itoa(registry))),
		StateDirectory(t.TempDir()),
	})
	if took := time.Since(began); took >= 2*time.Second {
		t.Errorf("took %s", took)
	}
	var names []string
	for _, f := range Failed(findings) {
		names = append(names, f.Name)
		if f.Remedy == "" {
			t.Errorf("%s has no remedy", f.Name)
		}
	}
	want := []string{"memory", "ports", "dns", "registry"}
	if len(names) != len(want) {
		t.Fatalf("failed: %q, want %q\n%+v", names, want, findings)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("failed: %q, want %q", names, want)
		}
	}
}

// silentResolver asks a server that takes every question and answers none.
func silentResolver(t *testing.T) Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}
