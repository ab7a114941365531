// Package preflight looks, before anything is touched, at all that the last step of a deployment needs. It changes nothing.
package preflight

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/volume"
	"golang.org/x/sync/errgroup"

	"slipway/internal/compose"
	"slipway/internal/rollout"
)

// Problem is why a deployment would fail or harm, and what to do about it.
type Problem struct{ Text, Remedy string }

// World is what the engine has that a stack needs.
type World struct {
	rollout.World
	Images  map[string]compose.Image  // by reference
	Volumes map[string]volume.Volume  // by name
	Holders map[string]string         // container_name -> project of the container that has it, "" for one of no project
	Subnets map[string][]netip.Prefix // of all networks, by name
	Drivers []string                  // of networks that the engine has
}

// Look asks the engine what a stack needs, all at once. made is what the last rollout recorded.
func Look(ctx context.Context, project compose.Project, model *compose.Model, made rollout.Made) (World, error) {
	var volumes, images, names []string
	for _, v := range model.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, s := range model.Services {
		images = append(images, s.Images()...)
		if s.ContainerName != "" {
			names = append(names, s.ContainerName)
		}
	}
	slices.Sort(images)
	images = slices.Compact(images)
	w := World{World: rollout.World{Made: made}}
	asking, ctx := errgroup.WithContext(ctx)
	asking.Go(func() (err error) { w.Containers, err = project.Containers(ctx); return err })
	asking.Go(func() (err error) { w.Networks, err = project.Networks(ctx, model); return err })
	asking.Go(func() (err error) { w.Volumes, err = compose.Volumes(ctx, volumes...); return err })
	asking.Go(func() (err error) { w.Images, err = compose.Images(ctx, images...); return err })
	asking.Go(func() (err error) { w.Holders, err = compose.ProjectsOf(ctx, names...); return err })
	asking.Go(func() (err error) { w.Subnets, err = compose.Subnets(ctx); return err })
	return w, asking.Wait()
}

// Problems looks at the world and says what stands against a deployment of the stack, but for the files of secrets and
// configs: before the first configuration they are still to come. The world is empty where the files alone are at fault.
func Problems(ctx context.Context, project compose.Project, model *compose.Model, made rollout.Made, drivers []string, prune bool) (World, []Problem, error) {
	if faults := Faults(model); len(faults) > 0 {
		return World{}, faults, nil
	}
	world, err := Look(ctx, project, model, made)
	if err != nil {
		return world, nil, err
	}
	world.Drivers = drivers
	return world, Stack(model, world, prune), nil
}

// Stack are the problems that a stack has in a world.
func Stack(model *compose.Model, w World, prune bool) []Problem {
	problems := external(model, w)
	problems = append(problems, files(model)...)
	problems = append(problems, taken(model, w)...)
	problems = append(problems, volumes(model, w)...)
	problems = append(problems, images(model, w)...)
	problems = append(problems, networks(model, w)...)
	_, conflicts := rollout.Arrange(model, w.World, prune)
	for _, c := range append(conflicts, rollout.Moved(model, w.Containers, w.Volumes)...) {
		problems = append(problems, Problem{c.Text, c.Remedy})
	}
	for _, s := range model.Up() {
		if _, err := rollout.Choose(s, w.Containers); err != nil {
			problems = append(problems, Problem{fmt.Sprintf("service %s: %v", s.Name, err), "correct the compose file"})
		}
	}
	return problems
}

// external are the networks and volumes that are to be there already.
func external(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(model.Networks)) {
		n := model.Networks[key]
		if _, has := w.Networks[n.Name]; bool(n.External) && !has {
			problems = append(problems, Problem{fmt.Sprintf("external network %s is not there", n.Name), "docker network create " + n.Name})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(model.Volumes)) {
		v := model.Volumes[key]
		if _, has := w.Volumes[v.Name]; bool(v.External) && !has {
			problems = append(problems, Problem{fmt.Sprintf("external volume %s is not there", v.Name), "docker volume create " + v.Name})
		}
	}
	return problems
}

// files are those that a container or a build needs of this machine and that are not there. The engine would make a folder in
// the place of a file.
func files(model *compose.Model) []Problem {
	var problems []Problem
	missing := func(what, where, remedy string) { problems = append(problems, missing(what, where, remedy)...) }
	for _, s := range sorted(model) {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind || filepath.Clean(v.Source) == "/" {
				continue
			}
			if v.ReadOnly && model.Holds(v.Source) || looksLikeAFile(v.Source) || v.Bind != nil && !bool(v.Bind.CreateHostPath) {
				missing("service "+s.Name+" mounts", v.Source, "restore it, or, if it is to be an empty folder: mkdir -p "+v.Source)
			}
		}
		if b := s.Build; b != nil && filepath.IsAbs(b.Context) {
			missing("service "+s.Name+" is built in", b.Context, "restore it, or correct build.context")
			if b.DockerfileInline == "" && isDir(b.Context) {
				missing("service "+s.Name+" is built with", dockerfile(b), "restore it, or correct build.dockerfile")
			}
		}
	}
	return slices.Compact(problems)
}

