package preflight

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/user"

	"slipway/internal/compose"
)

// Inside looks into an image: what is at a path, where a link leads, and what a file begins with; fs.ErrNotExist where nothing is.
type Inside struct {
	Entry func(ctx context.Context, path string) (compose.Entry, error)
	Head  func(ctx context.Context, path string, limit int64) ([]byte, error)
}

// Misfits are what a service asks of its image and the image has not: the user whom it runs as, and the program that it runs. The
// engine says so only when it starts a container. What cannot be told for certain is no misfit.
func Misfits(ctx context.Context, s compose.Service, image compose.Image, inside Inside) ([]Problem, error) {
	if image.Platform.OS != "" && image.Platform.OS != "linux" {
		return nil, nil
	}
	l := look{service: s, image: image, inside: inside, mounts: append(mounted(s), image.Volumes...)}
	var problems []Problem
	for _, find := range []func(context.Context) (*Problem, error){l.user, l.program} {
		problem, err := find(ctx)
		if err != nil {
			return nil, fmt.Errorf("service %q: image %s: %w", s.Name, s.Image, err)
		}
		if problem != nil {
			problems = append(problems, *problem)
		}
	}
	return problems, nil
}

// look is one at what a service asks of its image.
type look struct {
	service compose.Service
	image   compose.Image
	inside  Inside
	mounts  []string // where its containers have something else than the image
}

// mounted are the paths in a service's containers at which something is put that is not the image's.
func mounted(s compose.Service) []string {
	var paths []string
	for _, v := range s.Volumes {
		paths = append(paths, v.Target)
	}
	for _, entry := range s.Tmpfs {
		target, _, _ := strings.Cut(entry, ":")
		paths = append(paths, target)
	}
	for _, c := range s.Configs {
		paths = append(paths, path.Join("/", cmp.Or(c.Target, c.Source)))
	}
	for _, c := range s.Secrets {
		target := cmp.Or(c.Target, c.Source)
		paths = append(paths, path.Join("/run/secrets", target), path.Join("/", target)) // a path that begins at the root stays
	}
	for _, d := range s.Devices {
		paths = append(paths, d.Target)
	}
	return paths
}

// covered reports whether something that is not the image's is at a path, or above it.
func (l look) covered(name string) bool {
	return slices.ContainsFunc(l.mounts, func(mount string) bool {
		mount = path.Clean(mount)
		return mount == "/" || mount != "." && (name == mount || strings.HasPrefix(name, mount+"/"))
	})
}

// user finds a user or group that has a name only, which the image does not know. The engine reads its files with the same package.
func (l look) user(ctx context.Context) (*Problem, error) {
	wanted := l.service.User
	if wanted == "" {
		wanted = l.image.User
	}
	if wanted == "" && len(l.service.GroupAdd) == 0 {
		return nil, nil
	}
	const limit = 1 << 20
	var files [2][]byte
	for i, name := range []string{"/etc/passwd", "/etc/group"} {
		head, err := l.inside.Head(ctx, name, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		}
		if len(head) == limit || l.covered(name) {
			return nil, nil // not all of it, or not what the container has
		}
		files[i] = head
	}
	_, err := user.GetExecUser(wanted, nil, bytes.NewReader(files[0]), bytes.NewReader(files[1]))
	if err == nil && len(l.service.GroupAdd) > 0 {
		_, err = user.GetAdditionalGroups(l.service.GroupAdd, bytes.NewReader(files[1]))
	}
	if err == nil {
		return nil, nil
	}
	return &Problem{
		fmt.Sprintf("service %s cannot run as it is to in image %s: %v", l.service.Name, l.service.Image, err),
		"give user and group_add names that the image has in /etc/passwd and /etc/group, or numbers, such as 1000:1000",
	}, nil
}
