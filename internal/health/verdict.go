// Package health answers one question about the containers of a project: is it well? Wait keeps asking until every
// replica has an answer, Look asks the engine once, Ask asks addresses from outside.
//
// The engine's word alone is not enough: it calls a crash loop running, a service healthy after one pass, and asks at
// intervals of its own. So Wait subscribes to events, takes inspect as the truth, runs the service's own healthcheck
// in the container where that changes nothing for the engine, wants several passes in a row, and watches a young
// container until it has been up for a while. It gives up early only on what cannot heal. Ports looks from inside who
// listens.
package health

import (
	"slices"
	"time"
)

// State is what is known about a replica.
type State string

// The states of a replica.
const (
	Healthy   State = "healthy"              // its healthcheck passed
	Unchecked State = "running, not checked" // it runs and has no healthcheck
	Done      State = "done"                 // a one-shot exited 0
	Waiting   State = "waiting"              // nothing is decided yet
	Failed    State = "failed"
)

// Verdict is what was found out about one replica.
type Verdict struct {
	Service   string    `json:"service"`
	Container string    `json:"container,omitempty"` // name; empty if there is none
	ID        string    `json:"id,omitempty"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"` // why it waits or failed, in one line
	Passes    int       `json:"passes,omitempty"` // consecutive passes of the healthcheck
	Checks    []string  `json:"checks,omitempty"` // the last outputs of the healthcheck that differ, oldest first
	Logs      []string  `json:"logs,omitempty"`   // the last lines of the log, of a failed one
	Notes     []string  `json:"notes,omitempty"`  // what is worth a look and no failure
	Since     time.Time `json:"since"`            // when it came to this state
}

// Good tells that nothing is left to wait for and nothing is wrong.
func (v Verdict) Good() bool {
	return v.State == Healthy || v.State == Unchecked || v.State == Done
}

// Report holds a verdict for every replica, sorted by service and number. Checks, logs and reasons are what services
// print and may hold secrets: they are to be redacted where they leave the process.
type Report struct {
	Verdicts []Verdict `json:"verdicts"`
	OK       bool      `json:"ok"` // every verdict is good
}

// Failed returns the verdicts of what failed.
func (r Report) Failed() []Verdict {
	return slices.DeleteFunc(slices.Clone(r.Verdicts), func(v Verdict) bool { return v.State != Failed })
}

func newReport(verdicts []Verdict) Report {
	return Report{Verdicts: verdicts, OK: !slices.ContainsFunc(verdicts, func(v Verdict) bool { return !v.Good() })}
}
