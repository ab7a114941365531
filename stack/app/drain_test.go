package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// post sends one reading over a connection and returns an error unless it is answered with 201.
func post(connection net.Conn, reader *bufio.Reader, sensor string) (closing bool, err error) {
	body := `{"sensor":"` + sensor + `","celsius":-18}`
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return false, err
	}
	if _, err := fmt.Fprintf(connection, "POST /readings HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		return false, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return false, err
	}
	if response.StatusCode != http.StatusCreated {
		return false, fmt.Errorf("answered %s", response.Status)
	}
	return response.Close, nil
}

func TestSIGTERMDropsNoRequestOfAClientThatGotThrough(t *testing.T) {
	const clients, rounds = 12, 4
	for round := range rounds {
		settings := freshSQLite(t)
		backend := startProgram(t, []string{"DATABASE_PATH=" + settings.DatabasePath}, "serve")
		var answered, failed atomic.Int64
		var ending atomic.Bool
		var group sync.WaitGroup
		for client := range clients {
			// Half of the clients make a connection for each request, the others keep theirs until they are told to close it.
			keep := client%2 == 0
			group.Go(func() {
				var connection net.Conn
				var reader *bufio.Reader
				for {
					if connection == nil {
						var err error
						if connection, err = net.DialTimeout("tcp", backend.address, 300*time.Millisecond); err != nil {
							if !ending.Load() {
								t.Errorf("dial before the end: %v", err)
							}
							return
						}
						reader = bufio.NewReader(connection)
					}
					closing, err := post(connection, reader, "s1")
					if err != nil {
						failed.Add(1)
						t.Logf("request dropped: %v", err)
					} else {
						answered.Add(1)
					}
					if err != nil || closing || !keep {
						_ = connection.Close()
						connection = nil
					}
				}
			})
		}
		within(t, 20*time.Second, "load", func() bool { return answered.Load() > 300 })
		ending.Store(true)
		if err := backend.terminate(t); err != nil {
			t.Fatalf("exit: %v", err)
		}
		group.Wait()
		if failed.Load() > 0 {
			t.Fatalf("round %d: %d requests dropped, %d answered", round, failed.Load(), answered.Load())
		}
		if stored := countReadings(t, settings); stored != answered.Load() {
			t.Fatalf("round %d: %d readings answered with 201, %d in the database", round, answered.Load(), stored)
		}
	}
}

func countReadings(t *testing.T, s Settings) (count int64) {
	t.Helper()
	store, err := openSQLite(s.DatabasePath)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.read.QueryRow("SELECT count(*) FROM readings").Scan(&count); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return count
}

// drainedListener listens as the program does and has begun to drain. It returns where to reach it, too.
func drainedListener(t *testing.T, address string, beforehand func(reachable string)) (*drain, string) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	d := &drain{TCPListener: listener.(*net.TCPListener)}
	reachable := listener.Addr().String()
	if bound := listener.Addr().(*net.TCPAddr); bound.IP.IsUnspecified() {
		reachable = net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.Port))
	}
	beforehand(reachable)
	d.began.Store(true)
	if err := requireHops(d.TCPListener, mostHops); err != nil {
		t.Fatal(err)
	}
	return d, reachable
}

// hears reports whether what the client sends arrives at the next accepted connection.
func hears(t *testing.T, d *drain, client net.Conn) error {
	t.Helper()
	accepted, err := d.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := accepted.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = accepted.Read(make([]byte, 1))
	return err
}

func TestDrainedListenerTakesNobodyNewAndKeepsWhoIsQueued(t *testing.T) {
	addresses := []string{"127.0.0.1:0", ":0"}
	if probe, err := net.Listen("tcp", "[::1]:0"); err == nil { // a machine need not have IPv6
		_ = probe.Close()
		addresses = append(addresses, "[::1]:0")
	}
	for _, address := range addresses {
		var queued net.Conn
		d, reachable := drainedListener(t, address, func(reachable string) {
			var err error
			if queued, err = net.DialTimeout("tcp", reachable, time.Second); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = queued.Close() })
		})
		if late, err := net.DialTimeout("tcp", reachable, 300*time.Millisecond); err == nil {
			_ = late.Close()
			t.Fatalf("%s: a new connection was made", address)
		}
		if err := hears(t, d, queued); err != nil {
			t.Fatalf("%s: queued connection: %v", address, err)
		}
	}
}

func TestConnectionMadeWhileTheDrainBeginsIsHeard(t *testing.T) {
	hops := func(socket syscall.RawConn, count int) (err error) {
		controlErr := socket.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, count) })
		return cmp.Or(controlErr, err)
	}
	d, reachable := drainedListener(t, ":0", func(string) {})
	// Its first packet gets through, the later ones have the usual hop count: just what a handshake under way looks like.
	dialer := net.Dialer{Timeout: time.Second, Control: func(_, _ string, socket syscall.RawConn) error { return hops(socket, mostHops) }}
	client, err := dialer.Dial("tcp", reachable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	socket, err := client.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := hops(socket, 64); err != nil {
		t.Fatal(err)
	}
	if err := hears(t, d, client); err != nil {
		t.Fatalf("its packets are ignored: %v", err)
	}
}

func TestDrainWaitsBrieflyForASilentConnection(t *testing.T) {
	backend := startProgram(t, []string{"DATABASE_PATH=" + freshSQLite(t).DatabasePath}, "serve")
	silent, err := net.Dial("tcp", backend.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	began := time.Now()
	if err := backend.terminate(t); err != nil {
		t.Fatalf("exit with a silent connection open: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Fatalf("a silent connection held up the end for %s", took)
	}
}
