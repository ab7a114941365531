package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
	"slipway/internal/regular"
)

// Problem is why a server could not go on with its data, and what to do about it.
type Problem struct {
	Service, Text, Remedy string

	Newer    bool // it is a PostgreSQL that an upgrade would take along
	NewPlace bool // and the files name a new place for it
}

// World is what a look begins with.
type World struct {
	Model      *compose.Model
	Containers []compose.Container
	Images     map[string]compose.Image // by reference; those that are still to be pulled or built are not in it

	// Version asks a program of an image for its version; the answer is empty where the image has no such program. It is nil where
	// nothing may be started: then only what images say of themselves is known.
	Version func(ctx context.Context, image, program string) (string, error)
}

// Problems are the services that would get a server that cannot go on with their data, or two servers for the same. A service that runs from the very image and
// the very data that it is to have needs no look.
func Problems(ctx context.Context, w World) ([]Problem, error) {
	problems := w.crowded()
	for _, s := range w.Model.Up() {
		image, here := w.Images[s.Image]
		if !here || s.Replicas() == 0 {
			continue
		}
		for _, v := range s.Writes() {
			if w.settled(s, image, v) {
				continue
			}
			found, err := w.judge(ctx, s, image, v)
			if err != nil {
				return nil, fmt.Errorf("service %s: %w", s.Name, err)
			}
			if found.why != "" {
				problems = append(problems, Problem{
					Service: s.Name, Text: fmt.Sprintf("service %s: image %s %s", s.Name, s.Image, found.why), Remedy: found.remedy,
					Newer: found.newer, NewPlace: found.newPlace,
				})
			}
		}
	}
	return problems, nil
}

// settled reports whether a container of the service runs undisturbed from this image with this mount.
func (w World) settled(s compose.Service, image compose.Image, v types.ServiceVolumeConfig) bool {
	return slices.ContainsFunc(w.Containers, func(c compose.Container) bool {
		return c.Service == s.Name && !c.OneOff && c.ImageID == image.ID && c.Status == "running" && c.RestartCount == 0 &&
			slices.ContainsFunc(c.Mounts, func(m compose.Mount) bool { return m.Target == path.Clean(v.Target) && w.Has(m, v) })
	})
}

// Has reports whether a container's mount leads to what one of the files does.
func (w World) Has(m compose.Mount, v types.ServiceVolumeConfig) bool {
	if v.Type == types.VolumeTypeBind {
		return m.Type == "bind" && filepath.Clean(m.Source) == filepath.Clean(v.Source)
	}
	return m.Type == "volume" && m.Name == w.Model.Volumes[v.Source].Name
}

// judge looks into a mount for the data of the server that the image is. Where the image does not say which, the data decides what
// it is asked for.
func (w World) judge(ctx context.Context, s compose.Service, image compose.Image, v types.ServiceVolumeConfig) (verdict, error) {
	env := environment(s, image)
	server, known := serverOf(env)
	if !known && w.Version == nil {
		return verdict{}, nil
	}
	file, err := w.reader(ctx, v)
	if err != nil {
		return verdict{}, err
	}
	m := mount{words: w.Place(v), target: v.Target, apart: server.Home != "" && !covers(s, server.Home)}
	if m.found, err = w.find(ctx, file, server, v.Target); err != nil {
		return verdict{}, fmt.Errorf("look into %s: %w", m.words, err)
	}
	if !known && len(m.found) > 0 {
		if server, known, err = w.ask(ctx, s.Image, m.found[0].Product, env); err != nil {
			return verdict{}, err
		}
		m.apart = server.Home != "" && !covers(s, server.Home)
	}
	if !known {
		return verdict{}, nil
	}
	found := judge(server, m)
	if found.why == "" && server.Product == PostgreSQL && len(m.found) == 0 && !m.apart {
		return w.leftBehind(ctx, s, server)
	}
	return found, nil
}

