//go:build engine

package targets_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// series is a run of the oracle: over each project of the corpus, mutations that are compared and mutations that are applied.
type series struct {
	t       *testing.T
	seed    uint64
	image   string
	plans   int // that are compared for each mutation that is applied
	workers int

	mu       sync.Mutex
	counts   map[string]int
	failures int
}

func (r *series) count(what string, more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += more
}

// oracleImages makes the images of a run: two versions of the program, and the first under another name.
func oracleImages(t *testing.T) string {
	t.Helper()
	dir, err := demoBinaries()
	if err != nil {
		t.Fatal(err)
	}
	prefix := "sw-oracle-images-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	for _, version := range []string{"1", "2"} {
		context := t.TempDir()
		for name, content := range map[string]string{"Dockerfile": "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n"} {
			if err := os.WriteFile(filepath.Join(context, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Link(filepath.Join(dir, "v"+version), filepath.Join(context, "program")); err != nil {
			t.Fatal(err)
		}
		output(t, context, "docker", "build", "-q", "-t", prefix+"/demo:"+version, ".")
	}
	output(t, ".", "docker", "tag", prefix+"/demo:1", prefix+"/demo:same")
	output(t, ".", "docker", "network", "create", prefix+"-outer")
	output(t, ".", "docker", "volume", "create", prefix+"-outer")
	t.Cleanup(func() {
		for _, name := range []string{"/demo:1", "/demo:2", "/demo:same"} {
			_ = exec.Command("docker", "image", "rm", "-f", prefix+name).Run()
		}
		_ = exec.Command("docker", "network", "rm", prefix+"-outer").Run()
		_ = exec.Command("docker", "volume", "rm", prefix+"-outer").Run()
	})
	return prefix
}

// mutationsEach are applied to a project at least: a short series takes some of the corpus, which ones the seed says.
const mutationsEach = 5

// oracle runs a series and prints its seed and what it came to. ORACLE_SEED takes another seed, ORACLE_PROJECT one project of it.
func oracle(t *testing.T, seed uint64, applied, plans int) {
	r := &series{t: t, seed: seed, plans: plans, workers: 4, counts: map[string]int{}}
	if given := os.Getenv("ORACLE_SEED"); given != "" {
		var err error
		if r.seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	t.Logf("ORACLE_SEED=%d", r.seed)
	r.image = oracleImages(t)
	projects, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	all, err := oracleValues()
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(projects))
	pick := rand.New(rand.NewPCG(r.seed, 0)) //nolint:gosec // repeatable
	pick.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:min(len(names), (applied+mutationsEach-1)/mutationsEach)]
	each := (applied + len(names) - 1) / len(names)
	var workers sync.WaitGroup
	next := make(chan int)
	for range r.workers {
		workers.Go(func() {
			for i := range next {
				if r.hopeless() {
					continue
				}
				m := &mutator{random: rand.New(rand.NewPCG(r.seed, uint64(i+1))), values: all} //nolint:gosec // repeatable
				r.project(names[i], projects[names[i]], m, each)
				t.Logf("%s: done; until now, after %s:\n%s", names[i], time.Since(start).Round(time.Second), r.table())
			}
		})
	}
	for i := range names {
		if only := os.Getenv("ORACLE_PROJECT"); only == "" || only == names[i] {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	t.Logf("%d projects of the corpus, seed %d, in %s:\n%s", len(names), r.seed, time.Since(start).Round(time.Second), r.table())
}

// table is what has been counted, a line each.
func (r *series) table() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(r.counts)) {
		lines = append(lines, fmt.Sprintf("%6d %s", r.counts[what], what))
	}
	return strings.Join(lines, "\n")
}

// project takes one project of the corpus through its mutations.
func (r *series) project(name string, first scene, m *mutator, each int) {
	s, err := r.fresh(first)
	if err != nil {
		r.fail(name, step{after: first}, "the first deployment", err)
		return
	}
	defer func() { s.remove(r.t) }()
	now := first
	for range each {
		if r.hopeless() {
			return
		}
		for range r.plans {
			changed, what := m.next(now, false)
			if err := s.write(changed); err != nil {
				r.t.Errorf("%s: %v", name, err)
				return
			}
			_, err := s.compare()
			r.judge(name, now, changed, what, "plans compared", err)
		}
		changed, what := m.next(now, true)
		if err := s.write(changed); err != nil {
			r.t.Errorf("%s: %v", name, err)
			return
		}
		f, err := s.compare()
		if !r.judge(name, now, changed, what, "plans compared", err) {
			continue
		}
		if f.refused {
			r.count("plans refused without -prune, applied with it", 1)
		}
		preflight := m.random.IntN(5) == 0
		err = s.apply(f, preflight)
		if r.judge(name, now, changed, what, "mutations applied", err) {
			now = changed
			now.Drift = ""
			continue
		}
		var refused *refusal
		if errors.As(err, &refused) && preflight {
			continue // nothing was touched
		}
		s.remove(r.t) // it is in nobody's state
		if s, err = r.fresh(now); err != nil {
			r.t.Errorf("%s: deploy what was deployed before: %v", name, err)
			return
		}
	}
}

// fresh is a project with a scene deployed.
func (r *series) fresh(first scene) (*subject, error) {
	s, err := newSubject(r.t, r.image)
	if err != nil {
		return nil, err
	}
	if err = s.write(first); err == nil {
		var f foreseen
		if f, err = s.compare(); err == nil {
			err = s.apply(f, false)
		}
	}
	if err != nil {
		s.remove(r.t)
		return nil, err
	}
	r.count("projects deployed", 1)
	return s, nil
}

// hopeless tells whether so much has failed that more of it says nothing new.
func (r *series) hopeless() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures > 20
}

// judge counts what came of a step, and reports a disagreement. It tells whether all is well.
func (r *series) judge(name string, before, after scene, what, counted string, err error) bool {
	var compose *composeRefuses
	var refused *refusal
	switch {
	case err == nil:
		r.count(counted, 1)
		return true
	case errors.As(err, &compose):
		r.count("mutations that Compose refuses", 1)
		r.t.Logf("%s: %s: %v", name, what, err)
	case errors.As(err, &refused):
		r.count("mutations that Slipway refuses by a listed refusal", 1)
		r.t.Logf("%s: %s: %v", name, what, err)
	default:
		r.count("disagreements", 1)
		r.fail(name, step{before, after}, what, err)
	}
	return false
}
