package rollout

import (
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/volume"

	"slipway/internal/compose"
)

// Moved are the services that would leave their data behind: where a container has something mounted that it writes to, the
// files now give it something else that is empty.
func Moved(model *compose.Model, containers []compose.Container, there map[string]volume.Volume) []Conflict {
	var conflicts []Conflict
	for _, s := range model.Up() {
		found := Of(s.Name, containers)
		if len(found) == 0 {
			continue
		}
		for _, had := range found[0].Mounts { // the others have the same
			if conflict, moves := moved(model, s, found[0], had, there); moves {
				conflicts = append(conflicts, conflict)
			}
		}
	}
	return conflicts
}

func moved(model *compose.Model, s compose.Service, c compose.Container, had compose.Mount, there map[string]volume.Volume) (Conflict, bool) {
	if !had.Write || had.Type != "volume" && had.Type != "bind" {
		return Conflict{}, false
	}
	for _, gets := range s.Writes() {
		if gets.Target != had.Target {
			continue
		}
		old := "volume " + had.Name
		if had.Type == "bind" {
			if old = "folder " + had.Source; isEmpty(had.Source) {
				return Conflict{}, false
			}
		}
		var next, remedy string
		var empty bool
		if gets.Type == types.VolumeTypeBind {
			next, remedy, empty = "folder "+gets.Source, "copy the data into it", isEmpty(gets.Source)
		} else {
			v := model.Volumes[gets.Source]
			_, has := there[v.Name]
			next, remedy, empty = "volume "+v.Name, "copy the data into it, or, to begin without: docker volume create "+v.Name, gets.Source != "" && !has
		}
		if old == next || !empty {
			return Conflict{}, false
		}
		return Conflict{
			Service: s.Name,
			Text:    fmt.Sprintf("%s has its data in %s (container %s, %s), and the compose files now give it %s, which is empty", s.Name, old, c.Name, had.Target, next),
			Remedy:  "take the change back; or " + remedy,
		}, true
	}
	return Conflict{}, false
}

// isEmpty reports whether there is nothing in a folder, or no folder.
func isEmpty(folder string) bool {
	entries, err := os.ReadDir(folder)
	return os.IsNotExist(err) || err == nil && len(entries) == 0
}
