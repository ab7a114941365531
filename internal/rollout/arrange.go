package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// World is what is there when a rollout begins.
type World struct {
	Containers []compose.Container
	Networks   map[string]compose.Network // those of the model and of the project, by name
	Made       Made                       // what the last rollout left
}

// Stage is a part of a rollout: what has to be out of the way, and then services that are brought to their targets side by side.
// The services of a stage do not depend on each other.
type Stage struct {
	Remove   []compose.Container // orphans that hold what is wanted
	Stop     []string            // services that hold what is wanted, or are in a network that is to be made anew
	Aside    []string            // those of them that hold a name that is wanted: their containers get another one
	Networks []string            // networks that are to be made anew, by name: nobody runs in them any more
	Services []string
	Start    bool // none of them runs: all can be started in one act
}

// Way says in a line each what has to be out of the way.
func (s Stage) Way() []string {
	var lines []string
	for _, c := range s.Remove {
		lines = append(lines, "remove "+c.Name+", which is in the way of "+strings.Join(s.Services, ", "))
	}
	if len(s.Stop) > 0 {
		lines = append(lines, "stop "+strings.Join(s.Stop, ", "))
	}
	if len(s.Aside) > 0 {
		lines = append(lines, "free the names of "+strings.Join(s.Aside, ", "))
	}
	for _, network := range s.Networks {
		lines = append(lines, "make network "+network+" anew")
	}
	return lines
}

// Conflict is why a rollout cannot begin: a service wants what another one will not give up.
type Conflict struct {
	Service string
	Text    string
	Remedy  string
}

func (c Conflict) String() string { return c.Text }

// Arrange puts the services of a model into stages. Each service stands after all it depends on, and after those that hold
// what it wants and give it up; where the two contradict each other, the holder is stopped beforehand and comes up again in its
// turn. A changed network is one act for all that are in it. Orphans that are in the way are removed where prune says so.
func Arrange(model *compose.Model, world World, prune bool) ([]Stage, []Conflict) {
	a := &arrangement{
		model: model, world: world, prune: prune, held: map[string][]holding{},
		before: map[string]map[string]bool{}, givers: map[string]map[string]bool{}, remove: map[string][]compose.Container{},
		wanted: map[string][]resource{}, runs: map[string]bool{},
	}
	for _, s := range model.Up() {
		a.names = append(a.names, s.Name)
		a.wanted[s.Name] = wants(model, s)
		a.before[s.Name] = map[string]bool{}
		for name := range s.DependsOn {
			if other, has := model.Services[name]; has && !other.Job {
				a.before[s.Name][name] = true
			}
		}
	}
	for _, c := range world.Containers {
		a.runs[c.Service] = a.runs[c.Service] || isReplica(c) && alive(c)
		for _, r := range holds(c) {
			a.held[r.place()] = append(a.held[r.place()], holding{r, c})
		}
	}
	for _, s := range model.Up() {
		a.claim(s)
	}
	a.renew(outdated(model, world.Networks, world.Made, world.Containers))
	return a.stages(), a.conflicts
}

type arrangement struct {
	model  *compose.Model
	world  World
	prune  bool
	before map[string]map[string]bool // service -> those that it depends on
	givers map[string]map[string]bool // service -> those that hold what it wants and give it up -> it is a name, which is not free while the container is there
	remove map[string][]compose.Container
	held   map[string][]holding  // by place
	names  []string              // of the services, in order
	wanted map[string][]resource // by service
	runs   map[string]bool       // by service, whether a replica is alive

	networks  []string            // to be made anew
	inside    map[string]bool     // the services in them
	leave     []compose.Container // orphans in them
	conflicts []Conflict
}

// holding is a resource that a container has.
type holding struct {
	resource
	by compose.Container
}

