package targets

import (
	"context"
	"slices"
	"sync"

	"slipway/internal/compose"
	"slipway/internal/preflight"
	"slipway/internal/regular"
)

// engine is what the engine has, asked for once and believed until this run acts: preflight, and the steps that find nothing
// to do, all ask for the same.
type engine struct {
	images     map[string]compose.Image // of the whole model, by reference
	containers []compose.Container
	looked     bool // at the containers: that there are none is an answer too
	networks   map[string]compose.Network
	volume     *string
	well       map[string]bool // services that were well when they were waited for together
	times      int             // that all of it was forgotten
}

// next is an engine of which nothing is known.
func (e engine) next() engine { return engine{times: e.times + 1} }

// forget makes the next question about the engine a new one.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine = s.engine.next()
}

// note keeps an answer, unless the engine was acted on since the question was put.
func (s *session) note(asked engine, keep func(*engine)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.times == asked.times {
		keep(&s.engine)
	}
}

// remembered is a copy of what is known.
func (s *session) remembered() engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// images are the images of the model that the engine has.
func (s *session) images(ctx context.Context) (map[string]compose.Image, error) {
	asked := s.remembered()
	if asked.images != nil {
		return asked.images, nil
	}
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, service := range model.Services {
		refs = append(refs, service.Images()...)
	}
	slices.Sort(refs)
	found, err := compose.Images(ctx, slices.Compact(refs)...)
	if err != nil {
		return nil, err
	}
	s.note(asked, func(e *engine) { e.images = found })
	return found, nil
}

// containers are those of the project.
func (s *session) containers(ctx context.Context) ([]compose.Container, error) {
	asked := s.remembered()
	if asked.looked {
		return asked.containers, nil
	}
	found, err := s.project.Containers(ctx)
	if err != nil {
		return nil, err
	}
	s.note(asked, func(e *engine) { e.containers, e.looked = found, true })
	return found, nil
}

// networks are those of the project and of the model, by name.
func (s *session) networks(ctx context.Context) (map[string]compose.Network, error) {
	asked := s.remembered()
	if asked.networks != nil {
		return asked.networks, nil
	}
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.project.Networks(ctx, model)
	if err != nil {
		return nil, err
	}
	s.note(asked, func(e *engine) { e.networks = found })
	return found, nil
}

// volume identifies what holds the database: the volume, or the folder of the host; empty while there is none.
func (s *session) volume(ctx context.Context) (string, error) {
	if s.dest.Database.Volume == "" {
		return "", nil
	}
	asked := s.remembered()
	if asked.volume != nil {
		return *asked.volume, nil
	}
	model, err := s.model(ctx)
	if err != nil {
		return "", err
	}
	found, err := s.dest.Database.identity(ctx, model)
	if err != nil {
		return "", err
	}
	s.note(asked, func(e *engine) { e.volume = &found })
	return found, nil
}

// believe takes over what preflight has seen of the engine for a model.
func (s *session) believe(model *compose.Model, world preflight.World) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judged = model
	s.engine = engine{images: world.Images, networks: world.Networks, containers: world.Containers, looked: true, times: s.engine.times}
}

// imagesAndContainers asks for both at once.
func (s *session) imagesAndContainers(ctx context.Context) (map[string]compose.Image, []compose.Container, error) {
	var images map[string]compose.Image
	var failure error
	var asking sync.WaitGroup
	asking.Go(func() { images, failure = s.images(ctx) })
	containers, err := s.containers(ctx)
	asking.Wait()
	if err == nil {
		err = failure
	}
	return images, containers, err
}

// preflighted is the model that preflight has resolved, with the content of the env file that it was resolved with.
type preflighted struct {
	model *compose.Model
	env   string
}

// offer lets the deployment begin with a model that preflight has resolved, unless the env file changes meanwhile.
func (s *session) offer(model *compose.Model, env string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.preflighted = preflighted{model, env}
}

// offered is that model, nil where there is none or it no longer holds.
func (s *session) offered() *compose.Model {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.preflighted.model == nil || s.preflighted.env != s.envContent() {
		return nil
	}
	return s.preflighted.model
}

// envContent is the content of the env file; one that cannot be read is like none, as nothing comes from it.
func (s *session) envContent() string {
	data, err := regular.Read(s.envFile())
	if err != nil {
		return ""
	}
	return "is there: " + string(data)
}
