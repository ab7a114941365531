package health

import (
	"context"
	"sync"
	"time"
)

const (
	failureLines   = 20
	failureTimeout = 5 * time.Second
	failureReaders = 4
)

// explainFailures adds what the failed containers wrote last. It has its own time, as the caller's may be up.
func explainFailures(ctx context.Context, e engine, verdicts []Verdict) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
	defer cancel()
	var readers sync.WaitGroup
	slots := make(chan struct{}, failureReaders)
	for i := range verdicts {
		v := &verdicts[i]
		if v.State != Failed || v.ID == "" {
			continue
		}
		readers.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			lines, err := e.Logs(ctx, v.ID, failureLines)
			if err != nil {
				lines = []string{"(" + lastLine(err.Error()) + ")"}
			}
			v.Logs = lines
		})
	}
	readers.Wait()
}
