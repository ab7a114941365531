package checkpoints

import (
	"context"
	"fmt"
	"regexp"
)

// State is how far a step has come.
type State string

// Pending, Running, Done and Failed are recorded. Interrupted (running, but
// nobody holds the lock) and Stale (done, but to be done again) are derived.
const (
	Pending     State = "pending"
	Running     State = "running"
	Done        State = "done"
	Failed      State = "failed"
	Interrupted State = "interrupted"
	Stale       State = "stale"
)

// Step is the smallest unit of work that has a checkpoint of its own.
type Step struct {
	// Name is made of a-z, 0-9, '.' and '-', such as "build" or "rollout.backend".
	Name string
	// Inputs tells what the result depends on. Nil means: on nothing.
	Inputs func(ctx context.Context) ([]Input, error)
	// After names the steps whose new result makes this one run again.
	After []string
	// Holds looks at the world. It returns "" when the recorded outcome is
	// still there, else what is missing. Nil means: nothing to look at.
	Holds func(ctx context.Context) (cause string, err error)
	// Skip returns why there is nothing to do, or "". That is not an outcome
	// and is not recorded. Nil means: there is always something to do.
	Skip func(ctx context.Context) (reason string, err error)
	// Announce is told the decision before the work begins. Nil means: nobody
	// wants to know.
	Announce func(Decision)
	// Run does the work. The result is one short line for the operator.
	Run func(ctx context.Context) (result string, err error)
}

// Decision is what would happen to a step, or what has happened, and why.
type Decision struct {
	Step string `json:"step"`
	// Run is true if the step runs, false if it is skipped.
	Run bool `json:"run"`
	// Cause is "never run", "app/main.go changed", "build runs first" … for a
	// step that runs; "unchanged" or the reason of Skip for one that does not.
	Cause string `json:"cause"`
	// State is the state that was found; from Do, the state that was reached.
	State State `json:"state"`
	// Result is the line that the last finished run of the step left.
	Result string `json:"result,omitempty"`
}

var stepName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,99}$`)

// Check says what is wrong with the declaration of a step, before it is used.
func (s Step) Check() error {
	if err := checkName(s.Name); err != nil {
		return err
	}
	if s.Run == nil {
		return fmt.Errorf("%s: the step has nothing to run", s.Name)
	}
	return nil
}

func checkName(name string) error {
	if !stepName.MatchString(name) {
		return fmt.Errorf("step %q: a name is made of a-z, 0-9, '.' and '-', and begins with a letter or a digit", name)
	}
	return nil
}
