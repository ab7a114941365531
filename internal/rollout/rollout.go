package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// Acts is what a rollout can do to the world and ask of it. The caller wires it to the scripts, to
// health and to the engine.
type Acts struct {
	// Script runs `deploy.sh STEP ARGS…`. It must not be interrupted half-way when ctx ends: a compose
	// killed during a recreate leaves the service down.
	Script func(ctx context.Context, step string, args ...string) error
	// Wait returns when the containers with these ids are well, or says why one is not. Without ids it
	// waits for every container of the service. Its error names the service.
	Wait func(ctx context.Context, service string, ids []string) error
	// Containers lists every container of the project.
	Containers func(ctx context.Context) ([]compose.Container, error)
	// Reload tells the proxies that looked a service's addresses up when they started that it has others now. Nil: there
	// are none.
	Reload func(ctx context.Context, service string) error
	// Note tells the operator one line of progress about a service.
	Note func(service, line string)
}

// Target is one service as it should be.
type Target struct {
	Service compose.Service
	// Image is the one that the service's reference names now, after the build.
	Image compose.Image
	// Attached are the networks its containers are to be in, as Attached gives them.
	Attached func(ctx context.Context) (map[string]string, error)
	// Inputs are those of Inputs, taken after the build.
	Inputs []checkpoints.Input
}

// ErrStillServes marks the failure of a start-first: the new containers failed and are removed, the old
// ones were never stopped. It leads the message, for what follows may be many lines of a log.
var ErrStillServes = errors.New("the old containers still serve")

func (t Target) attached(ctx context.Context) (map[string]string, error) {
	if t.Attached == nil {
		return nil, nil
	}
	return t.Attached(ctx)
}

// Service brings one service to what its target says, then returns one line about what it did. It can
// be killed between any two acts, and within them; the next call continues from what it finds. An
// error wraps the context's when the context ended the work.
func Service(ctx context.Context, acts Acts, origins *Origins, target Target) (string, error) {
	r := &roll{acts: acts, origins: origins, target: target}
	err := origins.Begin()
	var result string
	if err == nil {
		result, err = r.run(ctx)
	}
	var own *named
	switch {
	case errors.As(err, &own):
		return "", err
	case err != nil:
		return "", fmt.Errorf("service %q: %w", target.Service.Name, err)
	}
	return result, nil
}

// named is an error whose text names the service already.
type named struct{ err error }

func (n *named) Error() string { return n.err.Error() }

func (n *named) Unwrap() error { return n.err }

// roll is one call of Service.
type roll struct {
	acts    Acts
	origins *Origins
	target  Target
	mark    string
	past    origin
	in      map[string]string   // the networks its containers are to be in
	all     []compose.Container // of the project
}

func (r *roll) run(ctx context.Context) (string, error) {
	all, err := r.acts.Containers(ctx)
	if err != nil {
		return "", err
	}
	found := Of(r.target.Service.Name, all)
	order, err := Choose(r.target.Service, found)
	if err != nil {
		return "", err
	}
	if err := r.prepare(ctx, all); err != nil {
		return "", err
	}
	var result string
	switch {
	case r.target.Service.Replicas() == 0:
		result, err = r.empty(ctx, found)
	case order == StartFirst:
		result, err = r.startFirst(ctx, found)
	default:
		result, err = r.stopFirst(ctx, found)
	}
	if err != nil {
		return "", err
	}
	return result, r.finish(ctx)
}

// prepare finds out what a container of this target is known by, and what is known of those there are.
func (r *roll) prepare(ctx context.Context, all []compose.Container) error {
	name := r.target.Service.Name
	r.all = all
	var err error
	if r.in, err = r.target.attached(ctx); err != nil {
		return err
	}
	if r.mark, err = r.origins.mark(name, r.target.Inputs, followed(r.target.Service, all)); err != nil {
		return err
	}
	r.past, err = r.origins.load(name)
	return err
}

// finish looks once more: what is recorded as done must be so.
func (r *roll) finish(ctx context.Context) error {
	all, err := r.acts.Containers(ctx)
	if err != nil {
		return err
	}
	found := Of(r.target.Service.Name, all)
	if r.in, err = r.target.attached(ctx); err != nil {
		return err
	}
	done := r.past.close(found, r.mark, whole(r.target.Service.Name, r.target.Inputs))
	if cause := done.holds(r.target.Service, all, r.target.Image, r.in); cause != "" {
		return fmt.Errorf("after the rollout: %s", cause)
	}
	for _, c := range found {
		if _, old := r.past.Containers[c.ID]; !old && r.target.Image.ID != "" && c.ImageID != r.target.Image.ID {
			return fmt.Errorf("after the rollout: container %s runs another image: its name was given to another one meanwhile", short(r.target.Service, c))
		}
	}
	return r.origins.save(r.target.Service.Name, done)
}

