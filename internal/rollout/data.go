package rollout

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/volume"

	"slipway/internal/compose"
)

// Moved are the services that would leave their data behind: a container writes to something that the files no longer give to
// any service, and give its service something new and empty in its place, above or below it, or as its only data.
func Moved(model *compose.Model, containers []compose.Container, there map[string]volume.Volume) []Conflict {
	kept := map[string]bool{} // what some service still has
	for _, s := range model.Services {
		for _, v := range s.Volumes {
			kept[place(model, v)] = true
		}
	}
	var conflicts []Conflict
	for _, s := range model.Up() {
		empty := newAndEmpty(model, s, there)
		if len(empty) == 0 {
			continue
		}
		for _, c := range left(model, s, containers) {
			for _, had := range c.Mounts {
				old := placeOf(had)
				if old == "" || kept[old] || had.Type == "bind" && isEmpty(had.Source) || had.Folder != "" && isEmpty(had.Folder) {
					continue
				}
				at := slices.IndexFunc(empty, func(v types.ServiceVolumeConfig) bool {
					return nested(v.Target, had.Target)
				})
				if at < 0 && (len(s.Writes()) > 1 || len(written(c)) > 1) {
					continue
				}
				next := empty[max(at, 0)]
				conflicts = append(conflicts, Conflict{
					Service: s.Name,
					Text:    fmt.Sprintf("%s has its data in %s (container %s, %s), and the compose files now give it %s, which is empty", c.Service, old, c.Name, had.Target, place(model, next)),
					Remedy:  "take the change back; or " + begin(model, next),
				})
			}
		}
	}
	return conflicts
}

// Forsaken are the services whose data would be out of reach: it is in an anonymous volume, which a container hands on to the one
// that takes its place, and none does. The service is to have no replicas, or it was renamed and what is left of it is pruned.
func Forsaken(model *compose.Model, containers []compose.Container, prune bool) []Conflict {
	var conflicts []Conflict
	for _, s := range model.Up() {
		own := len(Of(s.Name, containers)) > 0
		if own && s.Replicas() > 0 || !own && !prune {
			continue
		}
		for _, c := range left(model, s, containers) {
			for _, had := range c.Mounts {
				given := slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source != "" && nested(v.Target, had.Target) })
				if !isAnonymous(had) || given || hasNothing(had.Source) {
					continue
				}
				conflicts = append(conflicts, Conflict{
					Service: s.Name,
					Text:    fmt.Sprintf("container %s is to go, and no other gets the data that it has in %s: the volume has no name", c.Name, had.Target),
					Remedy:  fmt.Sprintf("give the volume a name in the compose files and copy the data; or, to leave it behind in volume %.12s…: docker rm -f %s", had.Name, c.Name),
				})
			}
		}
	}
	return conflicts
}

// left are the containers that a service follows: its own, and one of a service that is gone, where it has none itself and that one
// ran the same image.
func left(model *compose.Model, s compose.Service, containers []compose.Container) []compose.Container {
	if own := Of(s.Name, containers); len(own) > 0 {
		return own[:1] // the others have the same
	}
	for _, c := range Orphans(model, containers) {
		if !c.OneOff && c.Image == s.Image {
			return []compose.Container{c}
		}
	}
	return nil
}

// newAndEmpty are the mounts of a service to which nothing was ever written.
func newAndEmpty(model *compose.Model, s compose.Service, there map[string]volume.Volume) []types.ServiceVolumeConfig {
	return slices.DeleteFunc(s.Writes(), func(v types.ServiceVolumeConfig) bool {
		if folder := folderOf(model, v); folder != "" {
			return !isEmpty(folder)
		}
		_, has := there[model.Volumes[v.Source].Name]
		return has
	})
}

// folderOf is the folder of the host that a mount of the files leads to, be it through a volume; empty where it is none.
func folderOf(model *compose.Model, v types.ServiceVolumeConfig) string {
	if v.Type == types.VolumeTypeBind {
		return v.Source
	}
	folder, _ := compose.Elsewhere(model.Volumes[v.Source].Driver, model.Volumes[v.Source].DriverOpts)
	return folder
}

// place is what a mount of the files leads to, in words.
func place(model *compose.Model, v types.ServiceVolumeConfig) string {
	if folder := folderOf(model, v); folder != "" {
		return "folder " + filepath.Clean(folder)
	}
	return "volume " + model.Volumes[v.Source].Name
}

// placeOf is what a container's mount leads to, in the same words; empty where it cannot be written to.
func placeOf(m compose.Mount) string {
	switch {
	case !m.Write:
		return ""
	case m.Folder != "":
		return "folder " + filepath.Clean(m.Folder)
	case m.Type == "bind":
		return "folder " + filepath.Clean(m.Source)
	case m.Type == "volume":
		return "volume " + m.Name
	}
	return ""
}

// written are a container's mounts that hold data.
func written(c compose.Container) []compose.Mount {
	return slices.DeleteFunc(slices.Clone(c.Mounts), func(m compose.Mount) bool { return placeOf(m) == "" })
}

// begin is how to go on without the old data, or with a copy.
func begin(model *compose.Model, v types.ServiceVolumeConfig) string {
	if folderOf(model, v) != "" {
		return "copy the data into it"
	}
	return "copy the data into it, or, to begin without: docker volume create " + model.Volumes[v.Source].Name
}

// isEmpty reports whether there is nothing in a folder, or no folder.
func isEmpty(folder string) bool {
	entries, err := os.ReadDir(folder)
	return os.IsNotExist(err) || err == nil && len(entries) == 0
}

// hasNothing reports whether a folder is there and empty; it may be one of another machine.
func hasNothing(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && len(entries) == 0
}
