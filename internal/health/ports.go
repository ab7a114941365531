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
	var sockets []socket
	var closed, hidden []compose.Port
	dead := false // nobody listens on any of them
	for begin := time.Now(); ; {
		var err error
		sockets, err = socketsOf(ctx, e, v.ID, c)
		if err != nil {
			v.Notes = append(v.Notes, fmt.Sprintf("whether anybody listens on %s, which it publishes, cannot be told: %v", inside(c.Ports), err))
			return
		}
		closed, hidden = nil, nil
		for _, port := range c.Ports {
			switch reachOf(port.Inside, sockets) {
			case nobody:
				closed = append(closed, port)
			case loopbackOnly:
				hidden = append(hidden, port)
			}
		}
		dead = len(closed) == len(c.Ports) && !c.Datagrams
		until := begin.Add(bindGrace)
		if opens := earlier(c.StartedAt, begin).Add(openGrace); dead && opens.After(until) {
			until = opens
		}
		if len(hidden) == 0 && !dead || !time.Now().Before(until) || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(bindPause):
		case <-ctx.Done():
		}
	}
	switch {
	case len(hidden) > 0:
		v.State, v.Reason = Failed, hiddenReason(hidden)
	case dead:
		v.State, v.Reason = Failed, fmt.Sprintf("nobody listens on %s, which it publishes", inside(closed))
		if others := open(sockets); len(others) > 0 {
			v.Reason += "; it listens on " + named(others)
		}
		return
	}
	if len(closed) > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("nobody listens on %s, which it publishes", inside(closed)))
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
