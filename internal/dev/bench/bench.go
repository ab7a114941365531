// Package bench measures Slipway against docker compose, side by side on the same stacks: the chore `mage dev:bench`.
package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/console"
)

// Options are what the flags ask for.
type Options struct {
	Only    string // the cases, "a,d"; all where it is empty
	Rounds  int    // how often each is measured; where it is 0, as often as the case says
	Console *console.Console
}

// benchCase is one question of the bench.
type benchCase struct {
	name   string
	what   string
	rounds int
	run    func(ctx context.Context, p *place, rounds int) ([]row, error)
}

var cases = []benchCase{
	{"a", "first deploy until all are healthy", 3, firstDeploy},
	{"b", "unchanged deploy", 10, unchanged},
	{"c", "one service changed", 10, oneChanged},
	{"d", "replaced under load", 20, underTraffic},
	{"e", "from the first answer to the verdict", 5, toTheVerdict},
	{"f", "200 services", 1, manyServices},
	{"g", "memory and CPU", 5, resources},
	{"h", "FreshTrack unchanged", 10, freshtrack},
	{"i", "2,000 services resolved", 5, resolving},
	{"j", "secrets to be hidden", 30, hiding},
	{"k", "backups of a large database", 3, backingUp},
	{"l", "fifteen services changed", 3, allChanged},
	{"m", "rollback", 5, goingBack},
}

// Run measures, from the root of a checkout, and prints the table. A run of all cases with their own numbers of rounds
// also writes docs/performance.md. What it makes is removed, however it ends.
func Run(ctx context.Context, o Options) error {
	wanted, err := choose(o.Only)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	p, err := newPlace(ctx, o.Console, slices.ContainsFunc(wanted, func(c benchCase) bool { return c.name == "d" }))
	defer p.remove()
	if err != nil {
		return fmt.Errorf("bench: prepare: %w", err)
	}
	var rows []row
	for _, c := range wanted {
		rounds := c.rounds
		if o.Rounds > 0 {
			rounds = o.Rounds
		}
		started := time.Now()
		o.Console.Line(console.Run, "bench "+c.name, fmt.Sprintf("%s, %s", c.what, console.Count(rounds, "round")), 0)
		measured, err := c.run(ctx, p, rounds)
		if err != nil {
			p.print(rows)
			return fmt.Errorf("bench: %s: %w", c.name, err)
		}
		for i := range measured {
			measured[i].name = "(" + c.name + ") " + measured[i].name
		}
		rows = append(rows, measured...)
		o.Console.Line(console.OK, "bench "+c.name, c.what, time.Since(started))
	}
	p.print(rows)
	if o.Only != "" || o.Rounds > 0 {
		return nil
	}
	text := page(p.machine, rows)
	return checkpoints.WriteFile(filepath.Join("docs", "performance.md"), []byte(text), 0o644)
}

func (p *place) print(rows []row) {
	if len(rows) > 0 {
		p.console.Print(p.machine.String() + "\n\n" + table(rows))
	}
}

// choose finds the cases that a list names.
func choose(list string) ([]benchCase, error) {
	if list == "" {
		return cases, nil
	}
	var chosen []benchCase
	for _, name := range strings.Split(list, ",") {
		at := slices.IndexFunc(cases, func(c benchCase) bool { return c.name == name })
		if at < 0 {
			return nil, fmt.Errorf("bench: there is no case %q; there are a to %s", name, cases[len(cases)-1].name)
		}
		chosen = append(chosen, cases[at])
	}
	return chosen, nil
}

// alternate lets the sides take turns, another one first in each round.
func alternate(ctx context.Context, p *place, rounds int, turns ...func(round int) error) error {
	for round := range rounds {
		for i := range turns {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := turns[(round+i)%len(turns)](round); err != nil {
				return err
			}
		}
		p.console.Line(console.Note, "round", fmt.Sprintf("%d of %d", round+1, rounds), 0)
	}
	return nil
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
