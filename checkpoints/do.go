package checkpoints

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Do brings one step to its outcome: it decides as Plan does, and skips the
// step, or records it running, runs it, and records it done or failed.
//
// An error of the work is returned behind the step's name. If ctx was cancelled
// meanwhile, the step stays recorded as running, which reads as interrupted,
// and the error wraps the context's.
func (s *Store) Do(ctx context.Context, lock *Lock, run *Run, step Step) (Decision, error) {
	if err := s.held(lock); err != nil {
		return Decision{Step: step.Name}, fmt.Errorf("%s: %w", step.Name, err)
	}
	if run == nil || run.store.dir != s.dir {
		return Decision{Step: step.Name}, fmt.Errorf("%s: no run has begun", step.Name)
	}
	if err := step.Check(); err != nil {
		return Decision{Step: step.Name}, err
	}
	look := &look{store: s, records: map[string]found{}}
	v, err := look.decide(ctx, step)
	if err != nil {
		return v.Decision, err
	}
	if err := ctx.Err(); err != nil {
		return v.Decision, fmt.Errorf("%s: %w", step.Name, err)
	}
	if !v.Run {
		return v.Decision, run.step("skip", v.Decision)
	}
	return s.carryOut(ctx, run, step, v)
}

func (s *Store) carryOut(ctx context.Context, run *Run, step Step, v verdict) (Decision, error) {
	record := Record{
		Version: recordVersion, Stack: s.stack, Step: step.Name, State: Running,
		Run: run.ID(), Key: s.keyName(), Inputs: v.inputs, After: v.after, Started: s.time(),
	}
	if err := run.step("run", v.Decision); err != nil {
		return v.Decision, err
	}
	if err := s.write(record); err != nil {
		return v.Decision, fmt.Errorf("%s: not begun, because that could not be recorded: %w", step.Name, err)
	}
	v.State, v.Result = Running, ""
	if step.Announce != nil {
		step.Announce(v.Decision)
	}
	result, err := s.work(ctx, step)
	if err != nil && ctx.Err() != nil {
		v.State = Interrupted
		return v.Decision, errors.Join(
			fmt.Errorf("%s: interrupted: %w: %w", step.Name, ctx.Err(), err),
			run.step("interrupted", v.Decision))
	}
	record.Finished = s.time()
	if err != nil {
		return s.fail(run, record, v.Decision, err)
	}
	if v.outcomes {
		if err := s.outcomes(ctx, step, record.Inputs); err != nil {
			return s.fail(run, record, v.Decision, fmt.Errorf("read what the step made: %w", err))
		}
	}
	record.State, record.Nonce, record.Result = Done, draw(16), s.clean(result)
	if err := s.write(record); err != nil {
		return v.Decision, fmt.Errorf("%s: the work was done, but that could not be recorded; it will be repeated: %w", step.Name, err)
	}
	v.State, v.Result = Done, record.Result
	return v.Decision, run.step("done", v.Decision)
}

// outcomes puts the inputs that the work itself makes into the record as they
// are after it. All others stay as they were before: what changed meanwhile is
// a change.
func (s *Store) outcomes(ctx context.Context, step Step, recorded map[string]string) error {
	inputs, err := step.Inputs(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	made := slices.DeleteFunc(inputs, func(input Input) bool { return !input.Outcome })
	after, err := fingerprints(s.key, made)
	if err != nil {
		return err
	}
	maps.Copy(recorded, after)
	return nil
}

// work runs the step, and remembers meanwhile that it is not interrupted.
func (s *Store) work(ctx context.Context, step Step) (string, error) {
	s.setBusy(step.Name, true)
	defer s.setBusy(step.Name, false)
	return step.Run(ctx)
}

func (s *Store) setBusy(step string, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[step] = busy
}

func (s *Store) fail(run *Run, record Record, d Decision, err error) (Decision, error) {
	record.State = Failed
	record.Error = FaultOf(err, record.Finished)
	record.Error.Message = s.clean(record.Error.Message)
	d.State = Failed
	err = fmt.Errorf("%s: %w", record.Step, err)
	if recording := s.write(record); recording != nil {
		return d, errors.Join(err, fmt.Errorf("%s: the failure could not be recorded: %w", record.Step, recording))
	}
	return d, errors.Join(err, run.Event("failed", map[string]any{"step": record.Step, "error": record.Error}))
}

// draw returns n random bytes in hex.
func draw(n int) string {
	bytes := make([]byte, n)
	// crypto/rand.Read never fails: it ends the program instead.
	_, _ = rand.Read(bytes)
	return hex.EncodeToString(bytes)
}
