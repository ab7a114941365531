package datadir

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// Upgrade is the way of a PostgreSQL from a volume that its container has to the one that the files give it in its place, with a server
// of a newer major version.
type Upgrade struct {
	Old    compose.Container // whose server has the data
	Was    Data
	From   string // what has the data, in words
	Server Server // that of the files
	Target string // where the files mount what gets it
	To     string // what that is, in words
}

func (u Upgrade) String() string {
	return fmt.Sprintf("PostgreSQL %s to %s", u.Was.Version, u.Server.Version)
}

// NoUpgradeError is why there is no upgrade for a service.
type NoUpgradeError string

func (e NoUpgradeError) Error() string { return string(e) }

// Reasons that somebody decides on.
const (
	ErrUpgraded  NoUpgradeError = "its data is of that version already"
	ErrSamePlace NoUpgradeError = "the files give the new version the place of the old one: give it a new volume, under another name; the old one stays as it is"
)

// Upgrade is that of a service, to the server of the image that the files name.
func (w World) Upgrade(ctx context.Context, name string) (Upgrade, error) {
	s, has := w.Model.Services[name]
	image, here := w.Images[s.Image]
	switch {
	case !has || s.Job:
		return Upgrade{}, NoUpgradeError(fmt.Sprintf("the compose files have no service %q", name))
	case !here:
		return Upgrade{}, NoUpgradeError(fmt.Sprintf("image %s is not here", s.Image))
	}
	env := environment(s, image)
	server, known := serverOf(env)
	if !known {
		var err error
		if server, known, err = w.ask(ctx, s.Image, PostgreSQL, env); err != nil {
			return Upgrade{}, err
		}
	}
	if !known || server.Product != PostgreSQL || server.Home == "" {
		return Upgrade{}, NoUpgradeError(fmt.Sprintf("image %s is no PostgreSQL that says where its data is (PGDATA); other servers upgrade their data themselves when they start", s.Image))
	}
	return w.upgrade(ctx, s, server)
}

func (w World) upgrade(ctx context.Context, s compose.Service, server Server) (Upgrade, error) {
	u := Upgrade{Server: server}
	at := slices.IndexFunc(s.Writes(), func(v types.ServiceVolumeConfig) bool { _, inside := within(v.Target, server.Home); return inside })
	if at < 0 {
		return u, NoUpgradeError(fmt.Sprintf("no volume of the service holds %s, where the new version has its data", server.Home))
	}
	to := s.Writes()[at]
	u.Target, u.To = to.Target, w.Place(to)
	for _, c := range w.Containers {
		if c.Service != s.Name || c.OneOff {
			continue
		}
		for _, m := range c.Mounts {
			found, err := heldBy(ctx, c, m)
			if err != nil {
				return u, err
			}
			if len(found) == 0 {
				continue
			}
			u.Old, u.Was, u.From = c, found[0], "volume "+m.Name
			if m.Type == "bind" {
				u.From = "folder " + m.Source
			}
			switch {
			case u.Was.Version.Major == server.Version.Major:
				return u, ErrUpgraded
			case u.Was.Version.Major > server.Version.Major:
				return u, NoUpgradeError(fmt.Sprintf("%s has %s, and image %s is the older %s", u.From, u.Was, s.Image, server))
			case w.Has(m, to):
				return u, ErrSamePlace
			}
			return u, w.free(ctx, to)
		}
	}
	return u, NoUpgradeError(fmt.Sprintf("service %s has no container with data of PostgreSQL: deploy it as it was before the change", s.Name))
}

// free says who else has a volume that an upgrade is to fill.
func (w World) free(ctx context.Context, v types.ServiceVolumeConfig) error {
	if v.Type == types.VolumeTypeBind {
		return nil
	}
	holders, err := compose.Mounting(ctx, w.Model.Volumes[v.Source].Name)
	for _, c := range holders {
		if c.Status == "running" && c.Name != Filler(w.Model.Name) {
			return NoUpgradeError(fmt.Sprintf("container %s runs with %s, which is to be new", c.Name, w.Place(v)))
		}
	}
	return err
}

// Filler is the name of the container in which deploy.sh fills the new volume.
func Filler(project string) string { return project + "-upgrade" }

// heldBy is the data of PostgreSQL in what a container can write to.
func heldBy(ctx context.Context, c compose.Container, m compose.Mount) ([]Data, error) {
	if !m.Write {
		return nil, nil
	}
	is, err := compose.IsFolder(ctx, c.ID, m.Target)
	if err != nil || !is {
		return nil, err
	}
	return postgresIn(ctx, through(c, m), "")
}

// through reads files of a mount through the container that has it.
func through(c compose.Container, m compose.Mount) read {
	return func(ctx context.Context, name string) ([]byte, error) {
		return compose.Head(ctx, c.ID, path.Join(m.Target, name), enough)
	}
}
