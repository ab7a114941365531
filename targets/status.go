package targets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/enginelock"
)

// Status prints what is recorded next to what is seen: each step, each container, the last failure and what to run next.
//
// It changes nothing and needs no lock. -json prints the same to stdout. Exit 0 also when the stack is not well: that is
// for verify to say.
func Status(ctx context.Context, json *bool) error {
	return enter(ctx, "status", false, flags{json: json}, func(ctx context.Context, s *session) error {
		found, err := s.observe(ctx)
		if err != nil {
			return refuse(ctx, fmt.Errorf("status: %w", err))
		}
		if s.options.json {
			return s.console.JSON(found)
		}
		s.show(found)
		return nil
	})
}

// observed is what `mage status -json` prints.
type observed struct {
	Project     string              `json:"project"`
	Destination string              `json:"destination"`
	Holder      *checkpoints.Holder `json:"holder,omitempty"`
	Release     *kept               `json:"release,omitempty"` // that is applied
	Steps       []recorded          `json:"steps"`
	Containers  []seen              `json:"containers"`
	Engine      string              `json:"engine,omitempty"` // why the containers could not be looked at
	Next        string              `json:"next"`
	remedy      string              // the command that ends the holder's lock, where nobody can tell from here whether it still runs
	cutShort    bool                // the last deployment did not come to its end, in a step or between two
}

// seen is one container as the engine tells.
type seen struct {
	Name    string    `json:"name"`
	Service string    `json:"service"`
	Status  string    `json:"status"`
	Since   time.Time `json:"since"`
}

func (s *session) observe(ctx context.Context) (observed, error) {
	found := observed{Project: s.project.Name, Destination: s.dest.Name, Containers: []seen{}}
	holder, held, err := s.store.Holder()
	if err != nil {
		return found, err
	}
	if held {
		found.Holder = &holder
	} else if err := s.heldElsewhere(ctx, &found); err != nil {
		found.Engine = firstLine(err)
	}
	if found.Steps, err = s.recorded(holder, held); err != nil {
		return found, err
	}
	if found.Release, err = s.appliedRelease(); err != nil {
		s.console.Line(console.Warn, "release", err.Error(), 0)
	}
	containers, err := s.project.Containers(ctx)
	if err != nil {
		found.Engine = firstLine(err)
	}
	for _, c := range containers {
		found.Containers = append(found.Containers, seen{Name: c.Name, Service: c.Service, Status: condition(c), Since: c.StartedAt})
	}
	runs, _ := s.store.Runs() // a journal that cannot be read is for history to name
	found.cutShort = len(runs) > 0 && runs[0].Target == "deploy" && runs[0].State != checkpoints.Done
	found.Next = next(found)
	return found, nil
}

// appliedRelease is the release that is applied, nil where there is none.
func (s *session) appliedRelease() (*kept, error) {
	r, found, err := s.releases().Current()
	if err != nil || !found {
		return nil, err
	}
	outcome, err := s.releases().Outcome(r.ID)
	return &kept{r, outcome}, err
}

// heldElsewhere looks for a holder who has not the lock of this state directory: another user, or another machine.
func (s *session) heldElsewhere(ctx context.Context, found *observed) error {
	held, err := enginelock.Look(ctx, s.project.Name, s.store)
	if err != nil || held == nil {
		return err
	}
	found.Holder = &held.Holder
	if !held.Seen {
		found.remedy = held.Remedy()
	}
	return nil
}

// recorded is the checkpoint of one step.
type recorded struct {
	Step     string             `json:"step"`
	State    checkpoints.State  `json:"state"`
	Result   string             `json:"result,omitempty"`
	Finished time.Time          `json:"finished,omitzero"`
	Fault    *checkpoints.Fault `json:"fault,omitempty"`
}

// unreadable is the state of a step whose record is corrupt or not ours: its Result says what is wrong with it.
const unreadable checkpoints.State = "unreadable"

