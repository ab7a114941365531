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
	bindPause = 250 * time.Millisecond
	mostPorts = 5 // named in one line
)

// Ports looks whether somebody listens on the TCP ports that the containers of a report publish, and adds what it finds. The
// engine accepts connections to a published port itself, so that nothing is learned by connecting to one.
//
// A service that listens on its loopback only has failed: nobody outside ever reaches it. A port that nobody listens on is
// noted: it may be opened later, or be of a part that is switched off.
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
	var closed, hidden []compose.Port
	for begin := time.Now(); ; {
		addresses, err := listening(ctx, e, v.ID, c)
		if err != nil {
			v.Notes = append(v.Notes, fmt.Sprintf("whether anybody listens on %s, which it publishes, cannot be told: %v", inside(c.Ports), err))
			return
		}
		closed, hidden = nil, nil
		for _, port := range c.Ports {
			switch reachOf(port, addresses) {
			case nobody:
				closed = append(closed, port)
			case loopbackOnly:
				hidden = append(hidden, port)
			}
		}
		if len(hidden) == 0 || time.Since(begin) >= bindGrace || ctx.Err() != nil {
			break
		}
		select {
		case <-time.After(bindPause):
		case <-ctx.Done():
		}
	}
	if len(closed) > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("nobody listens on %s, which it publishes", inside(closed)))
	}
	if len(hidden) > 0 {
		v.State = Failed
		v.Reason = fmt.Sprintf("listens on %s on 127.0.0.1 inside the container only, so nobody reaches what it publishes; bind 0.0.0.0", inside(hidden))
	}
}

// behind tells whether anybody listens on a port that a container publishes as outside, if that can be told.
func behind(ctx context.Context, e engine, outside uint16) (listens, known bool) {
	published, err := e.PublishedPorts(ctx)
	if err != nil {
		return false, false
	}
	for id, c := range published {
		for _, port := range c.Ports {
			if port.Outside != outside {
				continue
			}
			addresses, err := listening(ctx, e, id, c)
			return err == nil && reachOf(port, addresses) == everybody, err == nil
		}
	}
	return false, false
}

// inside names ports as the service knows them.
func inside(ports []compose.Port) string {
	var names []string
	for _, port := range ports {
		if name := fmt.Sprint(port.Inside); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	text := plural(len(names), "port ", "ports ") + strings.Join(names[:min(len(names), mostPorts)], ", ")
	if more := len(names) - mostPorts; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
