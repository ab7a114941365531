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
}

// forget makes the next question about the engine a new one.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine = engine{}
}

// remembered is a copy of what is known.
func (s *session) remembered() engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine
}

// images are the images of the model that the engine has.
func (s *session) images(ctx context.Context) (map[string]compose.Image, error) {
	if known := s.remembered().images; known != nil {
		return known, nil
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.images = found
	return found, nil
}

// containers are those of the project.
func (s *session) containers(ctx context.Context) ([]compose.Container, error) {
	if known := s.remembered(); known.looked {
		return known.containers, nil
	}
	found, err := s.project.Containers(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.containers, s.engine.looked = found, true
	return found, nil
}

// networks are those of the project and of the model, by name.
func (s *session) networks(ctx context.Context) (map[string]compose.Network, error) {
	if known := s.remembered().networks; known != nil {
		return known, nil
	}
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.project.Networks(ctx, model)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.networks = found
	return found, nil
}

// volume identifies what holds the database: the volume, or the folder of the host; empty while there is none.
func (s *session) volume(ctx context.Context) (string, error) {
	if s.dest.Database.Volume == "" {
		return "", nil
	}
	if known := s.remembered().volume; known != nil {
		return *known, nil
	}
	model, err := s.model(ctx)
	if err != nil {
		return "", err
	}
	found, err := s.dest.Database.identity(ctx, model)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.volume = &found
	return found, nil
}

// believe takes over what preflight has seen of the engine for a model.
func (s *session) believe(model *compose.Model, world preflight.World) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judged = model
	s.engine = engine{images: world.Images, networks: world.Networks, containers: world.Containers, looked: true}
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
