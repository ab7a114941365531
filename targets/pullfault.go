package targets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/internal/registry"
)

// pullError is a pull that failed, with what the registries say about the images that are not here.
type pullError struct {
	answers []registry.Answer
	err     error
}

// pullFault asks the registries of the images that are still missing.
func (s *session) pullFault(ctx context.Context, err error) (*pullError, error) {
	services, failure := s.pulled(ctx)
	if failure != nil {
		return nil, errors.Join(err, failure)
	}
	here, failure := s.images(ctx)
	if failure != nil {
		return nil, errors.Join(err, failure)
	}
	missing := imagesOf(services)
	slices.Sort(missing)
	missing = slices.DeleteFunc(slices.Compact(missing), func(image string) bool { return here[image].ID != "" })
	return &pullError{registry.Ask(ctx, missing...), err}, nil
}

// telling is the answer that decides: one that will not change, else one that is no answer, else the first.
func (e *pullError) telling() (registry.Answer, bool) {
	for _, decides := range []func(registry.Answer) bool{
		final, func(a registry.Answer) bool { return !a.There() }, func(registry.Answer) bool { return true },
	} {
		if at := slices.IndexFunc(e.answers, decides); at >= 0 {
			return e.answers[at], true
		}
	}
	return registry.Answer{}, false
}

// final tells that the registry will say the same again: it has decided.
func final(a registry.Answer) bool { return a.Status != 0 && !a.There() && !a.Busy() }

func (e *pullError) category() category {
	a, ok := e.telling()
	switch {
	case !ok || a.There():
		return unknown
	case a.Status != 0:
		return categoryOfStatus(a.Status)
	case a.Err != nil:
		return categoryOf(a.Err)
	}
	return unknown
}

// pause is how long to wait before the next try; not ok where another try is of no use, or too far away.
func (e *pullError) pause(usual time.Duration) (time.Duration, bool) {
	a, ok := e.telling()
	if !ok || final(a) || a.RetryAfter > longestWait {
		return 0, false
	}
	return max(usual, a.RetryAfter), true
}

// sentence says what is wrong with each image that did not come.
func (e *pullError) sentence() string {
	var said []string
	for _, a := range e.answers {
		switch {
		case !a.There():
			said = append(said, a.String())
		case !slices.ContainsFunc(e.answers, func(a registry.Answer) bool { return !a.There() }):
			said = append(said, fmt.Sprintf("the engine did not get %s, though %s has it", a.Image, a.Host))
		}
	}
	if len(said) == 0 {
		return "every image is here, but the pull failed"
	}
	return strings.Join(said, "; ")
}

func (e *pullError) Error() string { return e.sentence() + "\n  " + e.err.Error() }

func (e *pullError) Unwrap() error { return e.err }

// Hints say what to do about the answer that decides.
func (e *pullError) Hints() []string {
	a, ok := e.telling()
	switch {
	case !ok || a.There():
		return []string{"the lines above are the engine's; journalctl -u docker may say more"}
	case a.Forbidden():
		return []string{"docker login " + a.Host + "   (some registries answer like this, too, where there is no such image)"}
	case a.Missing():
		return []string{"correct the image in the compose files, or push it to " + a.Host}
	case a.RetryAfter > 0:
		return []string{fmt.Sprintf("%s asks to be left alone for %s; the same command may pass then", a.Host, a.RetryAfter.Round(time.Second))}
	case final(a):
		return []string{"look with: docker pull " + a.Image}
	}
	return []string{guidance[e.category()]}
}
