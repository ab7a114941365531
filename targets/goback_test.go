package targets

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"slipway/internal/rollout"
)

func TestEveryServiceThatIsNotWellIsFoundInAnError(t *testing.T) {
	web, worker := error(&unwellError{services: []string{"web"}}), error(&unwellError{services: []string{"worker", "mail"}})
	for want, err := range map[string]error{
		"[]": errors.New("the disk is full"), "[web]": fmt.Errorf("rollout.web: %w", web),
		"[mail web worker]": fmt.Errorf("rollout: %w", errors.Join(fmt.Errorf("rollout.web: %w: %w", rollout.ErrStillServes, web), faulty{worker, nil})),
	} {
		found := []string{}
		for _, unwell := range unwellIn(err) {
			found = append(found, unwell.services...)
		}
		slices.Sort(found)
		if got := fmt.Sprint(found); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
