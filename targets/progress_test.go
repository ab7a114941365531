package targets

import (
	"fmt"
	"testing"
	"time"

	"slipway/internal/console"
	"slipway/internal/health"
)

func TestUnwellServicesAreRowsWithTheWorstReplicaFirst(t *testing.T) {
	since := time.Now()
	rows := unwell([]health.Verdict{
		{Service: "backend", ID: "1", State: health.Waiting, Reason: "starting", Passes: 2, Checks: []string{"passed"}, Since: since},
		{Service: "backend", ID: "2", State: health.Healthy, Since: since},
		{Service: "cache", ID: "3", State: health.Unchecked, Since: since},
		{Service: "database", ID: "4", State: health.Waiting, Reason: "not healthy yet", Checks: []string{"passed", "exited (1)"}, Since: since},
		{Service: "web", ID: "5", State: health.Waiting, Reason: "starting", Since: since},
		{Service: "web", ID: "6", State: health.Failed, Reason: "1 of 2 replicas is not running: exited (3)", Checks: []string{"passed"}, Since: since},
		{Service: "worker", State: health.Waiting, Reason: "1 of 2 replicas has no container", Since: since},
		{Service: "worker", ID: "7", State: health.Healthy, Since: since},
	})
	want := []console.Row{
		{Word: console.Wait, Subject: "backend", Detail: "1 of 2: starting, 2 passes", Since: since},
		{Word: console.Wait, Subject: "database", Detail: "not healthy yet: exited (1)", Since: since},
		{Word: console.Fail, Subject: "web", Detail: "1 of 2 replicas is not running: exited (3)", Since: since},
		{Word: console.Wait, Subject: "worker", Detail: "1 of 2 replicas has no container", Since: since},
	}
	if got, want := fmt.Sprint(rows), fmt.Sprint(want); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}
