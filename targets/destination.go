package targets

import (
	"context"
	"fmt"
	"os"
)

// selected is the destination that a target on the command line named.
var selected string

// selectDestination is slipway.To.
func selectDestination(name string) error {
	if err := misused(); err != nil {
		return err
	}
	if current != nil && current.dest.Name != name {
		return refuse(context.Background(), fmt.Errorf("%s: a target before it has already acted on %s; name the destination first", name, current.dest.Name))
	}
	stack, err := declared()
	if err != nil {
		return refuse(context.Background(), err)
	}
	if _, err := stack.destination(name); err != nil {
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
