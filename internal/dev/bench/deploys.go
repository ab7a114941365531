package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// The stack of (a) to (c) and (g), and how long each of its services takes before it answers.
const (
	lazy  = "30s"
	eager = "1s"
	start = "3s"
)

// firstDeploy is (a).
func firstDeploy(ctx context.Context, p *place, rounds int) ([]row, error) {
	var rows []row
	for _, one := range []struct {
		interval string
		limit    float64
	}{{lazy, 0.8}, {eager, 1.1}} {
		var compose, healthy, verified series
		err := alternate(ctx, p, rounds,
			func(int) error {
				return p.fresh(ctx, pair(p.image, one.interval, start), func(s *side) error {
					did, err := s.up(ctx, "--wait")
					compose.add(did.took())
					return err
				})
			},
			func(int) error {
				return p.fresh(ctx, pair(p.image, one.interval, start), func(s *side) error {
					did, err := s.deploy(ctx)
					if err != nil {
						return err
					}
					verified.add(did.took())
					return healthy.until(s, "rollout", did.began)
				})
			})
		if err != nil {
			return nil, err
		}
		name := "first deploy against up --wait, healthchecks every " + one.interval
		rows = append(rows, against(name+": all healthy", "s", compose, healthy, one.limit), against(name+": verified", "s", compose, verified, 0))
	}
	return rows, nil
}

// fresh lets something be done with a side that is new, and takes it away.
func (p *place) fresh(ctx context.Context, composeFile string, use func(*side) error) error {
	s, err := p.side(composeFile)
	if err != nil {
		return err
	}
	if err := use(s); err != nil {
		return err
	}
	return s.discard(ctx)
}

// until adds the time from a moment to the end of a step of the side's last run.
func (s *series) until(of *side, step string, began time.Time) error {
	at, err := of.rolledOut(step)
	if err != nil {
		return err
	}
	s.add(at.Sub(began))
	return nil
}

// both deploys a stack on two sides, Compose's and Slipway's.
func (p *place) both(ctx context.Context, composeFile string) (compose, slipway *side, err error) {
	if compose, err = p.side(composeFile); err != nil {
		return nil, nil, err
	}
	if slipway, err = p.side(composeFile); err != nil {
		return nil, nil, err
	}
	if _, err = compose.up(ctx, "--wait"); err != nil {
		return nil, nil, err
	}
	_, err = slipway.deploy(ctx)
	return compose, slipway, err
}

// quiet takes sides away whose healthchecks would disturb the next case. What it cannot remove, the end of the bench tries
// again.
func (p *place) quiet(sides ...*side) {
	for _, s := range sides {
		_ = s.discard(context.Background())
	}
}

// unchanged is (b).
func unchanged(ctx context.Context, p *place, rounds int) ([]row, error) {
	compose, slipway, err := p.both(ctx, pair(p.image, eager, "0s"))
	if err != nil {
		return nil, err
	}
	defer p.quiet(compose, slipway)
	var up, wait, deploy series
	err = alternate(ctx, p, rounds,
		func(int) error { did, err := compose.up(ctx); up.add(did.took()); return err },
		func(int) error { did, err := slipway.deploy(ctx); deploy.add(did.took()); return err },
		func(int) error { did, err := compose.up(ctx, "--wait"); wait.add(did.took()); return err },
	)
	return []row{
		against("unchanged deploy against up", "s", up, deploy, 0.5),
		against("unchanged deploy against up --wait", "s", wait, deploy, 0),
	}, err
}

// oneChanged is (c).
func oneChanged(ctx context.Context, p *place, rounds int) ([]row, error) {
	compose, slipway, err := p.both(ctx, pair(p.image, eager, "0s"))
	if err != nil {
		return nil, err
	}
	defer p.quiet(compose, slipway)
	var up, replaced, verified series
	touched := 0
	change := func(s *side, round int, act func() error) error {
		before, err := s.containers(ctx)
		if err != nil {
			return err
		}
		if err := s.value(strconv.Itoa(round)); err != nil {
			return err
		}
		if err := act(); err != nil {
			return err
		}
		after, err := s.containers(ctx)
		if err != nil {
			return err
		}
		if after["web"].ID == before["web"].ID {
			return fmt.Errorf("web was to be replaced and was not")
		}
		if s == slipway && (after["db"].ID != before["db"].ID || !after["db"].StartedAt.Equal(before["db"].StartedAt)) {
			touched++
		}
		return nil
	}
	err = alternate(ctx, p, rounds,
		func(round int) error {
			return change(compose, round, func() error { did, err := compose.up(ctx); up.add(did.took()); return err })
		},
		func(round int) error {
			return change(slipway, round, func() error {
				did, err := slipway.deploy(ctx)
				if err != nil {
					return err
				}
				verified.add(did.took())
				return replaced.until(slipway, "rollout", did.began)
			})
		})
	return []row{
		against("one service changed against up: replaced, and answers", "s", up, replaced, 1.0),
		against("one service changed against up: verified", "s", up, verified, 0),
		{name: "one service changed: others touched", slipway: fmt.Sprintf("%d of %d times", touched, rounds), limit: "0", met: met(touched == 0)},
	}, err
}

// resources is (g).
func resources(ctx context.Context, p *place, rounds int) ([]row, error) {
	const megabyte = 1 << 20
	var peak, cpu, largest [2]series
	turn := func(which int, act func(*side) (execution, error)) func(int) error {
		return func(int) error {
			return p.fresh(ctx, pair(p.image, eager, "0s"), func(s *side) error {
				did, err := act(s)
				if err != nil {
					return err
				}
				peak[which] = append(peak[which], float64(did.peak)/megabyte)
				largest[which] = append(largest[which], float64(did.largest())/megabyte)
				cpu[which].add(did.cpu())
				return nil
			})
		}
	}
	err := alternate(ctx, p, rounds,
		turn(0, func(s *side) (execution, error) { return s.up(ctx, "--wait") }),
		turn(1, func(s *side) (execution, error) { return s.deploy(ctx) }))
	return []row{
		against("first deploy: memory of mage, of docker", "MB", peak[0], peak[1], 0),
		against("first deploy: memory, and its commands", "MB", largest[0], largest[1], 0),
		against("first deploy: CPU time, and its commands", "s", cpu[0], cpu[1], 0),
	}, err
}
