package host

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Clock checks that something keeps the clock right: with a wrong one,
// certificates and tokens are refused. The kernel knows whether its clock is
// disciplined, so nobody on the network has to be asked.
func Clock() Check {
	return Check{Name: "clock", Late: StateWarn, Look: func(context.Context) Finding {
		var facts unix.Timex
		if _, err := unix.Adjtimex(&facts); err != nil {
			return Warn(fmt.Sprintf("cannot be read: %v", err), "look with: timedatectl")
		}
		return judgeClock(int64(facts.Status)&unix.STA_UNSYNC == 0, time.Duration(facts.Maxerror)*time.Microsecond)
	}}
}

func judgeClock(synchronised bool, off time.Duration) Finding {
	if !synchronised {
		return Warn("not synchronised: a wrong clock breaks certificates and tokens", "timedatectl set-ntp true, or apt-get install chrony")
	}
	return OK(fmt.Sprintf("synchronised, at most %s off", off.Round(time.Millisecond)))
}
