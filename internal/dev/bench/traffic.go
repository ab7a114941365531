package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"slipway/internal/console"
)

// leastRequests of a round make 100,000 in 20 rounds.
const leastRequests = 5000

// underTraffic is (d).
func underTraffic(ctx context.Context, p *place, rounds int) ([]row, error) {
	compose, err := p.newBehindCaddy(ctx, "compose", "stop-first", func(s *side) error { _, err := s.up(ctx); return err })
	if err != nil {
		return nil, err
	}
	deploy := func(s *side) error { _, err := s.deploy(ctx); return err }
	startFirst, err := p.newBehindCaddy(ctx, "start-first", "start-first", deploy)
	if err != nil {
		return nil, err
	}
	stopFirst, err := p.newBehindCaddy(ctx, "stop-first", "stop-first", deploy)
	if err != nil {
		return nil, err
	}
	if err := alternate(ctx, p, rounds, compose.round(ctx), startFirst.round(ctx), stopFirst.round(ctx)); err != nil {
		return nil, err
	}
	const load = "replaced under 500 requests a second against up, "
	rows := []row{
		{name: load + "start-first: dropped", compose: compose.dropped(), slipway: startFirst.dropped(), limit: "0 of 100000"},
		against(load+"start-first: gap", "s", compose.gaps, startFirst.gaps, 0),
		{name: load + "stop-first: dropped", compose: compose.dropped(), slipway: stopFirst.dropped()},
		against(load+"stop-first: gap", "s", compose.gaps, stopFirst.gaps, 0),
		within(load+"stop-first: gap less the service's own start", "s", compose.rests, stopFirst.rests, 0.5),
		against(load+"stop-first: no container", "s", compose.downs, stopFirst.downs, 0),
	}
	switch {
	case startFirst.total.dropped > 0:
		rows[0].met = met(false)
	case startFirst.total.sent >= 100_000:
		rows[0].met = met(true)
	default:
		rows[0].met = "too few rounds"
	}
	for _, b := range []*behindCaddy{compose, startFirst, stopFirst} {
		if b.total.first != "" {
			p.console.Line(console.Note, b.name, "the first request that was dropped: "+b.total.first, 0)
		}
	}
	return rows, nil
}

// behindCaddy is a side whose service is asked through Caddy.
type behindCaddy struct {
	*side
	name  string
	url   string
	bring func(*side) error // makes the changed stack run
	gaps  series
	rests series // of the gaps, without the new container's start until it answers
	downs series
	total traffic
}

func (p *place) newBehindCaddy(ctx context.Context, name, method string, bring func(*side) error) (*behindCaddy, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s, err := p.side(fronted(p.image, caddyImage, method, port))
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(s.dir, "Caddyfile"), caddyfile); err != nil {
		return nil, err
	}
	if err := bring(s); err != nil {
		return nil, err
	}
	b := &behindCaddy{side: s, name: name, url: fmt.Sprintf("http://127.0.0.1:%d/", port), bring: bring}
	return b, b.warm(ctx)
}

// warm lets pass what belongs to a first start and not to a replacement.
func (b *behindCaddy) warm(ctx context.Context) error {
	_, err := underLoad(ctx, b.url, pace, func() error { return nil })
	return err
}

func (b *behindCaddy) round(ctx context.Context) func(int) error {
	return func(round int) error {
		if err := b.value(strconv.Itoa(round)); err != nil {
			return err
		}
		was, err := b.containers(ctx)
		if err != nil {
			return err
		}
		heard, err := listen(ctx)
		if err != nil {
			return err
		}
		came, err := underLoad(ctx, b.url, leastRequests, func() error { return b.bring(b.side) })
		said := heard()
		if err != nil {
			return err
		}
		is, err := b.containers(ctx)
		if err != nil {
			return err
		}
		if is["web"].ID == was["web"].ID || is["caddy"].ID != was["caddy"].ID {
			return fmt.Errorf("web and nothing else was to be replaced")
		}
		swap, err := readSwap(said, was["web"].ID, is["web"].ID)
		if err != nil {
			return err
		}
		answered, err := b.answered(ctx)
		if err != nil {
			return err
		}
		b.downs.add(swap.down())
		b.gaps.add(came.gap)
		b.rests.add(came.gap - answered.Sub(swap.starting))
		b.total.sent += came.sent
		b.total.dropped += came.dropped
		if b.total.first == "" {
			b.total.first = came.first
		}
		return nil
	}
}

func (b *behindCaddy) dropped() string { return fmt.Sprintf("%d of %d", b.total.dropped, b.total.sent) }