// begin writes down, before the first act, which containers are there already: whatever appears from
// now on was created from this target, even if this process does not live to see it.
func (r *roll) begin(found []compose.Container) error {
	r.past = r.past.open(found, r.mark)
	return r.origins.save(r.target.Service.Name, r.past)
}

// current tells whether a container was created from exactly this target.
func (r *roll) current(c compose.Container) bool {
	if _, left := leftover(r.target.Service, c); left || misnamed(r.target.Service, c) {
		return false
	}
	return r.past.of(c) == r.mark && outside(c, r.in) == "" && !astray(r.target.Service, c, r.all)
}

// retire stops and removes containers that serve, their pre_stop hooks before it.
func (r *roll) retire(ctx context.Context, containers []compose.Container) error {
	for _, c := range containers {
		if err := preStop(ctx, r.acts, r.target.Service, c); err != nil {
			return err
		}
		if err := r.remove(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// remove stops and removes containers, one act each, so that an interruption leaves whole containers.
func (r *roll) remove(ctx context.Context, containers ...compose.Container) error {
	for _, c := range containers {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before container %s was retired: %w", short(r.target.Service, c), err)
		}
		r.note("retire " + short(r.target.Service, c))
		if err := r.acts.Script(ctx, "retire", c.ID); err != nil {
			return fmt.Errorf("retire container %s: %w", short(r.target.Service, c), err)
		}
	}
	return nil
}

// compose runs one of the acts that end in a `docker compose up`.
func (r *roll) compose(ctx context.Context, step string, replicas int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped before %q: %w", step, err)
	}
	if err := r.acts.Script(ctx, step, r.target.Service.Name, strconv.Itoa(replicas)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped after %q: %w", step, err)
	}
	return nil
}

// wait returns when the containers with these ids, or all of the service, are well.
func (r *roll) wait(ctx context.Context, ids []string) error {
	if err := r.acts.Wait(ctx, r.target.Service.Name, ids); err != nil {
		return &named{err}
	}
	return nil
}

func (r *roll) look(ctx context.Context) ([]compose.Container, error) {
	all, err := r.acts.Containers(ctx)
	if err != nil {
		return nil, err
	}
	return Of(r.target.Service.Name, all), nil
}

// reload tells the proxies, where the service's containers have other addresses than before.
func (r *roll) reload(ctx context.Context, before []compose.Container) error {
	if r.acts.Reload == nil || len(before) == 0 {
		return nil
	}
	after, err := r.look(ctx)
	if err != nil || slices.Equal(addresses(before), addresses(after)) {
		return err
	}
	return r.acts.Reload(ctx, r.target.Service.Name)
}

// addresses of containers in their networks, sorted.
func addresses(containers []compose.Container) []string {
	var list []string
	for _, c := range containers {
		for network, place := range c.Networks {
			for _, address := range place.Addresses {
				list = append(list, network+" "+address)
			}
		}
	}
	slices.Sort(list)
	return list
}

// empty takes a service with no replicas away.
func (r *roll) empty(ctx context.Context, found []compose.Container) (string, error) {
	if len(found) == 0 {
		return "no replicas wanted", nil
	}
	if err := r.retire(ctx, found); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d removed, no replicas wanted", len(found)), nil
}

func (r *roll) note(line string) {
	if r.acts.Note != nil {
		r.acts.Note(r.target.Service.Name, line)
	}
}

// split parts containers by a question, keeping their order.
func split(containers []compose.Container, yes func(compose.Container) bool) (yeses, noes []compose.Container) {
	for _, c := range containers {
		if yes(c) {
			yeses = append(yeses, c)
		} else {
			noes = append(noes, c)
		}
	}
	return yeses, noes
}

// ids of containers, sorted, so that two looks compare.
func ids(containers []compose.Container) []string {
	list := make([]string, 0, len(containers))
	for _, c := range containers {
		list = append(list, c.ID)
	}
	slices.Sort(list)
	return list
}
