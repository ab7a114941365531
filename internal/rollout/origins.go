package rollout

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// Origins remembers from which target each container was created. The engine cannot tell: a container
// created before a mounted file changed looks like one created after.
//
// It is not a checkpoint. When it is lost, nothing is known of the containers that are there, and the
// next rollout that has a cause replaces them once more than needed.
type Origins struct {
	dir   string
	write func(path string, data []byte, perm fs.FileMode) error
}

// OpenOrigins uses a directory inside the state directory, which the first record makes. Only the holder of the deployment's
// lock may write there.
func OpenOrigins(dir string) *Origins {
	return &Origins{dir: dir, write: checkpoints.WriteFile}
}

// origin is what is known of one service's containers.
type origin struct {
	// Containers that were there when the record was written, and the mark of the target each was
	// created from; empty when it is not known.
	Containers map[string]string `json:"containers"`
	// Next is the mark of the target being rolled out: of every container that is not in the list.
	// Empty when no rollout is going on.
	Next string `json:"next,omitempty"`
	// Mark is that of the last rollout that ended well, and Likes are what its containers are known by: one that was made by
	// hand since and is like them is as good.
	Mark  string   `json:"mark,omitempty"`
	Likes []string `json:"likes,omitempty"`
	// Ended says that they had all ended well when that rollout was over: they are one-shots, whatever else is said of them.
	Ended bool `json:"ended,omitempty"`
}

// of is the mark of a container, empty when it is not known.
func (o origin) of(c compose.Container) string {
	mark, listed := o.Containers[c.ID]
	switch {
	case listed:
		return mark
	case o.Next != "":
		return o.Next
	case slices.Contains(o.Likes, like(c)):
		return o.Mark
	}
	return ""
}

// open begins a rollout: what is there is listed, what comes is of the mark.
func (o origin) open(found []compose.Container, mark string) origin {
	next := origin{Containers: map[string]string{}, Next: mark, Mark: o.Mark, Likes: o.Likes, Ended: o.Ended}
	for _, c := range found {
		next.Containers[c.ID] = o.of(c)
	}
	return next
}

// close ends a rollout to a mark: every container is listed, a later one is somebody else's. whole says that Compose's hash and
// the image are all that decides about a container: where it reads a file, what that held when it was made, nobody can tell.
func (o origin) close(found []compose.Container, mark string, whole bool) origin {
	done := o.open(found, "")
	done.Mark, done.Likes, done.Ended = mark, nil, len(found) > 0
	for _, c := range found {
		done.Ended = done.Ended && c.Status == "exited" && c.ExitCode == 0
		if whole && c.ConfigHash != "" && !slices.Contains(done.Likes, like(c)) {
			done.Likes = append(done.Likes, like(c))
		}
	}
	return done
}

// like is what containers of one definition and one image have in common.
func like(c compose.Container) string { return c.ConfigHash + " " + c.ImageID }

// whole reports whether none of a service's inputs is missing in Compose's hash of its definition.
func whole(service string, inputs []checkpoints.Input) bool {
	return !slices.ContainsFunc(inputs, func(input checkpoints.Input) bool {
		for _, kind := range []string{" file ", " config ", " secret "} {
			if strings.HasPrefix(input.Name, service+kind) {
				return true
			}
		}
		return false
	})
}

func (o *Origins) path(service string) string {
	return filepath.Join(o.dir, service+".json")
}

func (o *Origins) load(service string) (origin, error) {
	data, err := os.ReadFile(o.path(service))
	if errors.Is(err, fs.ErrNotExist) {
		return origin{}, nil
	}
	if err != nil {
		return origin{}, fmt.Errorf("read the origins of its containers: %w", err)
	}
	var past origin
	if err := json.Unmarshal(data, &past); err != nil {
		return origin{}, fmt.Errorf("read the origins of its containers: %s is damaged (remove it: they are replaced once more): %w",
			o.path(service), err)
	}
	return past, nil
}

func (o *Origins) save(service string, past origin) error {
	data, err := json.MarshalIndent(past, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the origins of its containers: %w", err)
	}
	if err := o.keep(o.path(service), append(data, '\n')); err != nil {
		return fmt.Errorf("write the origins of its containers: %w", err)
	}
	return nil
}

func (o *Origins) keep(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return o.write(path, data, 0o600)
}

// mark tells a container from another one: by all inputs but the scale, and the containers it hangs on. The
// digest is keyed, so that a short secret among the inputs cannot be guessed.
func (o *Origins) mark(service string, inputs []checkpoints.Input, followed map[string]string) (string, error) {
	key, err := o.key()
	if errors.Is(err, fs.ErrNotExist) { // nothing is known of any container yet
		err = nil
	}
	if err != nil {
		return "", err
	}
	digest := hmac.New(sha256.New, key)
	for _, input := range inputs {
		if input.Name != scaleInput(service) {
			_, _ = fmt.Fprintf(digest, "%q %q\n", input.Name, input.Digest) // a hash takes every write
		}
	}
	return marked(hex.EncodeToString(digest.Sum(nil)), followed), nil
}

func (o *Origins) key() ([]byte, error) {
	path := filepath.Join(o.dir, "key")
	key, err := os.ReadFile(path) //nolint:gosec // inside the state directory
	if err == nil && len(key) != sha256.Size {
		err = fmt.Errorf("%s is damaged (remove it: containers are replaced once more)", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of container origins: %w", err)
	}
	return key, nil
}

// Begin makes the key of a rollout that is the first one. Service and StartAll begin with it; who calls several of them at once, calls
// it beforehand.
func (o *Origins) Begin() error {
	if _, err := o.key(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	if err := o.keep(filepath.Join(o.dir, "key"), key); err != nil {
		return fmt.Errorf("write the key of container origins: %w", err)
	}
	return nil
}