// claim finds who holds what a service wants.
func (a *arrangement) claim(s compose.Service) {
	for _, want := range a.wanted[s.Name] {
		for _, held := range a.held[want.place()] {
			c := held.by
			if c.Service == s.Name && !c.OneOff || !held.clashes(want) {
				continue
			}
			holder, wanted := a.model.Services[c.Service]
			if want.data() && !wanted && a.has(s, want) {
				continue // it writes there already, beside that one
			}
			switch {
			case wanted && holder.Job, c.OneOff:
				if !want.data() || exclusive(s) { // a job works on the data of others, unless they are to be alone
					a.refuse(s.Name, fmt.Sprintf("%s wants %s, which job container %s holds", s.Name, want.words, c.Name), "wait for it to end, or: docker rm -f "+c.Name)
				}
			case wanted:
				if a.shares(holder, want) {
					continue // both ask for it: a volume that services share, or two that the files send into each other
				}
				if a.givers[s.Name] == nil {
					a.givers[s.Name] = map[string]bool{}
				}
				a.givers[s.Name][holder.Name] = a.givers[s.Name][holder.Name] || want.kind == "name"
			case a.prune:
				if !slices.ContainsFunc(a.remove[s.Name], func(o compose.Container) bool { return o.ID == c.ID }) {
					a.remove[s.Name] = append(a.remove[s.Name], c)
				}
			default:
				why := "whose service is no longer in the compose files"
				if Off(a.model, c) {
					why = "whose profile is off"
				}
				a.refuse(s.Name, fmt.Sprintf("%s wants %s, which container %s holds, %s", s.Name, want.words, c.Name, why),
					"let the deployment remove it first with -prune (volumes are kept), or bring the service back")
			}
		}
	}
}

// has reports whether a container of a service holds a resource already.
func (a *arrangement) has(s compose.Service, want resource) bool {
	return slices.ContainsFunc(a.held[want.place()], func(h holding) bool { return h.by.Service == s.Name && !h.by.OneOff && h.clashes(want) })
}

func (a *arrangement) shares(holder compose.Service, want resource) bool {
	return slices.ContainsFunc(a.wanted[holder.Name], want.clashes)
}

func (a *arrangement) refuse(service, text, remedy string) {
	a.conflicts = append(a.conflicts, Conflict{Service: service, Text: text, Remedy: remedy})
}

// renew notes who is in the networks that are to be made anew.
func (a *arrangement) renew(networks map[string]string) {
	a.networks, a.inside = slices.Sorted(maps.Keys(networks)), map[string]bool{}
	for _, name := range a.networks {
		own := map[string]bool{}
		for _, c := range a.world.Containers {
			own[c.ID] = true
			if _, in := c.Networks[name]; !in || !alive(c) {
				continue
			}
			switch s, wanted := a.model.Services[c.Service]; {
			case wanted && !s.Job && !c.OneOff:
				a.inside[s.Name] = true
			case wanted || c.OneOff:
				a.refuse(c.Service, fmt.Sprintf("network %s is to be made anew, and job container %s runs in it", name, c.Name), "wait for it to end")
			case a.prune:
				a.leave = append(a.leave, c)
			default:
				a.refuse(c.Service, fmt.Sprintf("network %s is to be made anew, and container %s is in it, whose service is not to be up", name, c.Name),
					"let the deployment remove it first with -prune")
			}
		}
		for id, stranger := range a.world.Networks[name].Attached {
			if !own[id] {
				a.refuse("", fmt.Sprintf("network %s is to be made anew, and container %s of another project is in it", name, stranger),
					"docker network disconnect "+name+" "+stranger)
			}
		}
		for _, s := range a.model.Up() {
			for _, network := range a.model.NetworksOf(s) {
				a.inside[s.Name] = a.inside[s.Name] || network.Name == networks[name]
			}
		}
	}
	maps.DeleteFunc(a.inside, func(_ string, in bool) bool { return !in })
}

// stages orders the services.
func (a *arrangement) stages() []Stage {
	var stages []Stage
	done := map[string]bool{}
	stopped := map[string]bool{}
	for len(done) < len(a.before) {
		level := a.ready(done, true)
		var stop, aside []string
		if len(level) == 0 { // who gives up would come after who takes: it is stopped instead, and comes up in its turn
			level = a.ready(done, false)
			stop, aside = a.holders(level, done, stopped)
		}
		if len(level) == 0 { // Compose refuses a cycle of dependencies; should there be one, no service is to be lost
			level = a.left(done)
		}
		for _, name := range level {
			done[name] = true
		}
		parts := a.split(level, stopped)
		parts[0].Stop, parts[0].Aside = stop, aside
		stages = append(stages, parts...)
	}
	return a.clear(stages)
}

