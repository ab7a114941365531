package targets

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"slipway/internal/console"
	"slipway/internal/health"
)

// progress shows how a wait for containers goes: live at a terminal, elsewhere a line for each change. What is shown
// live ends with done, or with ctx.
func (s *session) progress(ctx context.Context) (tell func([]health.Verdict), done func()) {
	if live := s.console.Live(ctx); live != nil {
		return func(verdicts []health.Verdict) { live.Show(unwell(verdicts)) }, live.End
	}
	changes := &changes{console: s.console, shown: map[string]string{}}
	timer := time.AfterFunc(patience, changes.begin)
	return changes.tell, func() { timer.Stop() }
}

// patience is how long a wait goes on before it is worth a line: most are over by then.
const patience = 2 * time.Second

// changes prints a line for each change of a verdict that waits.
type changes struct {
	console *console.Console
	mu      sync.Mutex
	begun   bool
	latest  []health.Verdict
	shown   map[string]string
}

func (c *changes) begin() {
	c.mu.Lock()
	c.begun = true
	latest := c.latest
	c.mu.Unlock()
	c.tell(latest)
}

func (c *changes) tell(verdicts []health.Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = verdicts
	if !c.begun {
		return
	}
	for _, v := range verdicts {
		key := v.Service + v.Container
		if v.State == health.Waiting && c.shown[key] != v.Reason {
			c.console.Line(console.Wait, v.Service, v.Reason, 0)
		}
		c.shown[key] = v.Reason
	}
}

// unwell is a row for each service that is not well yet: how many of its replicas are not, and what is up with the
// first of them, one that failed before one that waits.
func unwell(verdicts []health.Verdict) []console.Row {
	var rows []console.Row
	for begin := 0; begin < len(verdicts); {
		end := begin + 1
		for end < len(verdicts) && verdicts[end].Service == verdicts[begin].Service {
			end++
		}
		replicas := verdicts[begin:end]
		begin = end
		bad := slices.DeleteFunc(slices.Clone(replicas), health.Verdict.Good)
		if len(bad) == 0 {
			continue
		}
		first := bad[max(slices.IndexFunc(bad, func(v health.Verdict) bool { return v.State == health.Failed }), 0)]
		row := console.Row{Word: console.Wait, Subject: first.Service, Detail: first.Reason, Since: first.Since}
		switch {
		case first.State == health.Failed:
			row.Word = console.Fail
		case first.Passes > 0:
			row.Detail += ", " + console.Count(first.Passes, "pass")
		case len(first.Checks) > 0:
			row.Detail += ": " + first.Checks[len(first.Checks)-1]
		}
		if len(replicas) > 1 && first.State == health.Waiting && first.ID != "" { // else the reason says so
			row.Detail = fmt.Sprintf("%d of %d: %s", len(bad), len(replicas), row.Detail)
		}
		rows = append(rows, row)
	}
	return rows
}

// answers shows how the asking of addresses goes, in the same two ways.
func (s *session) answers(ctx context.Context) (tell func(health.Answer), done func()) {
	live := s.console.Live(ctx)
	if live == nil {
		return func(a health.Answer) {
			if !a.OK && a.Reason != "" {
				s.console.Line(console.Wait, a.Name, a.Reason, 0)
			}
		}, func() {}
	}
	begin := time.Now()
	var rows []console.Row
	return func(a health.Answer) {
		rows = slices.DeleteFunc(rows, func(r console.Row) bool { return r.Subject == a.Name })
		if !a.OK {
			detail := a.Reason
			if detail == "" {
				detail = "answers, asked again"
			}
			rows = append(rows, console.Row{Word: console.Wait, Subject: a.Name, Detail: detail, Since: begin})
		}
		live.Show(rows)
	}, live.End
}
