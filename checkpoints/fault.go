package checkpoints

import (
	"errors"
	"time"
)

// Fault is what a record keeps of an error. An error that knows more than its
// message (which script, which line) carries a *Fault in its chain; Do finds
// it with errors.As and takes the message from the whole chain.
type Fault struct {
	Message  string    `json:"message"`
	Category string    `json:"category,omitempty"`
	Script   string    `json:"script,omitempty"`
	Line     int       `json:"line,omitempty"`
	ExitCode int       `json:"exit_code,omitempty"`
	Time     time.Time `json:"time"`
}

// Error is the message.
func (f *Fault) Error() string { return f.Message }

// FaultOf describes an error that happened at the given time. The exit code is
// taken from any error in the chain that has one, such as *exec.ExitError. No
// error is no fault.
func FaultOf(err error, at time.Time) *Fault {
	if err == nil {
		return nil
	}
	fault := Fault{}
	var known *Fault
	if errors.As(err, &known) {
		fault = *known
	}
	var exit interface{ ExitCode() int }
	if fault.ExitCode == 0 && errors.As(err, &exit) {
		fault.ExitCode = exit.ExitCode()
	}
	fault.Message = err.Error()
	fault.Time = at
	return &fault
}
