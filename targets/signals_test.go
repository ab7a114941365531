package targets

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestAScriptThatASignalEndedIsInterruptedIfTheRunIs(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		signalled   bool // the run is, a little later
		interrupted bool
	}{
		"a signal to both":       {&scriptError{Script: "deploy.sh migrate", Signal: syscall.SIGHUP}, true, true},
		"a signal to the script": {&scriptError{Script: "deploy.sh migrate", Signal: syscall.SIGHUP}, false, false},
		"killed":                 {&scriptError{Script: "deploy.sh migrate", Signal: syscall.SIGKILL}, true, false},
		"an error of its own":    {&scriptError{Script: "deploy.sh migrate", ExitCode: 1}, true, false},
		"no error":               {nil, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.signalled {
				time.AfterFunc(10*time.Millisecond, cancel)
			}
			got := orInterrupted(ctx, c.err)
			if errors.Is(got, context.Canceled) != c.interrupted || !c.interrupted && !errors.Is(got, c.err) {
				t.Errorf("%s: %v", name, got)
			}
		})
	}
}
