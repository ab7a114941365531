package targets

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// magesTurn is how long Mage may take to install its own handler of SIGINT, which leaves a target after 5 s.
const magesTurn = 100 * time.Millisecond

// interrupts are the signals that end a run.
var interrupts = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// interruptible is ctx, ended by the first SIGINT, SIGTERM or SIGHUP: what waits stops, what acts is finished first.
// A second signal exits at once and says what may be half done. SIGPIPE ends nothing: `mage deploy | head -1` deploys.
func (s *session) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 4)
	take := func() {
		signal.Reset(syscall.SIGINT)
		signal.Notify(signals, interrupts...)
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not Ignore: that, the children would inherit
	take()
	late := time.AfterFunc(magesTurn, take)

	ended := make(chan struct{})
	go func() {
		select {
		case sig := <-signals:
			again := "Send it again"
			if sig == syscall.SIGINT {
				again = "Press Ctrl-C again"
			}
			s.console.Line("note", "interrupted", fmt.Sprintf("%s: finishing %q, then exiting. %s to exit now", signalName(sig), s.acting(), again), 0)
			cancel()
		case <-ended:
			return
		}
		select {
		case <-signals:
			s.console.EndLive()
			s.console.Line("FAIL", s.target, "exited at once: "+s.acting()+" may be half done; "+command("deploy")+" puts it right", 0)
			leave(exitInterrupted)
		case <-ended:
		}
	}()
	var once sync.Once
	return ctx, func() {
		once.Do(func() {
			late.Stop()
			close(ended)
			signal.Stop(signals)
			cancel()
		})
	}
}

// signalName is what a signal is called in the manual: SIGINT.
func signalName(sig os.Signal) string {
	if number, ok := sig.(syscall.Signal); ok {
		return unix.SignalName(number)
	}
	return sig.String()
}

// leave ends the process without the rest of the run: the one place that does, on a second signal.
func leave(code int) { os.Exit(code) } //nolint:forbidigo // the operator asked twice

// acting names what is being done now, for the operator who wants to leave.
func (s *session) acting() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.doing) == 0 {
		return s.target
	}
	return *s.doing[len(s.doing)-1]
}

// act notes what is being done, until done is called; of several things at once, the one that began last is named.
func (s *session) act(what string) (done func()) {
	own := &what
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doing = append(s.doing, own)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.doing = slices.DeleteFunc(s.doing, func(one *string) bool { return one == own })
	}
}
