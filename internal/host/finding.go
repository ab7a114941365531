// Package host says what the machine is: memory, disk, ports, DNS, clock,
// distribution, and whether that is enough for a stack.
//
// Every subject is a [Check]. A check only looks, and what it sees is a
// [Finding]; nothing here decides what happens next. [Run] looks at everything
// at once, so that an operator sees all problems in one run.
package host

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// The states of a finding. A failure refuses the deployment; a warning is shown
// and does not.
const (
	StateOK   = "ok"
	StateWarn = "warn"
	StateFail = "fail"
)

// DefaultLimit bounds a check that names no limit of its own. It leaves a run
// without any network well under two seconds.
const DefaultLimit = 1250 * time.Millisecond

// Finding is what one check saw.
type Finding struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // what to do about it; empty when ok
}

// OK is a finding that needs nothing. [Run] fills in the check's name.
func OK(detail string) Finding { return Finding{State: StateOK, Detail: detail} }

// Warn is a finding the operator should know about.
func Warn(detail, remedy string) Finding {
	return Finding{State: StateWarn, Detail: detail, Remedy: remedy}
}

// Fail is a finding with which a deployment must not begin.
func Fail(detail, remedy string) Finding {
	return Finding{State: StateFail, Detail: detail, Remedy: remedy}
}

// Check is one look at the machine.
type Check struct {
	Name  string
	Limit time.Duration // how long it may take; [DefaultLimit] when zero
	Look  func(ctx context.Context) Finding
	Late  string // the state when it does not answer in time: [StateFail] when empty
}

// Run looks at everything at the same time and returns one finding a check, in
// the order of the checks. A check that ignores its context is left behind when
// its time is up, and that is its finding.
func Run(ctx context.Context, checks []Check) []Finding {
	findings := make([]Finding, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { findings[i] = check.run(ctx) })
	}
	wg.Wait()
	return findings
}

func (c Check) run(parent context.Context) Finding {
	limit := c.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()

	answer := make(chan Finding, 1) // buffered: a late answer finds nobody waiting
	go func() { answer <- c.Look(ctx) }()

	// The look itself may notice the same deadline and say more about it, so it
	// has a little longer than its context.
	grace := time.NewTimer(limit + 50*time.Millisecond)
	defer grace.Stop()

	var finding Finding
	select {
	case finding = <-answer:
	case <-parent.Done():
		finding = Fail("was interrupted", "")
	case <-grace.C:
		finding = c.late(limit)
	}
	if finding.Name == "" {
		finding.Name = c.Name
	}
	return finding
}

func (c Check) late(limit time.Duration) Finding {
	state := c.Late
	if state == "" {
		state = StateFail
	}
	return Finding{
		State:  state,
		Detail: fmt.Sprintf("did not answer within %s", limit),
		Remedy: "try again; if it persists, look at what the machine is waiting for (disk, network, engine)",
	}
}

// Failed returns the findings with which a deployment must not begin.
func Failed(findings []Finding) []Finding {
	var failed []Finding
	for _, f := range findings {
		if f.State == StateFail {
			failed = append(failed, f)
		}
	}
	return failed
}
