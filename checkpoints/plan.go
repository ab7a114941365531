package checkpoints

import (
	"context"
	"fmt"
	"slices"
)

// Plan tells for each step, in order, whether it would run and why. It changes
// nothing and needs no lock. A step that follows one that would run, runs too;
// its inputs may not exist yet, and that is no error then.
func (s *Store) Plan(ctx context.Context, steps []Step) ([]Decision, error) {
	look := &look{store: s, records: map[string]found{}, planned: map[string]bool{}}
	decisions := make([]Decision, 0, len(steps))
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		if _, twice := look.planned[step.Name]; twice {
			return nil, fmt.Errorf("plan: step %s is declared twice", step.Name)
		}
		verdict, err := look.decide(ctx, step)
		if err != nil {
			return nil, err
		}
		look.planned[step.Name] = verdict.Run
		decisions = append(decisions, verdict.Decision)
	}
	return decisions, nil
}

// look is what is known of the store while steps are decided.
type look struct {
	store   *Store
	records map[string]found
	// planned holds the steps that were decided before: true = would run.
	planned map[string]bool
	// holder is who holds the lock, once that had to be known.
	holder *Holder
}

type found struct {
	record Record
	exists bool
}

// verdict is a decision and what the record of the step will hold.
type verdict struct {
	Decision
	inputs map[string]string
	after  map[string]string
	// outcomes is set if some of the inputs are to be read again after the work.
	outcomes bool
}

// decide settles whether a step runs. Plan and Do both ask it, and nobody else
// decides anything.
func (l *look) decide(ctx context.Context, step Step) (verdict, error) {
	v := verdict{Decision: Decision{Step: step.Name, State: Pending}}
	was, err := l.record(step.Name)
	if err != nil {
		return v, err
	}
	if was.exists {
		v.Result = was.record.Result
		if v.State, err = l.state(was.record); err != nil {
			return v, fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	if step.Skip != nil {
		reason, err := step.Skip(ctx)
		if err != nil {
			return v, fmt.Errorf("%s: %w", step.Name, err)
		}
		if reason != "" {
			v.Cause = reason
			return v, nil
		}
	}
	predecessor, err := l.predecessors(step, was, &v)
	if err != nil {
		return v, err
	}
	if err := l.inputs(ctx, step, &v); err != nil && !l.anyPlanned(step.After) {
		return v, fmt.Errorf("%s: %w", step.Name, err)
	}
	v.Run = true
	switch {
	case v.State == Pending:
		v.Cause = "never run"
	case v.State == Running:
		v.Cause = "running now"
	case v.State == Interrupted:
		v.Cause = "interrupted"
	case v.State == Failed:
		v.Cause = "failed before"
	case predecessor != "":
		v.Cause = predecessor
	default:
		v.Cause = changed(was.record.Inputs, v.inputs)
	}
	if v.Cause == "" && step.Holds != nil {
		if v.Cause, err = step.Holds(ctx); err != nil {
			return v, fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	switch {
	case v.Cause == "":
		v.Run, v.Cause = false, "unchanged"
	case v.State == Done:
		v.State = Stale
	}
	return v, nil
}

// record reads each record once: a thousand steps that follow each other are
// a thousand reads.
func (l *look) record(step string) (found, error) {
	if known, ok := l.records[step]; ok {
		return known, nil
	}
	record, exists, err := l.store.Record(step)
	if err != nil {
		return found{}, err
	}
	l.records[step] = found{record, exists}
	return l.records[step], nil
}

// state tells running from interrupted: running is only what the run that
// holds the lock, or a script that it left behind, is busy with.
func (l *look) state(record Record) (State, error) {
	if record.State != Running {
		return record.State, nil
	}
	if own, busy := l.store.own(record); own {
		if busy {
			return Running, nil
		}
		return Interrupted, nil
	}
	if l.holder == nil {
		holder, _, err := l.store.Holder()
		if err != nil {
			return "", err
		}
		l.holder = &holder
	}
	if l.holder.Run != "" && l.holder.Run == record.Run {
		return Running, nil
	}
	return Interrupted, nil
}

// own tells whether a record is of the run of this very process, and whether
// its step is at work.
func (s *Store) own(record Record) (own, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run == record.Run, s.busy[record.Step]
}

// predecessors notes the nonces that the step would follow, and returns the
// first cause that comes from one: it runs before, or it has run since. Of one
// that the step has only begun to follow, this run alone counts.
func (l *look) predecessors(step Step, was found, v *verdict) (cause string, err error) {
	v.after = make(map[string]string, len(step.After))
	for _, name := range step.After {
		before, err := l.record(name)
		if err != nil {
			return "", err
		}
		v.after[name] = before.record.Nonce
		nonce, follows := was.record.After[name]
		now, _ := l.store.own(before.record)
		switch {
		case cause != "":
		case l.planned[name]:
			cause = name + " runs first"
		case follows && nonce != before.record.Nonce, !follows && now && before.record.Run != was.record.Run:
			cause = name + " ran again"
		}
	}
	return cause, nil
}

func (l *look) anyPlanned(names []string) bool {
	for _, name := range names {
		if l.planned[name] {
			return true
		}
	}
	return false
}

func (l *look) inputs(ctx context.Context, step Step, v *verdict) error {
	var inputs []Input
	if step.Inputs != nil {
		var err error
		if inputs, err = step.Inputs(ctx); err != nil {
			return err
		}
	}
	v.outcomes = slices.ContainsFunc(inputs, func(input Input) bool { return input.Outcome })
	var err error
	v.inputs, err = fingerprints(l.store.key, inputs)
	return err
}
