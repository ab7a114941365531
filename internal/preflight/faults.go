package preflight

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"slipway/internal/compose"
	"slipway/internal/rollout"
)

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
		if s.MonitorPeriod() < 0 {
			add(s, "write it as 10s", "has deploy.update_config.monitor %s", s.MonitorPeriod())
		}
		for _, v := range s.Volumes {
			if !path.IsAbs(v.Target) {
				add(s, "write it in the long form: type, source, target", "mounts something at %q, which is no absolute path; a volume named by one letter is read as a Windows drive", v.Target)
			}
		}
		const leastMemory = 6 << 20 // the engine's
		if s.MemLimit > 0 && s.MemLimit < leastMemory {
			add(s, "give it 6m at least", "has mem_limit %d, and the engine takes no less than %d", s.MemLimit, leastMemory)
		}
		if s.WorkingDir != "" && !path.IsAbs(s.WorkingDir) {
			add(s, "write it from the root of the container", "has working_dir %q, which is no absolute path", s.WorkingDir)
		}
		if s.Replicas() > 0 && s.Provider == nil {
			problems = append(problems, unstartable(s)...)
		}
		if _, err := s.Limit(); err != nil {
			problems = append(problems, Problem{err.Error(), "correct the label, or remove it: the limit is " + compose.LimitDefault.String() + " then"})
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
