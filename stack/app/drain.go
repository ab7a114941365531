package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A server that just closes its listener drops requests: the kernel resets the connections that wait to be accepted, and
// net/http reads requests on connections it holds open, but no longer answers them. So the end has an order:
//
//  1. The kernel is told to ignore new connections. To a client that looks like a lost packet: it tries again, and reaches
//     the container that takes over.
//  2. What was on its way is accepted, and every answer closes its connection.
//  3. Connections that stay open without a request get a moment to send one.
//  4. The server shuts down, with a bound on what is still being answered.
const (
	settleTime = 100 * time.Millisecond // for handshakes in flight to end in the accept queue
	idleTime   = time.Second            // for open connections to send one more request
	answerTime = 8 * time.Second        // for requests in work; all three fit into the container's grace period of 15 s
)

// Packets arrive with the hop count their sender gave them, less one for each router: 64 or 128, hardly ever 255. A socket
// can ask for a minimum (RFC 5082), without the privilege that a packet filter needs.
const (
	anyHops  = 0
	mostHops = 255
)

// drain is a server's listener and its connections, as far as they matter to its end.
type drain struct {
	*net.TCPListener
	began   atomic.Bool
	mu      sync.Mutex
	waiting map[net.Conn]bool // open, and without a request at the moment
}

// listenAndServe serves until ctx ends, then drains. It returns nil when everything that was asked has been answered.
func listenAndServe(ctx context.Context, address string, handler http.Handler, log *slog.Logger) error {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // Go's default for listeners; its subflows would not get the socket's options
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return errors.Join(fmt.Errorf("listen on %s: not TCP", address), listener.Close())
	}
	d := &drain{TCPListener: tcp, waiting: map[net.Conn]bool{}}
	server := &http.Server{
		Handler:           d.closeAfterAnswer(handler),
		ConnState:         d.track,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("listening", "address", listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(d) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("draining")
	if err := d.run(server, log); err != nil {
		return err
	}
	log.Info("drained")
	return nil
}

func (d *drain) run(server *http.Server, log *slog.Logger) error {
	d.began.Store(true)
	if err := requireHops(d.TCPListener, mostHops); err != nil {
		// The end may then drop connections that are being made; staying would not be better.
		log.Warn("new connections are not held back", "error", err)
	}
	time.Sleep(settleTime)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(idleTime); time.Now().Before(deadline); <-poll.C {
		if d.quiet() {
			break
		}
	}
	d.closeWaiting()
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("drain: requests unanswered after %s: %w", answerTime, err), server.Close())
	}
	return nil
}

// quiet reports that no connection is left that could still send a request.
func (d *drain) quiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting) == 0
}

// closeWaiting closes what has stayed silent. Shutdown would wait five seconds for a connection without a first request.
func (d *drain) closeWaiting() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for connection := range d.waiting {
		_ = connection.Close() // nothing was asked on it, so nothing is lost
	}
}

func (d *drain) track(connection net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state == http.StateNew || state == http.StateIdle {
		d.waiting[connection] = true
	} else {
		delete(d.waiting, connection)
	}
}

// closeAfterAnswer, once the drain has begun, has each connection closed after its answer. The server's own
// SetKeepAlivesEnabled(false) closes idle connections at once, in the face of a request that is on its way.
func (d *drain) closeAfterAnswer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.began.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Accept undoes for a connection what it has inherited from the listener: one whose handshake was under way when the drain
// began ignores its client's packets. They are sent again.
func (d *drain) Accept() (net.Conn, error) {
	connection, err := d.AcceptTCP()
	if err != nil {
		return nil, err
	}
	if d.began.Load() {
		if err := requireHops(connection, anyHops); err != nil {
			return nil, errors.Join(err, connection.Close())
		}
	}
	return connection, nil
}

// requireHops has the kernel drop packets for a socket that have made more than 255-minimum hops. On a listener that concerns
// the first packet of a handshake and not the last, so that with mostHops nobody new comes in and who has knocked already does.
func requireHops(socket syscall.Conn, minimum int) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	var optionErr error
	err = raw.Control(func(descriptor uintptr) {
		fd := int(descriptor)
		family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err == nil && family == unix.AF_INET6 { // which serves IPv4 as well
			err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT, minimum)
		}
		optionErr = cmp.Or(err, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, minimum))
	})
	if err := cmp.Or(err, optionErr); err != nil {
		return fmt.Errorf("require hop count: %w", err)
	}
	return nil
}
