package health

import (
	"context"
	"fmt"
	"net"
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
	for _, s := range parseTable(table(everywhere, localhost, localhost6, anywhere6, mapped, ownAddress, "nonsense", "00:1")) {
		if s.listens {
			got = append(got, s.local.String())
		}
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
	want := listener.Addr().(*net.TCPAddr).AddrPort()
	if !slices.ContainsFunc(parseTable(string(data)), func(s socket) bool { return s.listens && s.local == want }) {
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
		"another port":             {table(other), 0, Failed, "nobody listens on port 8080, which it publishes; it listens on port 80"},
		"no port":                  {table(), 0, Failed, "nobody listens on port 8080, which it publishes"},
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
	got, err := socketsOf(t.Context(), f, id, compose.Publishing{PID: os.Getpid()})
	if err != nil || reachOf(8080, got) != everybody || f.execs == 0 {
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
	port := compose.Port{Inside: 8080, Outside: 80}
	f.published = map[string]compose.Publishing{"a": {PID: -1, Ports: []compose.Port{port}}}
	const fromOutside = "   8: 030012AC:1F90 010012AC:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1\n"
	var before accepting
	for _, c := range []struct {
		table string
		want  reach
		newer bool
	}{
		{table(everywhere), everybody, false}, {table(everywhere) + fromOutside, everybody, true}, {table(localhost), loopbackOnly, false}, {table(), nobody, false},
	} {
		f.say(c.table, 0)
		got, known := behind(context.Background(), f, 80)
		if got.port != port || got.listens != c.want || !known || got.hasNewer(before) != c.newer {
			t.Errorf("%+v, %v, want %+v", got, known, c)
		}
		before = got
	}
	if _, known := behind(context.Background(), f, 81); known {
		t.Error("knows about a port that nobody publishes")
	}
}

func TestPortThatNobodyListensOnIsNotedBesideOneThatIsOpenOrDatagrams(t *testing.T) {
	eighty, beside := compose.Port{Inside: 80, Outside: 8000}, compose.Port{Inside: 8080, Outside: 80}
	for name, c := range map[string]compose.Publishing{
		"another port is open": {PID: -1, Ports: []compose.Port{eighty, beside}},
		"datagrams":            {PID: -1, Ports: []compose.Port{beside}, Datagrams: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeEngine(running("a"))
				f.published = map[string]compose.Publishing{"a": c}
				f.say(table(other), 0)
				report, err := ports(t.Context(), f, newReport([]Verdict{{ID: "a", State: Unchecked}}))
				if err != nil || !report.OK || strings.Join(report.Verdicts[0].Notes, "") != "nobody listens on port 8080, which it publishes" {
					t.Errorf("%+v, %v", report, err)
				}
			})
		})
	}
}

func TestYoungServiceMayOpenItsFirstPortLater(t *testing.T) {
	for after, ok := range map[time.Duration]bool{40 * time.Second: true, 80 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeEngine(running("a"))
			f.published = map[string]compose.Publishing{"a": {PID: -1, StartedAt: time.Now(), Ports: []compose.Port{{Inside: 8080, Outside: 80}}}}
			f.say(table(other), 0)
			opened := make(chan struct{})
			go func() { defer close(opened); time.Sleep(after); f.say(table(everywhere), 0) }()
			if report, err := ports(t.Context(), f, newReport([]Verdict{{ID: "a", State: Unchecked}})); err != nil || report.OK != ok {
				t.Errorf("opened after %s: %+v, %v", after, report, err)
			}
			<-opened
		})
	}
}
