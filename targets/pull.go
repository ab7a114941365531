package targets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/compose-spec/compose-go/v2/types"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
)

// How often a pull is tried, and how long a registry may ask to be left alone for it to be waited for.
const (
	pullTries   = 4
	longestWait = time.Minute
)

// pull brings the images that are not built here: those that are missing, and those that the files or
// the operator say to ask for.
func (s *session) pull() checkpoints.Step {
	return checkpoints.Step{
		Name: "pull",
		Skip: func(ctx context.Context) (string, error) {
			services, err := s.pulled(ctx)
			if err != nil || len(services) > 0 {
				return "", err
			}
			model, err := s.model(ctx)
			if err != nil {
				return "", err
			}
			if len(fromElsewhere(model)) > 0 {
				return "no image is to be pulled", nil
			}
			return "every image is built here", nil
		},
		Inputs: func(ctx context.Context) ([]checkpoints.Input, error) {
			services, err := s.pulled(ctx)
			var inputs []checkpoints.Input
			for _, service := range services {
				inputs = append(inputs, checkpoints.Value("image of "+service.Name, strings.Join(service.Images(), " ")))
			}
			return inputs, err
		},
		Holds: func(ctx context.Context) (string, error) {
			wanted, err := s.toPull(ctx)
			if err != nil || len(wanted) == 0 {
				return "", err
			}
			return wanted[0].cause, nil
		},
		Run: func(ctx context.Context) (string, error) {
			wanted, err := s.toPull(ctx)
			if err != nil || len(wanted) == 0 {
				return "every image is here", err
			}
			names := make([]string, 0, len(wanted))
			for _, w := range wanted {
				names = append(names, w.service)
			}
			return console.Count(len(names), "image"), s.pullWithRetries(ctx, names)
		},
	}
}

// wantedImage is a service whose images the registry is asked for, and why.
type wantedImage struct{ service, cause string }

// toPull are the services whose images are missing, and those whose pull_policy is to ask each time.
func (s *session) toPull(ctx context.Context) ([]wantedImage, error) {
	services, err := s.pulled(ctx)
	if err != nil {
		return nil, err
	}
	here, err := s.images(ctx)
	if err != nil {
		return nil, err
	}
	var wanted []wantedImage
	for _, service := range services {
		missing := slices.IndexFunc(service.Images(), func(ref string) bool { _, has := here[ref]; return !has })
		switch {
		case missing >= 0:
			wanted = append(wanted, wantedImage{service.Name, "image " + service.Images()[missing] + " is not here"})
		case s.options.pull && slices.ContainsFunc(service.Images(), moves):
			wanted = append(wanted, wantedImage{service.Name, "-pull asks for a newer image of " + service.Name})
		case service.AsksRegistry(here[service.Image], time.Now()):
			wanted = append(wanted, wantedImage{service.Name, "pull_policy of " + service.Name + " is " + service.PullPolicy})
		}
	}
	return wanted, nil
}

// moves reports whether a reference may mean another image tomorrow: all do but those with a digest.
func moves(ref string) bool { return !strings.Contains(ref, "@") }

// pullWithRetries tries again, visibly and a bounded number of times, unless it is known that this is of no use.
func (s *session) pullWithRetries(ctx context.Context, names []string) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.Multiplier = 3 // a registry that is being restarted is gone for some seconds
	for try := 1; ; try++ {
		err := s.interruptibleScript(ctx, "deploy.sh", append([]string{"pull"}, names...)...)
		if err == nil || s.category(ctx, err) != unknown {
			return err
		}
		fault, err := s.pullFault(ctx, err)
		if err != nil {
			return err
		}
		pause, again := fault.pause(pauses.NextBackOff())
		if !again || try == pullTries {
			return fault
		}
		s.console.Line(console.Wait, "pull", fmt.Sprintf("%s; again in %s", fault.sentence(), pause.Round(100*time.Millisecond)), 0)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// pulled are the services whose images come from a registry, by name.
func (s *session) pulled(ctx context.Context) ([]compose.Service, error) {
	model, err := s.model(ctx)
	if err != nil {
		return nil, err
	}
	return withoutBuild(model), nil
}

// servicesOf are the services that fit, by name.
func servicesOf(model *compose.Model, fits func(compose.Service) bool) []compose.Service {
	var found []compose.Service
	for _, service := range model.Services {
		if service.Provider == nil && fits(service) {
			found = append(found, service)
		}
	}
	slices.SortFunc(found, func(a, b compose.Service) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// withoutBuild are the services whose images come from a registry.
func withoutBuild(model *compose.Model) []compose.Service {
	return slices.DeleteFunc(fromElsewhere(model), func(service compose.Service) bool { return service.PullPolicy == types.PullPolicyNever })
}

// fromElsewhere are the services whose images neither they nor another service build.
func fromElsewhere(model *compose.Model) []compose.Service {
	built := map[string]bool{}
	for _, service := range model.Services {
		built[service.Image] = built[service.Image] || service.Build != nil
	}
	return servicesOf(model, func(service compose.Service) bool {
		return slices.ContainsFunc(service.Images(), func(ref string) bool { return !built[ref] })
	})
}

// missingImage names the first image of these services that the engine does not have.
func (s *session) missingImage(ctx context.Context, services []compose.Service) (string, error) {
	here, err := s.images(ctx)
	if err != nil {
		return "", err
	}
	for _, service := range services {
		if _, has := here[service.Image]; !has {
			return "image " + service.Image + " is gone", nil
		}
	}
	return "", nil
}
