package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/compose"
)

// named are the containers that services name and that are none of a service's: those whose namespaces or volumes they share, and
// those they link to.
func named(model *compose.Model) []string {
	var names []string
	for _, s := range model.Services {
		for _, r := range mentions(s) {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mention is a container that a service names.
type mention struct {
	key, name string
	runs      bool // it has to
}

func mentions(s compose.Service) []mention {
	var list []mention
	for key, value := range map[string]string{"network_mode": s.NetworkMode, "ipc": s.Ipc, "pid": s.Pid} {
		if name, has := strings.CutPrefix(value, "container:"); has {
			list = append(list, mention{key, name, true})
		}
	}
	for _, from := range s.VolumesFrom {
		if parts := strings.Split(from, ":"); parts[0] == "container" && len(parts) > 1 {
			list = append(list, mention{"volumes_from", parts[1], false})
		}
	}
	for _, link := range s.ExternalLinks {
		name, _, _ := strings.Cut(link, ":")
		list = append(list, mention{"external_links", name, false})
	}
	slices.SortFunc(list, func(a, b mention) int { return strings.Compare(a.key+a.name, b.key+b.name) })
	return list
}

// absent are containers that services name and that are not there, or do not run though they have to, but for those that this
// deployment starts.
func absent(model *compose.Model, w World) []Problem {
	own := map[string]bool{}
	for _, s := range model.Up() {
		own[s.ContainerName] = true
		for n := range s.Replicas() {
			own[model.Name+"-"+s.Name+"-"+strconv.Itoa(n+1)] = true
		}
	}
	var problems []Problem
	for _, s := range sorted(model) {
		if s.Replicas() == 0 {
			continue
		}
		for _, r := range mentions(s) {
			runs, there := w.Named[r.name]
			switch {
			case own[r.name] || runs || there && !r.runs:
			case there:
				problems = append(problems, Problem{fmt.Sprintf("service %s names container %s in %s, and it does not run", s.Name, r.name, r.key), "docker start " + r.name})
			default:
				problems = append(problems, Problem{fmt.Sprintf("service %s names container %s in %s, and there is none of that name", s.Name, r.name, r.key), "start it first, or correct " + r.key})
			}
		}
	}
	return problems
}