// recorded reads the checkpoints of the steps. What is recorded as running while nobody holds the lock was interrupted.
func (s *session) recorded(holder checkpoints.Holder, held bool) ([]recorded, error) {
	var all []recorded
	for _, step := range s.steps() {
		record, exists, err := s.store.Record(step.Name)
		found := recorded{Step: step.Name, State: checkpoints.Pending}
		var broken *checkpoints.RecordError
		switch {
		case errors.As(err, &broken):
			found.State, found.Result = unreadable, broken.Path+": "+broken.Err.Error()
		case err != nil:
			return nil, err
		case exists:
			found = recorded{Step: step.Name, State: record.State, Result: record.Result, Finished: record.Finished, Fault: record.Error}
		}
		if found.State == checkpoints.Running && (!held || holder.Run != record.Run) {
			found.State = checkpoints.Interrupted
		}
		all = append(all, found)
	}
	return all, nil
}

// word is the first word of a line about something in that state.
func word(state checkpoints.State) console.Word {
	switch state {
	case checkpoints.Done:
		return console.OK
	case checkpoints.Failed, unreadable:
		return console.Fail
	case checkpoints.Interrupted:
		return console.Warn
	case checkpoints.Running:
		return console.Run
	}
	return console.Note
}

// summary is what failed, where and of which kind, as far as that is known.
func summary(fault checkpoints.Fault) string {
	var known []string
	if fault.Category != "" && fault.Category != string(unknown) {
		known = append(known, fault.Category)
	}
	if fault.Script != "" {
		known = append(known, fmt.Sprintf("%s line %d, exit %d", fault.Script, fault.Line, fault.ExitCode))
	}
	if len(known) == 0 {
		return fault.Message
	}
	return fault.Message + "\n(" + strings.Join(known, ": ") + ")"
}

// condition is a container's state in a word or three.
func condition(c compose.Container) string {
	switch {
	case c.Status == "exited":
		return fmt.Sprintf("exited (%d)", c.ExitCode)
	case c.Health != nil:
		return c.Status + ", " + c.Health.Status
	}
	return c.Status
}

// next is the command that the operator needs now.
func next(found observed) string {
	if found.remedy != "" {
		return "look where it was started whether it still runs; only once it has ended: " + found.remedy
	}
	if found.Holder != nil {
		return "wait: " + found.Holder.Target + " is running"
	}
	for _, step := range found.Steps {
		if step.State == unreadable {
			return resetRecord(step.Step)
		}
		if step.State == checkpoints.Failed || step.State == checkpoints.Interrupted {
			return fmt.Sprintf("%s   (resumes at %s)", command("deploy"), step.Step)
		}
		if step.Step == "rollout" && step.State == checkpoints.Pending {
			return command("deploy")
		}
	}
	if found.cutShort {
		return command("deploy")
	}
	return command("verify")
}

func (s *session) show(found observed) {
	s.console.Print(fmt.Sprintf("%s at %s\n", found.Project, found.Destination))
	if found.Release != nil {
		s.console.Print("release " + found.Release.String() + "\n")
	}
	s.console.Print("\n")
	if found.Holder != nil {
		s.console.Print(fmt.Sprintf("held by %s (pid %d): %s since %s\n\n", found.Holder.Who, found.Holder.PID, found.Holder.Target, stamp(found.Holder.Since)))
	}
	for _, step := range found.Steps {
		detail := string(step.State)
		if !step.Finished.IsZero() {
			detail += " " + stamp(step.Finished)
		}
		if step.Result != "" {
			detail += "  " + step.Result
		}
		s.console.Table(word(step.State), step.Step, detail)
		if step.Fault != nil {
			s.console.Print(indent(summary(*step.Fault)))
		}
	}
	s.console.Print("\n")
	switch {
	case found.Engine != "":
		s.console.Print("containers: " + found.Engine + "\n")
	case len(found.Containers) == 0:
		s.console.Print("containers: none\n")
	}
	for _, c := range found.Containers {
		s.console.Print(fmt.Sprintf("%-32s %-20s %s\n", c.Name, c.Status, since(c.Since)))
	}
	s.console.Print("\nnext: " + found.Next + "\n")
}

func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ") + "\n"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "since " + stamp(t)
}
