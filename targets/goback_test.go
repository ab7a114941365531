package targets

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"slipway/internal/rollout"
)

func TestEveryServiceThatIsNotWellIsFoundInAnError(t *testing.T) {
	web, worker := error(&unwellError{service: "web"}), error(&unwellError{service: "worker"})
	for want, err := range map[string]error{
		"[]": errors.New("the disk is full"), "[web]": fmt.Errorf("rollout.web: %w", web),
		"[web worker]": fmt.Errorf("rollout: %w", errors.Join(fmt.Errorf("rollout.web: %w: %w", rollout.ErrStillServes, web), faulty{worker, nil})),
	} {
		found := unwellIn(err)
		slices.Sort(found)
		if got := fmt.Sprint(found); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
