package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Resolver answers DNS questions; [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DNS checks that the domain's A and AAAA records lead to this machine. A nil
// resolver is the system's. Behind NAT or a known proxy the records rightly
// hold another address, which is a warning with the reason.
func DNS(domain string, resolver Resolver) Check {
	if resolver == nil {
		resolver = &net.Resolver{PreferGo: true} // the C library's does not listen to a context
	}
	return Check{Name: "dns", Look: func(ctx context.Context) Finding {
		own, err := addresses()
		if err != nil {
			return Warn(fmt.Sprintf("this machine's addresses cannot be read: %v", err), "look with: ip address")
		}
		return judgeDNS(domain, lookup(ctx, resolver, domain), own)
	}}
}

// answer is what the resolver said about one domain.
type answer struct {
	four, six       []netip.Addr
	fourErr, sixErr error
}

func lookup(ctx context.Context, resolver Resolver, domain string) answer {
	// With the final dot no search domain of this machine is tried.
	name := strings.TrimSuffix(domain, ".") + "."
	var a answer
	var wg sync.WaitGroup
	wg.Go(func() { a.four, a.fourErr = resolver.LookupNetIP(ctx, "ip4", name) })
	wg.Go(func() { a.six, a.sixErr = resolver.LookupNetIP(ctx, "ip6", name) })
	wg.Wait()
	return a
}

func judgeDNS(domain string, a answer, own []netip.Addr) Finding {
	answers := slices.Concat(a.four, a.six)
	if len(answers) == 0 {
		return unanswered(domain, a)
	}
	var strangers, excused []string
	for _, address := range answers {
		address = address.Unmap()
		switch {
		case slices.Contains(own, address):
		case address.IsLoopback():
			excused = append(excused, fmt.Sprintf("%s comes from /etc/hosts, and what others are told is unknown", address))
		case proxied(address):
			excused = append(excused, fmt.Sprintf("%s is a proxy's address", address))
		case address.Is4() && !slices.ContainsFunc(own, publicIPv4):
			excused = append(excused, fmt.Sprintf("%s is not this machine's, which has private addresses only (NAT)", address))
		default:
			strangers = append(strangers, address.String())
		}
	}
	switch {
	case len(strangers) > 0:
		return Fail(fmt.Sprintf("%s leads to %s, which is not this machine (%s)", domain, strings.Join(strangers, ", "), describe(own)),
			fmt.Sprintf("let the A record of %s (and AAAA, if there is one) hold this machine's address", domain))
	case len(excused) > 0:
		return Warn(fmt.Sprintf("%s: %s", domain, strings.Join(excused, "; ")),
			"make sure that ports 80 and 443 are forwarded to this machine: certificates are issued over them")
	}
	return OK(fmt.Sprintf("%s leads to this machine", domain))
}

func unanswered(domain string, a answer) Finding {
	err := errors.Join(a.fourErr, a.sixErr)
	var question *net.DNSError
	if err == nil || errors.As(err, &question) && question.IsNotFound {
		return Fail(domain+" has no A or AAAA record", fmt.Sprintf("add an A record for %s with this machine's address", domain))
	}
	return Fail(fmt.Sprintf("no answer about %s from the resolver: %s", domain, reason(err)),
		"check the network and /etc/resolv.conf: getent ahosts "+domain)
}

func reason(err error) string {
	var question *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &question) && question.IsTimeout:
		return "the time is up"
	case question != nil:
		return question.Err
	}
	return err.Error()
}

// addresses are those of this machine's interfaces, loopback too: `localhost`
// is a domain that leads here.
func addresses() ([]netip.Addr, error) {
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, network := range networks {
		if prefix, err := netip.ParsePrefix(network.String()); err == nil {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	return own, nil
}

// shared is the address space of carrier-grade NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func publicIPv4(a netip.Addr) bool { return a.Is4() && reachable(a) }

// reachable says whether an address can be reached from the internet.
func reachable(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

func describe(own []netip.Addr) string {
	var texts []string
	for _, a := range own {
		if reachable(a) {
			texts = append(texts, a.String())
		}
	}
	if len(texts) == 0 {
		return "it has private addresses only"
	}
	return "it has " + strings.Join(texts, ", ")
}
