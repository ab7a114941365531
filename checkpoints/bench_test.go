package checkpoints

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// BenchmarkStep is what a checkpoint costs a step that runs: two records and
// two events, each record fsynced with its directory.
func BenchmarkStep(b *testing.B) {
	store, lock, run := begin(b)
	n := 0
	step := Step{
		Name:   "build",
		Inputs: func(context.Context) ([]Input, error) { n++; return []Input{Value("n", fmt.Sprint(n))}, nil },
		Run:    func(context.Context) (string, error) { return "", nil },
	}
	for b.Loop() {
		if decision, err := store.Do(b.Context(), lock, run, step); err != nil || !decision.Run {
			b.Fatalf("Do = %+v, %v", decision, err)
		}
	}
}

// BenchmarkPlanThousandDone plans a chain of a thousand steps, all done.
func BenchmarkPlanThousandDone(b *testing.B) {
	store := open(b)
	print, err := fingerprints(store.key, []Input{Value("a", "1")})
	if err != nil {
		b.Fatal(err)
	}
	var steps []Step
	for i := range 1000 {
		step := Step{
			Name:   fmt.Sprintf("step-%04d", i),
			Inputs: func(context.Context) ([]Input, error) { return []Input{Value("a", "1")}, nil },
		}
		record := sample(store)
		record.Step, record.Inputs, record.After, record.Error = step.Name, print, nil, nil
		if i > 0 {
			step.After = []string{steps[i-1].Name}
			record.After = map[string]string{steps[i-1].Name: record.Nonce}
		}
		steps = append(steps, step)
		data, err := encodeRecord(record)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(store.recordPath(step.Name), data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		plan, err := store.Plan(b.Context(), steps)
		if err != nil || plan[999].Run {
			b.Fatalf("Plan = %+v, %v", plan, err)
		}
	}
}
