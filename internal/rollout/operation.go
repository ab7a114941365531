package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/internal/compose"
)

// Operation is what Service is going to do with the containers of a service, as far as it can be told before anything is done.
type Operation struct {
	Replace []string `json:"replace,omitempty"` // containers, as the operator calls them
	Remove  []string `json:"remove,omitempty"`
	Start   int      `json:"start,omitempty"` // so many are started, be they new or there
	Order   Order    `json:"order,omitempty"` // in which those to be replaced are
	Why     string   `json:"why,omitempty"`   // it is stop-first, or an order that the files ask for
}

// String is the operation in words; empty where there is nothing to do.
func (o Operation) String() string {
	var parts []string
	if len(o.Remove) > 0 {
		parts = append(parts, "remove "+strings.Join(o.Remove, ", "))
	}
	if len(o.Replace) > 0 {
		text := fmt.Sprintf("replace %s, %s", strings.Join(o.Replace, ", "), o.Order)
		if o.Why != "" {
			text += " (" + o.Why + ")"
		}
		parts = append(parts, text)
	}
	if o.Start > 0 {
		parts = append(parts, fmt.Sprintf("start %d", o.Start))
	}
	return strings.Join(parts, ", ")
}

// Foresee looks at what Service would do now, and does nothing. What follows another service that is still to be replaced has nothing
// to do yet; of one that is stopped beforehand, in an act of its own, nothing runs when its turn comes.
func Foresee(ctx context.Context, acts Acts, origins *Origins, target Target, stopped bool) (Operation, error) {
	service := target.Service
	all, err := acts.Containers(ctx)
	if err != nil {
		return Operation{}, err
	}
	r := &roll{acts: acts, origins: origins, target: target}
	if err := r.prepare(ctx, all); err != nil {
		return Operation{}, fmt.Errorf("service %q: %w", service.Name, err)
	}
	found := Of(service.Name, all)
	order, err := Choose(service, found)
	if err != nil {
		return Operation{}, fmt.Errorf("service %q: %w", service.Name, err)
	}
	var dead []compose.Container
	if order != StartFirst {
		dead, found = r.waste(found)
	}
	current, old := split(found, r.current)
	switch together := order == StopFirst && !r.staggers(current, old); {
	case len(old) > 0 && together: // Compose makes all of them anew, in one act
		current, old = nil, found
	case order == StartFirst || len(old) > 0:
		var idle, gone []compose.Container
		old, idle = split(old, alive)
		current, gone = split(current, alive)
		dead = slices.Concat(dead, idle, gone)
	}
	still, _ := split(current, func(c compose.Container) bool {
		return settled(service, c) || r.past.Ended && c.Status == "exited" && c.ExitCode == 0
	})
	surplus := r.surplus(current)
	replaced := old[:min(len(old), max(0, service.Replicas()-len(current)))]
	done := Operation{
		Replace: r.names(replaced), Remove: r.names(slices.Concat(dead, surplus, old[len(replaced):])),
		Start: max(0, service.Replicas()-len(replaced)-len(still)),
	}
	switch {
	case len(replaced) > 0 && stopped:
		done.Order, done.Why = StopFirst, "it is stopped beforehand"
	case len(replaced) > 0:
		done.Order, done.Why = order, whyOrder(service, found, order)
	}
	return done, nil
}

// names are what the operator calls containers.
func (r *roll) names(containers []compose.Container) []string {
	var names []string
	for _, c := range containers {
		names = append(names, short(r.target.Service, c))
	}
	slices.Sort(names)
	return names
}

// whyOrder says why containers are replaced in an order; empty where nothing speaks against the better one.
func whyOrder(service compose.Service, found []compose.Container, order Order) string {
	against := obstacle(service)
	wish, err := wished(service)
	switch {
	case err == nil && wish != "":
		return "deploy.update_config.order"
	case order == StartFirst:
		return ""
	case against.why != "":
		return against.why
	case writes(found):
		return "it writes to a volume that its image declares"
	}
	return ""
}
