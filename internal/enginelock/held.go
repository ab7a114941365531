package enginelock

import (
	"context"

	"slipway/checkpoints"
)

// HeldError says that somebody else holds the project's lock on the engine.
type HeldError struct {
	Holder checkpoints.Holder
	Seen   bool // it is seen from here that the holder still runs
	id     string
	tried  bool // both have only tried
}

// Error names the holder.
func (e *HeldError) Error() string {
	return "another deployment holds the lock on the engine: " + e.Holder.String()
}

// Unwrap is the same as any lock that is held.
func (e *HeldError) Unwrap() error { return &checkpoints.HeldError{Holder: e.Holder} }

// Hints say how to end a lock whose holder cannot be looked at from here.
func (e *HeldError) Hints() []string {
	if e.Seen {
		return nil
	}
	return []string{"from here nobody can tell whether it still runs: look where it was started; only once it has ended: " + e.Remedy()}
}

// Remedy is the command that ends the lock.
func (e *HeldError) Remedy() string { return "docker network rm " + e.id }

// Look tells who holds the project's lock on the engine, without taking it; nil if nobody. For whoever looks from a state
// directory whose lock is free.
func Look(ctx context.Context, project string, store *checkpoints.Store) (*HeldError, error) {
	id, err := store.Identity()
	if err != nil {
		return nil, err
	}
	return other(ctx, project, id.Directory, "", func(context.Context, string) error { return nil })
}
