package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A server that just closes its listener drops requests: the kernel resets the connections that wait to be accepted, and
// net/http reads requests on connections it holds open, but no longer answers them. So the end has an order:
//
//  1. The kernel is told to ignore new connections (a socket filter that drops SYN). To a client that looks like a lost
//     packet: it tries again, and reaches the container that takes over.
//  2. What was on its way is accepted, and every answer closes its connection.
//  3. Connections that stay open without a request get a moment to send one.
//  4. The server shuts down, with a bound on what is still being answered.
const (
	settleTime = 100 * time.Millisecond // for handshakes in flight to end in the accept queue
	idleTime   = time.Second            // for open connections to send one more request
	answerTime = 8 * time.Second        // for requests in work; all three fit into the container's grace period of 15 s
)

// drain is a server's listener and its connections, as far as they matter to its end.
type drain struct {
	listener *net.TCPListener
	began    atomic.Bool
	mu       sync.Mutex
	waiting  map[net.Conn]bool // open, and without a request at the moment
}

// listenAndServe serves until ctx ends, then drains. It returns nil when everything that was asked has been answered.
func listenAndServe(ctx context.Context, address string, handler http.Handler, log *slog.Logger) error {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // Go's default for listeners; such a socket takes no filter
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return errors.Join(fmt.Errorf("listen on %s: not TCP", address), listener.Close())
	}
	d := &drain{listener: tcp, waiting: map[net.Conn]bool{}}
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
	go func() { served <- server.Serve(listener) }()
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
	if err := ignoreNewConnections(d.listener); err != nil {
		// Where the kernel does not offer the filter, the end may drop connections that are being made.
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

// ignoreNewConnections attaches a filter to a listening socket that drops SYN packets. The filter of a TCP socket sees the
// packet from the TCP header on; byte 13 holds the flags. Handshakes that are under way go through.
func ignoreNewConnections(listener *net.TCPListener) error {
	const (
		flags   = 13
		syn     = 0x02
		ack     = 0x10
		wholly  = 0xffffffff
		nothing = 0
	)
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: flags, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: syn | ack},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: syn, SkipFalse: 1},
		bpf.RetConstant{Val: nothing},
		bpf.RetConstant{Val: wholly},
	})
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	instructions := make([]unix.SockFilter, len(program))
	for i, instruction := range program {
		instructions[i] = unix.SockFilter{Code: instruction.Op, Jt: instruction.Jt, Jf: instruction.Jf, K: instruction.K}
	}
	filter := unix.SockFprog{Len: uint16(len(instructions)), Filter: &instructions[0]}
	raw, err := listener.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	var attachErr error
	if err := raw.Control(func(fd uintptr) {
		attachErr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter)
	}); err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	if attachErr != nil {
		return fmt.Errorf("attach filter: %w", attachErr)
	}
	return nil
}