// leftBehind is the verdict on a new place for a PostgreSQL whose data is in the old one, of a version that it cannot read.
func (w World) leftBehind(ctx context.Context, s compose.Service, server Server) (verdict, error) {
	u, err := w.upgrade(ctx, s, server)
	var none NoUpgradeError
	if errors.As(err, &none) {
		return verdict{}, nil
	}
	if err != nil {
		return verdict{}, err
	}
	return verdict{
		why:    fmt.Sprintf("is %s, and the data of container %s, in %s, is of PostgreSQL %s", server, u.Old.Name, u.From, u.Was.Version),
		remedy: "set the image back to PostgreSQL " + u.Was.Version.String(), newer: true, newPlace: true,
	}, nil
}

// environment is what a container of the service gets.
func environment(s compose.Service, image compose.Image) map[string]string {
	env := map[string]string{}
	for key, value := range image.Env {
		env[key] = value
	}
	for key, value := range s.Environment {
		if value != nil {
			env[key] = *value
		}
	}
	return env
}

// covers reports whether a mount of the service holds a place in its container.
func covers(s compose.Service, place string) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		_, inside := within(v.Target, place)
		return inside
	})
}

// find finds the data that concerns a server, or that of any where it is not known.
func (w World) find(ctx context.Context, file read, server Server, target string) ([]Data, error) {
	home := "" // in the mount
	if inside, is := within(target, server.Home); is {
		home = inside
	}
	var found []Data
	for _, kind := range []struct {
		products []Product
		find     func() ([]Data, error)
	}{
		{[]Product{PostgreSQL, ""}, func() ([]Data, error) { return postgresIn(ctx, file, home) }},
		{[]Product{MariaDB, MySQL, ""}, func() ([]Data, error) { return mysqlIn(ctx, file) }},
		{[]Product{Redis, Valkey, ""}, func() ([]Data, error) { return redisIn(ctx, file) }},
	} {
		if len(found) > 0 || !slices.Contains(kind.products, server.Product) {
			continue
		}
		var err error
		if found, err = kind.find(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ask asks the programs of an image that would read such data which server they are.
func (w World) ask(ctx context.Context, image string, product Product, env map[string]string) (Server, bool, error) {
	for _, program := range programs[product] {
		said, err := w.Version(ctx, image, program)
		if err != nil {
			return Server{}, false, err
		}
		if server, ok := serverSaid(said, env); ok {
			return server, true, nil
		}
	}
	return Server{}, false, nil
}

// enough of a file to find a version in it.
const enough = 64 << 10

// reader reads files of what a mount leads to: through a container that has it, running or not, which takes no right but that to ask
// the engine; else where the engine has it, if that can be read from here. What cannot be read holds nothing.
func (w World) reader(ctx context.Context, v types.ServiceVolumeConfig) (read, error) {
	holders, folder := w.Containers, v.Source
	if v.Type == types.VolumeTypeVolume {
		name := w.Model.Volumes[v.Source].Name
		others, err := compose.Mounting(ctx, name)
		if err != nil {
			return nil, err
		}
		there, err := compose.Volumes(ctx, name)
		if err != nil {
			return nil, err
		}
		holders, folder = slices.Concat(holders, others), there[name].Mountpoint
	}
	for _, c := range holders {
		at := slices.IndexFunc(c.Mounts, func(m compose.Mount) bool { return w.Has(m, v) })
		if at < 0 {
			continue
		}
		is, err := compose.IsFolder(ctx, c.ID, c.Mounts[at].Target)
		if err != nil || !is {
			return nothing, err
		}
		return through(c, c.Mounts[at]), nil
	}
	if folder == "" {
		return nothing, nil
	}
	return func(_ context.Context, name string) ([]byte, error) {
		file, err := regular.Open(filepath.Join(folder, name))
		if err != nil {
			return nil, fs.ErrNotExist
		}
		defer func() { _ = file.Close() }()
		return io.ReadAll(io.LimitReader(file, enough))
	}, nil
}

// nothing is how a place is read where there is nothing.
func nothing(context.Context, string) ([]byte, error) { return nil, fs.ErrNotExist }

// Place is what a mount of the files leads to, in words.
func (w World) Place(v types.ServiceVolumeConfig) string {
	if v.Type == types.VolumeTypeBind {
		return "folder " + v.Source
	}
	return "volume " + w.Model.Volumes[v.Source].Name
}
