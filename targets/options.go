package targets

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// flags are those of a target as Mage read them, nil where they were not given.
type flags struct {
	reset, yes, json, prune, pull, noreturn, watch, foreign, check, exit, plan *bool
	skip, step, backup, to, release, migrations                                *string
	passes, lines                                                              *int
	timeout, wait                                                              *time.Duration
}

// and is f with what other sets: flags hold for the targets behind theirs, too.
func (f flags) and(other flags) flags {
	if f.skip != nil && other.skip != nil {
		both := *f.skip + "," + *other.skip
		other.skip = &both
	}
	return flags{
		reset: last(f.reset, other.reset), yes: last(f.yes, other.yes), json: last(f.json, other.json), prune: last(f.prune, other.prune), pull: last(f.pull, other.pull), noreturn: last(f.noreturn, other.noreturn),
		skip: last(f.skip, other.skip), passes: last(f.passes, other.passes), timeout: last(f.timeout, other.timeout), wait: last(f.wait, other.wait),
		// Of the target that they stand behind, and of no other.
		watch: other.watch, foreign: other.foreign, check: other.check, exit: other.exit, step: other.step, backup: other.backup, to: other.to, lines: other.lines,
		plan: other.plan, release: other.release, migrations: other.migrations,
	}
}

func last[T any](one, other *T) *T {
	if other != nil {
		return other
	}
	return one
}

// options are what the flags of a target ask for. They hold for the whole chain of phases below it.
type options struct {
	reset, yes, json, prune, pull, noreturn, watch, foreign, check, exit, plan bool
	skip                                                                       []string
	step, backup, to, release, migrations                                      string
	passes, lines                                                              int
	timeout, wait                                                              time.Duration
}

// The defaults of verify: REQUIREMENTS asks for three passes within five minutes.
const (
	defaultPasses  = 3
	defaultTimeout = 5 * time.Minute
	defaultLines   = 100
)

// options are what the flags ask for, or what is wrong with the first that asks for what cannot be.
func (f flags) options() (options, error) {
	o := options{
		reset: or(f.reset, false), yes: or(f.yes, false), json: or(f.json, false), prune: or(f.prune, false), pull: or(f.pull, false), watch: or(f.watch, false),
		noreturn: or(f.noreturn, false), plan: or(f.plan, false), release: or(f.release, ""), migrations: or(f.migrations, ""),
		foreign: or(f.foreign, false), check: or(f.check, false), exit: or(f.exit, false),
		step: or(f.step, ""), backup: or(f.backup, ""), to: or(f.to, ""), passes: or(f.passes, defaultPasses), lines: or(f.lines, defaultLines),
		timeout: or(f.timeout, defaultTimeout), wait: or(f.wait, 0),
	}
	switch {
	case o.passes < 1:
		return o, fmt.Errorf("-passes=%d: at least one pass is needed to be well", o.passes)
	case o.lines < 1:
		return o, fmt.Errorf("-lines=%d: at least one line can be shown", o.lines)
	case o.timeout <= 0:
		return o, fmt.Errorf("-timeout=%s: a timeout is longer than nothing, such as 5m", o.timeout)
	case o.wait < 0:
		return o, fmt.Errorf("-wait=%s: a wait cannot be negative", o.wait)
	case f.step != nil && o.step == "":
		return o, errors.New("-step= names no step; without the flag, reset clears all of them")
	case f.release != nil && o.release == "":
		return o, errors.New("-release= names no release; without the flag, rollback takes the last verified one before the present, and history lists them")
	case o.migrations != "" && o.migrations != "keep":
		return o, fmt.Errorf("-migrations=%s: keep is all that can be said of them: the release can live with the data as it is", o.migrations)
	case f.backup != nil && o.backup == "":
		return o, errors.New("-backup= names no backup; without the flag, restore lists them")
	}
	if f.to != nil {
		if info, err := os.Stat(o.to); err != nil || !info.IsDir() {
			return o, fmt.Errorf("-to=%s: there is no such folder", o.to)
		}
	}
	var err error
	o.skip, err = skipping(f.skip)
	return o, err
}

// skippable are the phases and parts that -skip can leave out.
var skippable = []string{"preflight", "prerequisites", "firewall", "fail2ban", "verify"}

// skipping reads -skip: names separated by commas.
func skipping(list *string) ([]string, error) {
	if list == nil {
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

// or is what a flag was set to, else its default.
func or[T any](flag *T, usual T) T {
	if flag == nil {
		return usual
	}
	return *flag
}
