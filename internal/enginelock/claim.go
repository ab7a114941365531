package enginelock

import (
	"context"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// claim is what a holder writes on the lock: who it is, and by what others can see that it has ended. scripts/lib/lock.sh
// writes and reads the same.
type claim struct {
	checkpoints.Holder
	// Directory is the state directory whose lock the holder has, too: whoever has that one now knows that the holder has ended.
	Directory string `json:"directory"`
	// Boot and Inode are where the kernel lists that lock for as long as a process has it: the boot of the kernel and the
	// inode of the lock's file. Empty where it does not.
	Boot  string `json:"boot,omitempty"`
	Inode string `json:"inode,omitempty"`
	// Container and Life are the container of this engine that the holder is in: when that has ended, so has the holder.
	Container string `json:"container,omitempty"`
	Life      string `json:"life,omitempty"`
}

// claimOf is the claim of whoever holds the lock of a state directory.
func claimOf(ctx context.Context, lock *checkpoints.Lock) (claim, error) {
	id, err := lock.Identity()
	if err != nil {
		return claim{}, err
	}
	c := claim{Holder: lock.Holder(), Directory: id.Directory}
	seen, err := flocked(id.Inode)
	if err != nil {
		return claim{}, err
	}
	if seen {
		c.Boot, c.Inode = bootID(), id.Inode
	}
	if own := ownContainer(); own != "" {
		if c.Life, err = compose.Life(ctx, own); err != nil {
			return claim{}, err
		}
		if c.Life != "" { // else it is one of another engine
			c.Container = own
		}
	}
	return c, nil
}

// state is what can be said of a holder from here.
type state int

const (
	unknown state = iota
	running
	ended
)

// state is that of the holder who made the claim, for whoever holds the lock of a state directory.
func (c claim) state(ctx context.Context, directory string) (state, error) {
	if c.Directory == directory {
		return ended, nil
	}
	if c.Boot != "" && c.Boot == bootID() && seesAllProcesses() {
		held, err := flocked(c.Inode)
		if err != nil {
			return unknown, err
		}
		if held {
			return running, nil
		}
		return ended, nil
	}
	if c.Container != "" {
		life, err := compose.Life(ctx, c.Container)
		if err == nil && life != c.Life {
			return ended, nil
		}
		return unknown, err
	}
	return unknown, nil
}
