package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"slipway/internal/compose"
	"slipway/internal/console"
)

// reloadLabel on a service is the command that makes it look addresses up again: a proxy that resolves the names of its
// upstreams when it starts would go on asking containers that are gone.
const reloadLabel = "slipway.reload"

// reload tells the proxies in the networks of a service that it has other addresses: those with the label, and those that are
// seen to be one of the two that are known to resolve names only when they start.
func (s *session) reload(ctx context.Context, service string) error {
	containers, err := s.containers(ctx)
	if err != nil {
		return err
	}
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if c.Service == service || c.OneOff || c.Status != "running" || !shareNetwork(containers, service, c) {
			continue
		}
		how, processes, known := reloadable(ctx, model, c)
		if !known {
			continue
		}
		if err := s.script(ctx, "deploy.sh", append([]string{"reload", c.ID}, how...)...); err != nil {
			return fmt.Errorf("%s has other addresses, and %s did not look them up again: %w", service, c.Service, err)
		}
		if err := newWorkers(ctx, c.ID, workers(processes)); err != nil {
			return fmt.Errorf("%s has other addresses, and %s did not look them up again: %w", service, c.Service, err)
		}
		s.console.Line(console.Note, c.Service, "reloaded: "+service+" has other addresses", 0)
	}
	return nil
}

// reloadable is the command for a container that is a proxy which has to be told of new addresses, or the signal for its main
// process, and what runs in it.
func reloadable(ctx context.Context, model *compose.Model, c compose.Container) (how []string, processes []compose.Process, known bool) {
	processes, err := compose.Processes(ctx, c.ID)
	if err != nil {
		processes = nil // a host without ps: then only a label tells
	}
	how, known = reloading(model.Services[c.Service], processes)
	return how, processes, known
}

// replacedAtATime is how many services of a stage are replaced at a time. Where a proxy has to be told of new addresses, it is one:
// until it has been, it would send the requests for one service to another one that got its address.
func (s *session) replacedAtATime(ctx context.Context, v view) int {
	for _, c := range v.containers {
		if c.OneOff || c.Status != "running" {
			continue
		}
		if _, _, known := reloadable(ctx, v.model, c); known {
			return 1
		}
	}
	return cmp.Or(s.dest.Parallel, runtime.NumCPU())
}

// shareNetwork reports whether a container is in a network that the containers of a service are in.
func shareNetwork(containers []compose.Container, service string, c compose.Container) bool {
	return slices.ContainsFunc(containers, func(other compose.Container) bool {
		for network := range other.Networks {
			if _, in := c.Networks[network]; in && other.Service == service {
				return true
			}
		}
		return false
	})
}

// reloading is the command for a proxy, or the signal for its main process.
func reloading(service compose.Service, processes []compose.Process) (how []string, known bool) {
	if command, declared := service.Labels[reloadLabel]; declared {
		return append([]string{"exec"}, strings.Fields(command)...), true
	}
	if len(processes) == 0 {
		return nil, false
	}
	words := strings.Fields(processes[0].Command)
	switch {
	case isMaster(processes[0]):
		return []string{"signal", "HUP"}, true
	case len(words) > 0 && path.Base(words[0]) == "haproxy" && (slices.Contains(words, "-W") || slices.Contains(words, "-Ws")):
		return []string{"signal", "USR2"}, true
	case slices.ContainsFunc(processes, isMaster):
		return []string{"exec", "nginx", "-s", "reload"}, true
	}
	return nil, false
}

// What nginx calls its processes.
const (
	nginxMaster = "nginx: master process"
	nginxWorker = "nginx: worker process"
)

func isMaster(p compose.Process) bool { return strings.HasPrefix(p.Command, nginxMaster) }

// workers are the processes of nginx that take requests.
func workers(processes []compose.Process) []string {
	var pids []string
	for _, p := range processes {
		if strings.TrimSpace(p.Command) == nginxWorker {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// newWorkers returns when none of nginx's old processes takes requests any more: it answers a reload before it has begun.
func newWorkers(ctx context.Context, id string, old []string) error {
	if len(old) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		processes, err := compose.Processes(ctx, id)
		if err != nil {
			return err
		}
		now := workers(processes)
		if len(now) > 0 && !slices.ContainsFunc(now, func(pid string) bool { return slices.Contains(old, pid) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("nginx goes on with its old configuration; it says why in its log")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
