package health

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slipway/internal/compose"
)

// table is /proc/net/tcp with a listener at each of the addresses, and a connection that is no listener.
func table(listeners ...string) string {
	text := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for _, l := range listeners {
		text += "   0: " + l + " 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
	}
	return text + "   9: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1\n"
}

const (
	everywhere = "00000000:1F90" // 8080
	localhost  = "0100007F:1F90"
	localhost6 = "00000000000000000000000001000000:1F90"
	anywhere6  = "00000000000000000000000000000000:1F90"
	mapped     = "0000000000000000FFFF00000100007F:1F90"
	ownAddress = "030012AC:1F90" // 172.18.0.3
	other      = "00000000:0050"
)

func TestListenersAreReadFromTheKernelsTable(t *testing.T) {
	var got []string
	for _, l := range listeners(table(everywhere, localhost, localhost6, anywhere6, mapped, ownAddress, "nonsense", "00:1")) {
		got = append(got, l.String())
	}
	want := []string{"0.0.0.0:8080", "127.0.0.1:8080", "[::1]:8080", "[::]:8080", "127.0.0.1:8080", "172.18.0.3:8080"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestListenersOfThisProcessAreFound(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	data, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	if want := listener.Addr().(*net.TCPAddr).AddrPort(); !slices.Contains(listeners(string(data)), want) {
		t.Errorf("%s is not among them", want)
	}
}

func TestCaseI4PublishedPortsAreLookedAtFromInside(t *testing.T) {
	const hidden = "listens on port 8080 on 127.0.0.1 inside the container only, so nobody reaches what it publishes; bind 0.0.0.0"
	for name, c := range map[string]struct {
		table string
		code  int
		state State
		text  string // of the reason, or of the note
	}{
		"everywhere":               {table(everywhere), 0, Unchecked, ""},
		"everywhere, IPv6":         {table(anywhere6), 0, Unchecked, ""},
		"its own address":          {table(ownAddress), 0, Unchecked, ""},
		"loopback and everywhere":  {table(localhost, everywhere), 0, Unchecked, ""},
		"loopback":                 {table(localhost), 0, Failed, hidden},
		"loopback, IPv6":           {table(localhost6), 0, Failed, hidden},
		"loopback, mapped":         {table(mapped), 0, Failed, hidden},
		"another port":             {table(other), 0, Unchecked, "nobody listens on port 8080, which it publishes"},
		"a container without cat":  {"", 126, Unchecked, "whether anybody listens on port 8080, which it publishes, cannot be told: "},
		"a table that is cut off":  {table(everywhere)[:200], 0, Unchecked, ""},
		"loopback beside the port": {table("0100007F:0050", everywhere), 0, Unchecked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeEngine(running("a"))
				f.published = map[string]compose.Publishing{"a": {PID: -1, Ports: []compose.Port{{Inside: 8080, Outside: 80}}}}
				f.say(c.table, c.code)
				report, err := ports(t.Context(), f, newReport([]Verdict{{Service: "web", ID: "a", State: Unchecked}}))
				if err != nil {
					t.Fatal(err)
				}
				v := report.Verdicts[0]
				if said := v.Reason + strings.Join(v.Notes, ""); v.State != c.state || !strings.HasPrefix(said, c.text) || c.text == "" && said != "" {
					t.Errorf("%s %q", v.State, said)
				}
				if report.OK != v.Good() {
					t.Errorf("OK is %v", report.OK)
				}
			})
		})
	}
}

func TestServiceThatOpensItsPortAfterItPreparedOnTheLoopbackIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEngine(running("a"))
		f.published = map[string]compose.Publishing{"a": {PID: -1, Ports: []compose.Port{{Inside: 8080, Outside: 80}}}}
		f.say(table(localhost), 0)
		go func() { time.Sleep(2 * time.Second); f.say(table(everywhere), 0) }()
		if report, err := ports(t.Context(), f, newReport([]Verdict{{ID: "a", State: Healthy}})); err != nil || !report.OK {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestPortOfAnotherMachinesProcessIsNotReadHere(t *testing.T) {
	const id = "a-container-of-another-machine"
	f := newFakeEngine(running(id))
	f.say(table(everywhere), 0)
	got, err := listening(t.Context(), f, id, compose.Publishing{PID: os.Getpid()})
	if want := netip.MustParseAddrPort("0.0.0.0:8080"); err != nil || !slices.Contains(got, want) || f.execs == 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// gatekeeper accepts in the stead of a service, as the engine's proxy does, and lets each be served as told.
func gatekeeper(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "tcp://" + listener.Addr().String()
}

func TestCaseI3ConnectionThatIsClosedAtOnceIsNoAnswer(t *testing.T) {
	address := gatekeeper(t, func(conn net.Conn) { conn.Close() })
	a := first(t, Address{URL: address})
	if a.OK || !strings.HasPrefix(a.Reason, "the connection is accepted and closed at once: nobody listens behind it, or ") {
		t.Errorf("%+v", a)
	}
}

func TestServiceThatSpeaksFirstAndHangsUpIsThere(t *testing.T) {
	address := gatekeeper(t, func(conn net.Conn) {
		fmt.Fprint(conn, "220 ready\r\n")
		conn.Close()
	})
	if a := first(t, Address{URL: address}); !a.OK {
		t.Errorf("%+v", a)
	}
}

func TestWhoListensBehindAPublishedPortIsLookedUp(t *testing.T) {
	f := newFakeEngine(running("a"))
	f.published = map[string]compose.Publishing{"a": {PID: -1, Ports: []compose.Port{{Inside: 8080, Outside: 80}}}}
	for text, want := range map[string][2]bool{table(everywhere): {true, true}, table(localhost): {false, true}, table(): {false, true}} {
		f.say(text, 0)
		if listens, known := behind(context.Background(), f, 80); listens != want[0] || known != want[1] {
			t.Errorf("%v, %v, want %v", listens, known, want)
		}
	}
	if _, known := behind(context.Background(), f, 81); known {
		t.Error("knows about a port that nobody publishes")
	}
}
