// Package enginelock lets one deployment of a project at a time act on an engine, whoever starts it and from wherever: another
// user, another state directory, a container that has the engine's socket, another machine.
//
// A lock is a network on the engine that nothing can be in, labelled with the project and its holder. It is made for whoever
// already holds the kernel's lock of a state directory, which lives and ends with the holder's processes: that is how others
// can tell that a holder has ended. scripts/lib/lock.sh does the same for the scripts by hand.
package enginelock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// The labels of a lock: its project, and the claim of its holder.
const (
	projectLabel = "slipway.lock"
	claimLabel   = "slipway.holder"
)

// Lock is the right to change a project on an engine.
type Lock struct{ id string }

// Take takes the project's lock for whoever holds the lock of a state directory, or waits for it up to the given time.
// Somebody else's is a *HeldError; locks whose holders have ended are removed.
//
// No name decides: engines before version 25 make two networks of one name. Whoever finds no lock makes one and looks again:
// of two who did so at once, at least one sees the other's. Who sees one withdraws, and tries again after a while that is
// another one for each.
func Take(ctx context.Context, project string, lock *checkpoints.Lock, wait time.Duration) (*Lock, error) {
	mine, err := claimOf(ctx, lock)
	if err != nil {
		return nil, fmt.Errorf("lock the project on the engine: %w", err)
	}
	const patience = 30 * time.Second // with others who have only tried, as this one
	began, pause := time.Now(), 50*time.Millisecond
	for {
		id, held, err := try(ctx, project, mine)
		if err != nil {
			return nil, fmt.Errorf("lock the project on the engine: %w", err)
		}
		if held == nil {
			return &Lock{id}, nil
		}
		enough := wait
		if held.tried {
			enough = max(wait, patience)
		}
		if time.Since(began) >= enough {
			return nil, held
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock on the engine, held by %s: %w", held.Holder, ctx.Err())
		case <-time.After(pause/2 + mathrand.N(pause)): //nolint:gosec // keeps two that try out of step
		}
		pause = min(pause*2, time.Second)
	}
}

// try makes a lock and returns its id, unless there is another one.
func try(ctx context.Context, project string, mine claim) (string, *HeldError, error) {
	held, err := other(ctx, project, mine.Directory, "", compose.RemoveMarker)
	if err != nil || held != nil {
		return "", held, err
	}
	lock, err := create(ctx, project, mine)
	if err != nil {
		return "", nil, err
	}
	held, err = other(ctx, project, mine.Directory, lock.id, compose.RemoveMarker)
	if err == nil && held == nil {
		return lock.id, nil, nil
	}
	if held != nil {
		held.tried = true
	}
	return "", held, errors.Join(err, lock.Release(ctx))
}

// limit bounds what is asked of the engine. It is generous: on a busy machine each question takes seconds.
const limit = time.Minute

// acting is for what an interrupt must not cut short: it could leave a lock behind.
func acting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

func create(ctx context.Context, project string, mine claim) (*Lock, error) {
	ctx, cancel := acting(ctx)
	defer cancel()
	text, err := json.Marshal(mine)
	if err != nil {
		return nil, err
	}
	name := "slipway.lock." + project + "." + strings.ToLower(rand.Text()[:8])
	id, err := compose.MakeMarker(ctx, name, map[string]string{projectLabel: project, claimLabel: string(text)})
	return &Lock{id}, err
}

// Release gives the lock back.
func (l *Lock) Release(ctx context.Context) error {
	ctx, cancel := acting(ctx)
	defer cancel()
	return compose.RemoveMarker(ctx, l.id)
}

// other is a lock of the project but this one, whose holder has not ended. What becomes of the others, remove says.
func other(ctx context.Context, project, directory, but string, remove func(context.Context, string) error) (*HeldError, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	markers, err := compose.Markers(ctx, projectLabel+"="+project)
	if err != nil {
		return nil, err
	}
	for _, marker := range markers {
		if marker.ID == but {
			continue
		}
		var c claim
		_ = json.Unmarshal([]byte(marker.Labels[claimLabel]), &c) // what cannot be read is somebody's all the same
		found, err := c.state(ctx, directory)
		if err != nil {
			return nil, err
		}
		if found != ended {
			return &HeldError{Holder: c.Holder, Seen: found == running, id: marker.ID}, nil
		}
		if err := remove(ctx, marker.ID); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
