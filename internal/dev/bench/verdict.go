package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"slipway/internal/compose"
)

// toTheVerdict is (e).
func toTheVerdict(ctx context.Context, p *place, rounds int) ([]row, error) {
	var rows []row
	var all series
	for _, delay := range []string{"1s", "3s", "10s"} {
		var up, deploy series
		turn := func(into *series, act func(*side) (time.Time, error)) func(int) error {
			return func(int) error {
				return p.fresh(ctx, single(p.image, lazy, delay), func(s *side) error {
					verdict, err := act(s)
					if err != nil {
						return err
					}
					answered, err := s.answered(ctx)
					into.add(verdict.Sub(answered))
					return err
				})
			}
		}
		err := alternate(ctx, p, rounds,
			turn(&up, func(s *side) (time.Time, error) { did, err := s.up(ctx, "--wait"); return did.ended, err }),
			turn(&deploy, func(s *side) (time.Time, error) {
				if _, err := s.deploy(ctx); err != nil {
					return time.Time{}, err
				}
				return s.rolledOut("rollout.web")
			}))
		if err != nil {
			return nil, err
		}
		all = append(all, deploy...)
		rows = append(rows, against("first answer to verdict against up --wait, ready after "+delay, "s", up, deploy, 0))
	}
	return append(rows, within("first answer to verdict, all", "s", nil, all, 0.15)), nil
}

// answered is when the service says that it began to answer.
func (s *side) answered(ctx context.Context) (time.Time, error) {
	containers, err := s.containers(ctx)
	if err != nil {
		return time.Time{}, err
	}
	lines, err := compose.Logs(ctx, containers["web"].ID, 10)
	if err != nil {
		return time.Time{}, err
	}
	return answeredAt(lines)
}

// answeredAt finds the moment in the lines of the actor.
func answeredAt(lines []string) (time.Time, error) {
	for _, line := range lines {
		_, text, ok := strings.Cut(line, "answers ")
		if !ok {
			continue
		}
		nanos, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("when the service answered: %w", err)
		}
		return time.Unix(0, nanos), nil
	}
	return time.Time{}, errors.New("the service does not say that it answers")
}

const (
	services = 200
	window   = 5 * time.Second // for so long `mage deploy` watches what has no healthcheck
)

// manyServices is (f).
func manyServices(ctx context.Context, p *place, rounds int) ([]row, error) {
	var plan, up, deploy, verdict, composeVerdict series
	err := alternate(ctx, p, rounds,
		func(int) error {
			return p.fresh(ctx, many(p.image, services), func(s *side) error {
				did, err := s.up(ctx, "--wait")
				if err != nil {
					return err
				}
				up.add(did.took())
				last, err := s.lastStart(ctx)
				composeVerdict.add(did.ended.Sub(last))
				return err
			})
		},
		func(int) error {
			return p.fresh(ctx, many(p.image, services), func(s *side) error {
				planned, err := s.mage(ctx, "plan")
				if err != nil {
					return err
				}
				plan.add(planned.took())
				did, err := s.deploy(ctx)
				if err != nil {
					return err
				}
				deploy.add(did.took())
				last, err := s.lastStart(ctx)
				verdict.add(did.ended.Sub(last.Add(window)))
				return err
			})
		})
	name := strconv.Itoa(services) + " services"
	return []row{
		within(name+": planned", "s", nil, plan, 1),
		against(name+" against up --wait: verified", "s", up, deploy, 0),
		within(name+" against up --wait: the last one ready to the verdict", "s", composeVerdict, verdict, 2),
	}, err
}

// lastStart is when the youngest container was started.
func (s *side) lastStart(ctx context.Context) (time.Time, error) {
	containers, err := s.containers(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	for _, c := range containers {
		if c.StartedAt.After(last) {
			last = c.StartedAt
		}
	}
	if len(containers) != services {
		return last, fmt.Errorf("%d of %d services have a container", len(containers), services)
	}
	return last, nil
}
