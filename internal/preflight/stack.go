// Package preflight looks, before anything is touched, at all that the last step of a deployment needs. It changes nothing.
package preflight

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
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
	Drivers []string                  // of volumes that the engine has; not looked for where only its own are wanted
	Named   map[string]bool           // containers that the files name, beside the project's: whether they run
	Engine  compose.Info              // empty where it could not be asked
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
	asking.Go(func() (err error) { w.Named, err = compose.Running(ctx, named(model)...); return err })
	if wantsDriver(model) {
		asking.Go(func() (err error) { w.Drivers, err = compose.VolumeDrivers(ctx); return err })
	}
	return w, asking.Wait()
}

// Problems looks at the world and says what stands against a deployment of the stack, but for the files of secrets and
// configs: before the first configuration they are still to come. The world is empty where the files alone are at fault.
func Problems(ctx context.Context, project compose.Project, model *compose.Model, made rollout.Made, info compose.Info, prune bool) (World, []Problem, error) {
	if faults := Faults(model); len(faults) > 0 {
		return World{}, faults, nil
	}
	world, err := Look(ctx, project, model, made)
	if err != nil {
		return world, nil, err
	}
	world.Engine = info
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
	problems = append(problems, lacking(model, w)...)
	_, conflicts := rollout.Arrange(model, w.World, prune)
	conflicts = slices.Concat(conflicts, rollout.Beside(model), rollout.Moved(model, w.Containers, w.Volumes), rollout.Forsaken(model, w.Containers, prune))
	for _, c := range conflicts {
		problems = append(problems, Problem{c.Text, c.Remedy})
	}
	for _, s := range model.Up() {
		if _, err := rollout.Choose(s, w.Containers); err != nil {
			problems = append(problems, Problem{fmt.Sprintf("service %s: %v", s.Name, err), "correct the compose file"})
		}
	}
	return problems
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

func sorted(model *compose.Model) []compose.Service {
	list := slices.Collect(maps.Values(model.Services))
	slices.SortFunc(list, func(a, b compose.Service) int { return strings.Compare(a.Name, b.Name) })
	return list
}
