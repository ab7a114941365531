package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/compose"
)

const (
	bindGrace = 3 * time.Second // a service may listen on its loopback first, while it prepares
	openGrace = time.Minute     // of its life, in which a service may open its first port
	bindPause = 250 * time.Millisecond
	mostPorts = 5 // named in one line
)

// Ports looks whether somebody listens on the TCP ports that the containers of a report publish, and adds what it finds. The
// engine accepts connections to a published port itself, so that nothing is learned by connecting to one.
//
// A service that listens on its loopback only has failed, and so has one that listens on none of its ports: nobody outside
// ever reaches it. A port that nobody listens on beside one that is open is noted: it may be opened later, or be of a part that
// is switched off.
func Ports(ctx context.Context, project compose.Project, report Report) (Report, error) {
	return ports(ctx, docker{project}, report)
}

func ports(ctx context.Context, e engine, report Report) (Report, error) {
	published, err := e.PublishedPorts(ctx)
	switch {
	case err != nil && !report.OK: // what is known is enough
		return report, nil
	case err != nil:
		return report, fmt.Errorf("look at published ports: %w", err)
	}
	verdicts := slices.Clone(report.Verdicts)
	var looking sync.WaitGroup
	for i := range verdicts {
		v := &verdicts[i]
		if c, ok := published[v.ID]; ok && (v.State == Healthy || v.State == Unchecked) {
			looking.Go(func() { v.takePorts(ctx, e, c) })
		}
	}
	looking.Wait()
	return newReport(verdicts), nil
}

func (v *Verdict) takePorts(ctx context.Context, e engine, c compose.Publishing) {
	seen, err := watchPorts(ctx, e, v.ID, c)
	switch {
	case err != nil:
		v.Notes = append(v.Notes, fmt.Sprintf("whether anybody listens on %s, which it publishes, cannot be told: %v", inside(c.Ports), err))
		return
	case seen.dead:
		v.State, v.Reason = Failed, fmt.Sprintf("nobody listens on %s, which it publishes", inside(seen.closed))
		if others := open(seen.sockets); len(others) > 0 {
			v.Reason += "; it listens on " + named(others)
		}
		return
	case len(seen.hidden) > 0:
		v.State, v.Reason = Failed, hiddenReason(seen.hidden)
	}
	if len(seen.closed) > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("nobody listens on %s, which it publishes", inside(seen.closed)))
	}
}

// openness is who listens on the ports that a container publishes.
type openness struct {
	sockets        []socket
	closed, hidden []compose.Port // where nobody does, where only the loopback leads to
	dead           bool           // nobody does on any of them
}

// watchPorts looks until the ports are open, or it has had time enough to open them.
func watchPorts(ctx context.Context, e engine, id string, c compose.Publishing) (openness, error) {
	for begin := time.Now(); ; {
		sockets, err := socketsOf(ctx, e, id, c)
		if err != nil {
			return openness{}, err
		}
		seen := openness{sockets: sockets}
		for _, port := range c.Ports {
			switch reachOf(port.Inside, sockets) {
			case nobody:
				seen.closed = append(seen.closed, port)
			case loopbackOnly:
				seen.hidden = append(seen.hidden, port)
			}
		}
		seen.dead = len(seen.closed) == len(c.Ports) && !c.Datagrams
		until := begin.Add(bindGrace)
		if opens := earlier(c.StartedAt, begin).Add(openGrace); seen.dead && opens.After(until) {
			until = opens
		}
		if len(seen.hidden) == 0 && !seen.dead || !time.Now().Before(until) || ctx.Err() != nil {
			return seen, nil
		}
		select {
		case <-time.After(bindPause):
		case <-ctx.Done():
		}
	}
}

func hiddenReason(ports []compose.Port) string {
	return fmt.Sprintf("listens on %s on 127.0.0.1 inside the container only, so nobody reaches what it publishes; bind 0.0.0.0", inside(ports))
}

// accepting is who listens on a port inside a container, and the connections there.
type accepting struct {
	port        compose.Port
	listens     reach
	connections []socket
}

// hasNewer tells that there is a connection that was not there before.
func (a accepting) hasNewer(before accepting) bool {
	return slices.ContainsFunc(a.connections, func(s socket) bool { return !slices.Contains(before.connections, s) })
}

// behind looks who listens behind a port that a container publishes as outside, if that can be told.
func behind(ctx context.Context, e engine, outside uint16) (accepting, bool) {
	published, err := e.PublishedPorts(ctx)
	if err != nil {
		return accepting{}, false
	}
	for id, c := range published {
		for _, port := range c.Ports {
			if port.Outside != outside {
				continue
			}
			c.Ports = nil // both tables: a connection may be in the other
			sockets, err := socketsOf(ctx, e, id, c)
			return accepting{port, reachOf(port.Inside, sockets), connections(port.Inside, sockets)}, err == nil
		}
	}
	return accepting{}, false
}

// inside names ports as the service knows them.
func inside(ports []compose.Port) string {
	var numbers []uint16
	for _, port := range ports {
		if !slices.Contains(numbers, port.Inside) {
			numbers = append(numbers, port.Inside)
		}
	}
	return named(numbers)
}

func named(ports []uint16) string {
	var names []string
	for _, port := range ports[:min(len(ports), mostPorts)] {
		names = append(names, fmt.Sprint(port))
	}
	text := plural(len(ports), "port ", "ports ") + strings.Join(names, ", ")
	if more := len(ports) - mostPorts; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
