package targets

import (
	"context"
	"fmt"
	"os"
)

// selected is the destination that a target on the command line named.
var selected string

// Local selects the destination local for the targets after it: `mage local deploy`. It changes nothing by itself.
func Local() error { return selectDestination("local") }

// Production selects the destination production for the targets after it: `mage production deploy`. The same as
// DESTINATION=production in the environment. It changes nothing by itself.
func Production() error { return selectDestination("production") }

// To selects a destination of your own in a target of your own:
//
//	func Staging() error { return targets.To("staging")() }
//
// It returns a function so that Mage does not take it for a target.
func To(name string) func() error {
	return func() error { return selectDestination(name) }
}

func selectDestination(name string) error {
	if err := misused(); err != nil {
		return err
	}
	if current != nil && current.dest.Name != name {
		return refuse(context.Background(), fmt.Errorf("%s: a target before it has already acted on %s; name the destination first", name, current.dest.Name))
	}
	if _, err := declared.destination(name); err != nil {
		return refuse(context.Background(), err)
	}
	selected = name
	return nil
}

// destinationName is what the operator asked for: a target before this one, else DESTINATION, else the default.
func destinationName() string {
	if selected != "" {
		return selected
	}
	return os.Getenv("DESTINATION")
}
