//go:build engine

package targets_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestThreeKillsAtRandomInstantsLoseNothing is the short form of the series in soak_test.go.
func TestThreeKillsAtRandomInstantsLoseNothing(t *testing.T) {
	t.Parallel()
	kills(t, 3)
}

// kills kills deployments with changing inputs at random instants. After each one the state can be read and tells what is
// interrupted; every third time, more or less, a deployment is then let go to its end and every promise is asked for.
func kills(t *testing.T, count int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // instants, not secrets
	s := newSite(t)
	s.deploy(0, "-skip=verify")
	s.keepOthers()
	began := time.Now()
	s.deploy(0, "-skip=verify")
	usual := time.Since(began)
	s.post("s0")
	sensors := []string{"s0"}
	var again int
	killed := 0
	for n := 1; killed < count; n++ {
		s.change(n)
		known := len(s.journals())
		run := s.start("deploy", "-passes=1", "-skip=prerequisites", "-timeout=60s")
		time.Sleep(time.Duration(random.Int64N(int64(usual)))) // the instant is random, not awaited
		killAll(s, run)
		got := run.wait()
		switch got.code {
		case codeKilled:
			killed++
		case 0:
		default:
			t.Fatalf("seed %d: deploy %d: %s", seed, n, got)
		}
		var faulted []event
		if journals := s.journals(); len(journals) > known {
			faulted = events(journals[known])
		}
		s.plannedAgain(s.interrupted())
		if random.IntN(3) > 0 && killed < count {
			continue
		}
		again += len(s.recovers(faulted, sensors...))
		sensor := fmt.Sprintf("s%d", n)
		s.post(sensor)
		sensors = append(sensors, sensor)
		if t.Failed() {
			t.Fatalf("seed %d: see above, after deploy %d", seed, n)
		}
	}
	t.Logf("%d deployments killed, %d recovered from; %d readings and all migrations are there, %d steps were repeated", count, len(sensors)-1, len(sensors), again)
}