// Written are the files of secrets and configs that are not there.
func Written(model *compose.Model) []Problem {
	var problems []Problem
	for _, s := range sorted(model) {
		for _, ref := range s.Secrets {
			if file := model.Secrets[ref.Source].File; file != "" {
				problems = append(problems, missing("secret "+ref.Source+" is in", file, "write it, mode 0600")...)
			}
		}
		for _, ref := range s.Configs {
			if file := model.Configs[ref.Source].File; file != "" {
				problems = append(problems, missing("config "+ref.Source+" is in", file, "restore it")...)
			}
		}
	}
	return slices.Compact(problems)
}

func missing(what, where, remedy string) []Problem {
	if _, err := os.Stat(where); err != nil {
		return []Problem{{fmt.Sprintf("%s %s: %s", what, where, cause(err)), remedy}}
	}
	return nil
}

// looksLikeAFile reports whether a path is called like a file: app.conf, .htpasswd, Caddyfile.
func looksLikeAFile(where string) bool {
	name := filepath.Base(where)
	return filepath.Ext(name) != "" || name[0] >= 'A' && name[0] <= 'Z' && strings.HasSuffix(name, "file")
}

func dockerfile(b *types.BuildConfig) string {
	name := b.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(b.Context, name)
}

func isDir(where string) bool {
	info, err := os.Stat(where)
	return err == nil && info.IsDir()
}

// cause is an error about a path that the sentence around it names.
func cause(err error) string {
	if os.IsNotExist(err) {
		return "it is not there"
	}
	if inner, is := err.(*os.PathError); is { //nolint:errorlint // only an error that is nothing but a path error is stripped
		return inner.Err.Error()
	}
	return err.Error()
}

// taken are the names that containers of others have.
func taken(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, s := range model.Up() {
		project, held := w.Holders[s.ContainerName]
		if s.ContainerName == "" || !held || project == model.Name {
			continue
		}
		whose := "of project " + project
		if project == "" {
			whose = "of no project"
		}
		problems = append(problems, Problem{
			fmt.Sprintf("service %s wants the name %s, which a container %s has", s.Name, s.ContainerName, whose),
			"give one of them another name, or, if nobody needs it: docker rm -f " + s.ContainerName,
		})
	}
	return problems
}

// volumes are those that the files now describe otherwise. Compose would offer to make them anew, without their data.
func volumes(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(model.Volumes)) {
		v := model.Volumes[key]
		found, has := w.Volumes[v.Name]
		if !has || bool(v.External) {
			continue
		}
		if v.Driver != "" && v.Driver != found.Driver || len(v.DriverOpts)+len(found.Options) > 0 && !maps.Equal(map[string]string(v.DriverOpts), found.Options) {
			problems = append(problems, Problem{
				fmt.Sprintf("volume %s is there with another driver or other options than the compose files give; to change them, its data would be lost", v.Name),
				"give the new volume another name and copy the data, or take the change back",
			})
		}
	}
	return problems
}

// networks are those that the engine could not make: it would say so when the old one is gone.
func networks(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(model.Networks)) {
		n := model.Networks[key]
		if bool(n.External) {
			continue
		}
		if n.Driver != "" && n.Driver != "default" && len(w.Drivers) > 0 && !slices.Contains(w.Drivers, n.Driver) {
			problems = append(problems, Problem{fmt.Sprintf("network %s wants driver %s, which the engine does not have", n.Name, n.Driver), "install it, or change driver; it has " + strings.Join(w.Drivers, ", ")})
		}
		for _, pool := range n.Ipam.Config {
			if pool == nil || pool.Subnet == "" {
				continue
			}
			subnet, err := netip.ParsePrefix(pool.Subnet)
			if err != nil {
				problems = append(problems, Problem{fmt.Sprintf("network %s wants subnet %q, which is none", n.Name, pool.Subnet), "write it as 10.1.2.0/24"})
				continue
			}
			for _, other := range slices.Sorted(maps.Keys(w.Subnets)) {
				own := w.Networks[other].Labels[compose.NetworkLabel] == key // under another name, and on its way out
				if other != n.Name && !own && slices.ContainsFunc(w.Subnets[other], subnet.Overlaps) {
					problems = append(problems, Problem{fmt.Sprintf("network %s wants subnet %s, which overlaps with that of network %s", n.Name, subnet, other), "give it another subnet"})
				}
			}
			problems = append(problems, outOf(model, key, subnet)...)
		}
	}
	return problems
}

