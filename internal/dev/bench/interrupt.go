package bench

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// magesTurn is how long Mage may take to install its own handler of SIGINT, which leaves a target after 5 s: too soon to
// clean up in.
const magesTurn = 100 * time.Millisecond

// interruptible is ctx, ended by SIGINT, SIGTERM or SIGHUP.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	take := func() {
		signal.Reset(syscall.SIGINT)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	}
	take()
	late := time.AfterFunc(magesTurn, take)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		late.Stop()
		cancel()
		signal.Stop(signals)
	}
}
