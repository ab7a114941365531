package targets

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// options are what the flags of a target ask for. They hold for the whole chain of phases below it.
type options struct {
	reset   bool
	yes     bool
	json    bool
	prune   bool
	skip    []string
	passes  int
	timeout time.Duration
	wait    time.Duration
}

// The defaults of verify: REQUIREMENTS asks for three passes within five minutes.
const (
	defaultPasses  = 3
	defaultTimeout = 5 * time.Minute
)

// merge is o with what other sets.
func (o options) merge(other options) options {
	o.reset = o.reset || other.reset
	o.yes = o.yes || other.yes
	o.json = o.json || other.json
	o.prune = o.prune || other.prune
	o.skip = append(o.skip, other.skip...)
	if other.passes != 0 {
		o.passes = other.passes
	}
	if other.timeout != 0 {
		o.timeout = other.timeout
	}
	if other.wait != 0 {
		o.wait = other.wait
	}
	return o
}

// skippable are the phases and parts that -skip can leave out.
var skippable = []string{"preflight", "prerequisites", "firewall", "fail2ban", "verify"}

// skipping reads -skip: names separated by commas.
func skipping(list *string) ([]string, error) {
	if list == nil || *list == "" {
		return nil, nil
	}
	names := strings.Split(*list, ",")
	for _, name := range names {
		if !slices.Contains(skippable, name) {
			return nil, fmt.Errorf("-skip=%s: %q cannot be skipped; what can: %s", *list, name, strings.Join(skippable, ", "))
		}
	}
	return names, nil
}

func (o options) skips(name string) bool { return slices.Contains(o.skip, name) }

func (o options) passesWanted() int {
	if o.passes > 0 {
		return o.passes
	}
	return defaultPasses
}

func (o options) timeoutWanted() time.Duration {
	if o.timeout > 0 {
		return o.timeout
	}
	return defaultTimeout
}

// deref is what a flag was set to; the zero value where it was not given.
func deref[T any](flag *T) T {
	if flag == nil {
		var zero T
		return zero
	}
	return *flag
}