// outOf are the addresses that services want in a network and that its subnet does not have.
func outOf(model *compose.Model, key string, subnet netip.Prefix) []Problem {
	var problems []Problem
	for _, s := range model.Up() {
		place := s.Networks[key]
		if place == nil {
			continue
		}
		address, err := netip.ParseAddr(place.Ipv4Address)
		if err == nil && subnet.Addr().Is4() && !subnet.Contains(address) {
			problems = append(problems, Problem{fmt.Sprintf("service %s wants address %s in network %s, whose subnet is %s", s.Name, address, key, subnet), "give it an address of the subnet"})
		}
	}
	return problems
}

// images are those that must not be pulled, are built by nobody and are not here.
func images(model *compose.Model, w World) []Problem {
	built := map[string]bool{}
	for _, s := range model.Services {
		built[s.Image] = built[s.Image] || s.Build != nil
	}
	var problems []Problem
	for _, s := range sorted(model) {
		if s.PullPolicy != types.PullPolicyNever || built[s.Image] {
			continue
		}
		if _, has := w.Images[s.Image]; !has {
			problems = append(problems, Problem{
				fmt.Sprintf("image %s of service %s is not here, and pull_policy: never forbids to pull it", s.Image, s.Name),
				"docker pull " + s.Image + ", or change pull_policy",
			})
		}
	}
	return problems
}

// Faults are what no engine could carry out: the files alone say so.
func Faults(model *compose.Model) []Problem {
	if len(model.Up()) == 0 {
		return []Problem{{"the compose files have no service to run", "name one under services:, or switch its profile on"}}
	}
	var problems []Problem
	add := func(s compose.Service, remedy, format string, args ...any) {
		problems = append(problems, Problem{"service " + s.Name + " " + fmt.Sprintf(format, args...), remedy})
	}
	for _, s := range sorted(model) {
		if s.Replicas() < 0 {
			add(s, "give a number from 0 up", "wants %d replicas", s.Replicas())
		}
		if _, err := reference.ParseNormalizedNamed(s.Image); err != nil && s.Provider == nil {
			add(s, "correct it in the compose file", "has image %q, which is no name of an image", s.Image)
		}
		if h := s.HealthCheck; h != nil && len(h.Test) > 0 && !slices.Contains([]string{"NONE", "CMD", "CMD-SHELL"}, h.Test[0]) {
			add(s, "write test: [CMD, …], or as one string", "has a healthcheck that begins with %q instead of CMD, CMD-SHELL or NONE", h.Test[0])
		}
		if h := s.HealthCheck; h != nil && len(h.Test) == 1 && h.Test[0] != "NONE" {
			add(s, "name the command", "has a healthcheck without a command")
		}
		for _, v := range s.Volumes {
			if !path.IsAbs(v.Target) {
				add(s, "write it in the long form: type, source, target", "mounts something at %q, which is no absolute path; a volume named by one letter is read as a Windows drive", v.Target)
			}
		}
		if s.Replicas() < 2 || s.Job {
			continue
		}
		if s.ContainerName != "" {
			add(s, "remove container_name, or run one", "wants %d replicas, and container_name allows one", s.Replicas())
		}
		for _, port := range s.Published() {
			if port.Last-port.First+1 < s.Replicas() {
				add(s, "give a range of ports, or leave the host's side to the engine", "wants %d replicas, and port %s allows %d", s.Replicas(), port, port.Last-port.First+1)
			}
		}
	}
	return append(problems, portsTwice(model)...)
}

// portsTwice are the ports of the host that two services ask for.
func portsTwice(model *compose.Model) []Problem {
	type claim struct {
		service string
		port    compose.Published
	}
	type number struct {
		port  int
		proto string
	}
	var problems []Problem
	claims := map[number][]claim{}
	for _, b := range model.Up() {
		if b.Replicas() <= 0 {
			continue
		}
		for _, q := range b.Published() {
			if !q.Fixed() {
				continue
			}
			at := number{q.First, q.Proto}
			for _, a := range claims[at] {
				if a.service != b.Name && rollout.Overlap(a.port.Address, q.Address) {
					problems = append(problems, Problem{fmt.Sprintf("services %s and %s both want port %s", a.service, b.Name, a.port), "give one of them another port"})
				}
			}
			claims[at] = append(claims[at], claim{b.Name, q})
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Text, b.Text) })
	return problems
}

func sorted(model *compose.Model) []compose.Service {
	list := slices.Collect(maps.Values(model.Services))
	slices.SortFunc(list, func(a, b compose.Service) int { return strings.Compare(a.Name, b.Name) })
	return list
}
