package checkpoints_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slipway/checkpoints"
)

// A step runs, is skipped while nothing changes, and runs again when one of its
// inputs does.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for _, source := range []string{"package main", "package main", "package main // changed"} {
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
			fmt.Println(err)
		}
		if err := deploy(context.Background(), dir); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// run: never run
	// skip: unchanged
	// run: main.go changed
}

func deploy(ctx context.Context, dir string) (err error) {
	store, err := checkpoints.Open(filepath.Join(dir, "state"), "freshtrack")
	if err != nil {
		return err
	}
	lock, err := store.Lock(ctx, checkpoints.Holder{Target: "deploy"}, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	run, err := store.Begin(lock, "deploy")
	if err != nil {
		return err
	}
	decision, err := store.Do(ctx, lock, run, checkpoints.Step{
		Name:   "build",
		Inputs: func(context.Context) ([]checkpoints.Input, error) { return checkpoints.Glob(dir, "*.go") },
		Run:    func(context.Context) (string, error) { return "1 image", nil },
	})
	if decision.Run {
		fmt.Println("run:", decision.Cause)
	} else {
		fmt.Println("skip:", decision.Cause)
	}
	return errors.Join(err, run.End(err))
}
