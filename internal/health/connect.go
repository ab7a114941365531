package health

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"slipway/internal/compose"
)

// hangUp is how long after a connection is accepted it may yet turn out that it leads nowhere.
const hangUp = 500 * time.Millisecond

// connect wants a connection that comes to the service. What stands before it, like the engine's proxy of a published port,
// accepts in its stead: it hangs up at once when it finds nobody there, and holds the connection while it looks for somebody.
// So the container's own sockets have the last word where they can be read. A service may hang up, too.
func (a Address) connect(ctx context.Context, host string) error {
	conn, err := a.dial(ctx, "tcp", host)
	if err != nil {
		return plain(err)
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	if err := conn.SetReadDeadline(time.Now().Add(hangUp)); err != nil {
		return plain(err)
	}
	_, err = conn.Read(make([]byte, 1))
	held := errors.Is(err, os.ErrDeadlineExceeded)
	if err == nil || held && !here(conn.RemoteAddr()) { // it spoke, or is of a machine that nothing is known about
		return nil
	}
	service, known := a.behind(ctx, conn)
	how := "the connection is accepted and closed at once: "
	if held {
		how = "the connection is accepted in the service's stead: "
	}
	switch {
	case !known && !held:
		return errors.New(how + "nobody listens behind it, or who does hangs up on whoever says nothing")
	case !known:
		return nil
	case service.listens == nobody:
		return errors.New(how + "nobody listens behind it, on " + inside([]compose.Port{service.port}) + " of the container")
	case service.listens == loopbackOnly:
		return errors.New("the service " + hiddenReason([]compose.Port{service.port}))
	case held && !a.arrives(ctx, host, service):
		return errors.New(how + "it does not come to the service, which has lost its network or takes no more connections")
	}
	return nil
}

// arrives tells whether the container has one connection more when another is made.
func (a Address) arrives(ctx context.Context, host string, before accepting) bool {
	conn, err := a.dial(ctx, "tcp", host)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	for begin := time.Now(); time.Since(begin) < hangUp && ctx.Err() == nil; time.Sleep(firstPause) {
		after, known := a.behind(ctx, conn)
		if !known || after.hasNewer(before) {
			return true
		}
	}
	return false
}

// here tells that an address is one of this machine.
func here(address net.Addr) bool {
	remote, ok := address.(*net.TCPAddr)
	if !ok {
		return false
	}
	own, err := net.InterfaceAddrs()
	return remote.IP.IsLoopback() || err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(remote.IP)
	})
}

// behind looks who of the project listens where the connection should come to.
func (a Address) behind(ctx context.Context, conn net.Conn) (accepting, bool) {
	address, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || a.Project.Name == "" {
		return accepting{}, false
	}
	return behind(ctx, docker{a.Project}, address.AddrPort().Port())
}

func (a Address) dial(ctx context.Context, network, host string) (net.Conn, error) {
	if a.Via != "" {
		host = a.Via
	}
	return new(net.Dialer).DialContext(ctx, network, host)
}