// split parts the services whose turn it is: those of which nothing runs, those that must not be replaced beside others, and all
// others.
func (a *arrangement) split(level []string, stopped map[string]bool) []Stage {
	start, replace := Stage{Start: true}, Stage{}
	var alone []Stage
	for _, name := range level {
		switch {
		case a.inside[name] || stopped[name] || !a.runs[name]:
			start.Services = append(start.Services, name)
		case a.makesNetwork(name) || couldLose(a.model.Services[name]):
			alone = append(alone, Stage{Services: []string{name}})
		default:
			replace.Services = append(replace.Services, name)
		}
	}
	all := append([]Stage{start}, append(alone, replace)...)
	return slices.DeleteFunc(all, func(s Stage) bool { return len(s.Services) == 0 })
}

// couldLose reports whether a service, while it is down to be replaced, could lose to another one what the engine hands out: its
// fixed address, or a port of the host within the other's range.
func couldLose(s compose.Service) bool {
	for _, port := range s.Published() {
		if port.Last > port.First {
			return true
		}
	}
	_, fixed := fixedAddress(s)
	return fixed
}

// makesNetwork reports whether a service is to be in a network that is not there yet: two `docker compose up` at once would both make
// it.
func (a *arrangement) makesNetwork(service string) bool {
	return slices.ContainsFunc(a.model.NetworksOf(a.model.Services[service]), func(n types.NetworkConfig) bool {
		_, there := a.world.Networks[n.Name]
		return !there
	})
}

// ready are the services whose turn it is, with or without regard to who gives up what they want.
func (a *arrangement) ready(done map[string]bool, giversToo bool) []string {
	var level []string
	for _, name := range a.left(done) {
		waits := func(others map[string]bool) bool {
			for other := range others {
				if _, has := a.before[other]; has && !done[other] {
					return true
				}
			}
			return false
		}
		if !waits(a.before[name]) && (!giversToo || !waits(a.givers[name])) {
			level = append(level, name)
		}
	}
	return level
}

func (a *arrangement) left(done map[string]bool) []string {
	a.names = slices.DeleteFunc(a.names, func(name string) bool { return done[name] })
	return a.names
}

// holders are the services, still to come, that hold what those of a level want; a name is held by what is stopped, too.
func (a *arrangement) holders(level []string, done, stopped map[string]bool) (stop, aside []string) {
	for _, name := range level {
		for holder, named := range a.givers[name] {
			if done[holder] {
				continue
			}
			if named && !slices.Contains(aside, holder) {
				aside = append(aside, holder)
			}
			if !stopped[holder] {
				stopped[holder] = true
				stop = append(stop, holder)
			}
		}
	}
	slices.Sort(stop)
	slices.Sort(aside)
	return stop, aside
}

// clear puts what has to be out of the way in front of the stage that needs it first.
func (a *arrangement) clear(stages []Stage) []Stage {
	networks := a.networks
	for i := range stages {
		stage := &stages[i]
		for _, name := range stage.Services {
			stage.Remove = append(stage.Remove, a.remove[name]...)
			if a.inside[name] && len(networks) > 0 {
				stage.Networks, networks = networks, nil
				stage.Stop = append(stage.Stop, a.running()...)
				stage.Remove = append(stage.Remove, a.leave...)
			}
		}
		slices.SortFunc(stage.Remove, func(x, y compose.Container) int { return strings.Compare(x.Name, y.Name) })
		stage.Remove = slices.CompactFunc(stage.Remove, func(x, y compose.Container) bool { return x.ID == y.ID })
		slices.Sort(stage.Stop)
		stage.Stop = slices.Compact(stage.Stop)
	}
	return stages
}

// running are the services with containers inside the networks that are to be made anew.
func (a *arrangement) running() []string {
	var names []string
	for name := range a.inside {
		if a.runs[name] {
			names = append(names, name)
		}
	}
	return names
}
