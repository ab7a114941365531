package rollout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// errKilled is what everything answers once the process of a test counts as killed.
var errKilled = errors.New("killed")

// box is a container of the fake world.
type box struct {
	compose.Container
	content string // what its mounted files held when it was created
	ready   bool
}

// world plays the engine, Compose and the scripts. Each change of it is a tick, at which it can die.
type world struct {
	service compose.Service
	image   string // what the service's reference names now
	plain   bool   // its containers read no file
	content string // what the mounted files hold now
	boxes   []*box
	born    int
	ticks   int
	dieAt   int // the tick that no longer happens; 0 for never
	sick    func(*box) error
	acts    []string
	floor   int // the least number of serving containers there ever was
	cancel  func(step string)
}

func newWorld(service compose.Service) *world {
	service.Name = "backend"
	return &world{service: service, image: "sha256:1", content: "one"}
}

// running adds ready containers of the present image and content.
func (w *world) running(n int) *world {
	for range n {
		w.create(w.nextNumber(), "").start()
	}
	for _, b := range w.boxes {
		b.ready = true
	}
	w.floor, w.ticks = w.serving(), 0
	return w
}

func (w *world) create(number int, replaced string) *box {
	w.born++
	id := fmt.Sprintf("%012x", w.born)
	name := fmt.Sprintf("p-backend-%d", number)
	if replaced != "" {
		name = replaced[:12] + "_" + name
	}
	b := &box{content: w.content, Container: compose.Container{
		ID: id, Name: name, Service: w.service.Name, Number: number, ImageID: w.image, Status: "created",
	}}
	w.boxes = append(w.boxes, b)
	return b
}

func (b *box) start() { b.Status = "running" }

// scale asks for so many replicas.
func (w *world) scale(replicas int) { w.service.Scale = &replicas }

func (w *world) nextNumber() int {
	number := 0
	for _, b := range w.boxes {
		number = max(number, b.Number)
	}
	return number + 1
}

func (w *world) serving() int {
	n := 0
	for _, b := range w.boxes {
		if b.Status == "running" && b.ready {
			n++
		}
	}
	return n
}

func (w *world) dead() bool { return w.dieAt > 0 && w.ticks >= w.dieAt }

// tick makes one change, or dies before it.
func (w *world) tick(change func()) {
	if w.ticks++; w.dead() {
		return
	}
	change()
	w.floor = min(w.floor, w.serving())
}

func (w *world) remove(b *box) {
	w.tick(func() { b.Status, b.ready = "exited", false })
	w.tick(func() { w.boxes = slices.DeleteFunc(w.boxes, func(o *box) bool { return o == b }) })
}

// up plays `docker compose up` for the one service.
func (w *world) up(replicas int, recreate func(*box) bool) {
	there := slices.Clone(w.boxes)
	slices.SortStableFunc(there, func(a, b *box) int { return a.Number - b.Number })
	for len(there) > replicas {
		w.remove(there[len(there)-1])
		there = there[:len(there)-1]
	}
	for _, b := range there {
		if recreate(b) {
			var successor *box
			w.tick(func() { successor = w.create(b.Number, b.ID) })
			w.remove(b)
			w.tick(func() { successor.Name = fmt.Sprintf("p-backend-%d", successor.Number) })
			w.tick(func() { successor.start() })
		} else if b.Status != "running" && !w.service.OneShot {
			w.tick(b.start)
		}
	}
	for range replicas - len(there) {
		var b *box
		w.tick(func() { b = w.create(w.nextNumber(), "") })
		w.tick(func() { b.start() })
	}
}

func (w *world) script(_ context.Context, step string, args ...string) error {
	if w.dead() {
		return errKilled
	}
	w.acts = append(w.acts, step)
	replicas := func() int { n, _ := strconv.Atoi(args[1]); return n }
	switch step {
	case "start":
		w.up(w.service.Replicas(), func(*box) bool { return false })
	case "up":
		w.up(replicas(), func(b *box) bool { return b.ImageID != w.image })
	case "renew":
		w.up(replicas(), func(*box) bool { return true })
	case "beside":
		w.up(replicas(), func(*box) bool { return false })
	case "hooks":
	case "retire":
		for _, id := range args {
			i := slices.IndexFunc(w.boxes, func(b *box) bool { return b.ID == id })
			if i < 0 {
				return fmt.Errorf("no such container: %s", id)
			}
			w.remove(w.boxes[i])
		}
	default:
		return fmt.Errorf("no such step: %s", step)
	}
	if w.dead() {
		return errKilled
	}
	if w.cancel != nil {
		w.cancel(step)
	}
	return nil
}

func (w *world) wait(ctx context.Context, _ string, ids []string) error {
	if w.dead() {
		return errKilled
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("service %q: %w", w.service.Name, err)
	}
	for _, b := range w.boxes {
		if ids != nil && !slices.Contains(ids, b.ID) {
			continue
		}
		if w.sick != nil {
			if err := w.sick(b); err != nil {
				return err
			}
		}
		if b.Status == "created" || b.Status == "exited" && !w.service.OneShot {
			return fmt.Errorf("service %q: %s is %s", w.service.Name, b.Name, b.Status)
		}
		b.ready = b.Status == "running"
	}
	return nil
}

func (w *world) containers(context.Context) ([]compose.Container, error) {
	if w.dead() {
		return nil, errKilled
	}
	var all []compose.Container
	for _, b := range w.boxes {
		all = append(all, b.Container)
	}
	return all, nil
}

// deploy runs Service as the caller does, in a process that starts now.
func (w *world) deploy(t *testing.T, origins *Origins) (string, error) {
	t.Helper()
	return w.deployUnder(t.Context(), origins)
}

func (w *world) deployUnder(ctx context.Context, origins *Origins) (string, error) {
	w.acts = nil
	acts := Acts{Script: w.script, Wait: w.wait, Containers: w.containers}
	return Service(ctx, acts, origins, w.target())
}

// reads names the input that is the world's content: of a file, unless the definition is all there is.
func (w *world) reads() string {
	if w.plain {
		return "backend environment"
	}
	return "backend file conf"
}

func (w *world) target() Target {
	return Target{Service: w.service, Image: compose.Image{ID: w.image, Content: w.image}, Inputs: []checkpoints.Input{
		checkpoints.Value("backend image content", w.image),
		checkpoints.Value(w.reads(), w.content),
		checkpoints.Value("backend scale", strconv.Itoa(w.service.Replicas())),
	}}
}

// check fails the test unless exactly the wanted containers are there.
func (w *world) check(t *testing.T) {
	t.Helper()
	if len(w.boxes) != w.service.Replicas() {
		t.Errorf("%d containers are there, want %d", len(w.boxes), w.service.Replicas())
	}
	for _, b := range w.boxes {
		if b.Status != "running" || b.ImageID != w.image || b.content != w.content {
			t.Errorf("container %s is %s with image %s and content %q, want running, %s, %q",
				b.Name, b.Status, b.ImageID, b.content, w.image, w.content)
		}
		if want := fmt.Sprintf("p-backend-%d", b.Number); b.Name != want {
			t.Errorf("container is named %s, want %s", b.Name, want)
		}
	}
}

// openOrigins gives origins whose writes do not wait for the disk: what is killed here is no machine.
func openOrigins(t *testing.T) *Origins {
	t.Helper()
	origins := OpenOrigins(t.TempDir())
	origins.write = os.WriteFile
	if err := origins.Begin(); err != nil {
		t.Fatal(err)
	}
	return origins
}
