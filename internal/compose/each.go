package compose

import (
	"context"
	"sync"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
)

// inspectors is how many things are asked about at once.
const inspectors = 8

// each asks the engine about things by their names, several at once, and leaves out those that are not there.
func each[V any](ctx context.Context, question string, names []string, ask func(context.Context, string) (V, error)) (map[string]V, error) {
	found := make(map[string]V, len(names))
	var mu sync.Mutex
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(inspectors)
	for _, name := range names {
		asking.Go(func() error {
			answer, err := ask(ctx, name)
			if errdefs.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return refusal(ctx, question, err)
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = answer
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}
