package rollout

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// hookLabel is on the runners Compose makes for pre_start hooks; they are no replicas.
const hookLabel = "com.docker.compose.hook"

// Holds tells whether a service runs as it was deployed: "" when it does, else what is wrong, for the operator.
// It looks at existence, state, origin and networks; whether a container is well is a matter of health.
func (o *Origins) Holds(service compose.Service, containers []compose.Container, image compose.Image, attached map[string]string) (string, error) {
	past, err := o.load(service.Name)
	if err != nil {
		return "", fmt.Errorf("service %q: %w", service.Name, err)
	}
	return past.holds(service, containers, image, attached), nil
}

func (o origin) holds(service compose.Service, containers []compose.Container, image compose.Image, attached map[string]string) string {
	found := Of(service.Name, containers)
	for _, c := range found {
		if _, left := leftover(service, c); left {
			return fmt.Sprintf("container %s is left from an interrupted recreate", c.Name)
		}
	}
	replicas := service.Replicas()
	if len(found) == 0 && replicas == 1 {
		return fmt.Sprintf("the container of %s is gone", service.Name)
	}
	for _, c := range found {
		if !settled(service, c) && !(o.Ended && c.Status == "exited" && c.ExitCode == 0) {
			return fmt.Sprintf("container %s %s", short(service, c), state(c))
		}
	}
	if len(found) != replicas {
		if gone := missing(service, found); gone != 0 {
			return fmt.Sprintf("container %s-%d is gone", service.Name, gone)
		}
		if len(found) > replicas {
			return fmt.Sprintf("%d containers run, %d wanted", len(found), replicas)
		}
		return fmt.Sprintf("%d of %d containers run", len(found), replicas)
	}
	for _, c := range found {
		if misnamed(service, c) {
			return fmt.Sprintf("container %s has not the name %s", c.Name, service.ContainerName)
		}
		if network := outside(c, attached); network != "" {
			return fmt.Sprintf("container %s is not in network %s", short(service, c), network)
		}
		if astray(service, c, containers) {
			return fmt.Sprintf("container %s shares a namespace that is gone", short(service, c))
		}
		switch mark := o.of(c); {
		case o.Mark == "": // of an older record, which has the list only
			if image.ID != "" && c.ImageID != image.ID && mark == "" {
				return fmt.Sprintf("container %s runs another image", short(service, c))
			}
		case mark != o.Mark:
			return fmt.Sprintf("container %s was made from another definition", short(service, c))
		}
	}
	return ""
}

// Of are the containers of a service: its replicas, not its one-off runs and not the runners of hooks.
func Of(service string, containers []compose.Container) []compose.Container {
	var found []compose.Container
	for i := range containers { // without a copy of each: this is asked for every service
		if c := &containers[i]; c.Service == service && isReplica(*c) {
			found = append(found, *c)
		}
	}
	return found
}

func isReplica(c compose.Container) bool { return !c.OneOff && c.Labels[hookLabel] == "" }

// settled tells whether a container is where it shall be: running, or ended well if it is to end.
func settled(service compose.Service, c compose.Container) bool {
	return c.Status == "running" || mayEnd(service) && c.Status == "exited" && c.ExitCode == 0
}

// astray tells whether a running container is in a namespace of another service that has been made anew since.
func astray(service compose.Service, c compose.Container, all []compose.Container) bool {
	if c.Status != "running" {
		return false
	}
	for _, mode := range []string{service.NetworkMode, service.Ipc, service.Pid} {
		name := sharer(mode)
		if name == "" {
			continue
		}
		in := slices.ContainsFunc(Of(name, all), func(p compose.Container) bool {
			return slices.Contains(c.Shares, p.ID) && !p.StartedAt.After(c.StartedAt)
		})
		if !in && len(Of(name, all)) > 0 {
			return true
		}
	}
	return false
}

// misnamed tells whether a container has another name than the files give it, as one whose name was freed for another one.
func misnamed(service compose.Service, c compose.Container) bool {
	return service.ContainerName != "" && c.Name != service.ContainerName
}

// mayEnd tells whether a container that ended well is where it shall be: one-shots, and what is not to be restarted and
// serves nobody.
func mayEnd(service compose.Service) bool {
	return service.OneShot || service.Restart == types.RestartPolicyNo && !service.HasHealthcheck() && len(service.Published()) == 0
}

// state puts in words why a container is not settled.
func state(c compose.Container) string {
	switch c.Status {
	case "exited", "dead":
		return fmt.Sprintf("%s (%d)", c.Status, c.ExitCode)
	case "created":
		return "was created and never started"
	case "restarting":
		return fmt.Sprintf("is restarting (exited %d)", c.ExitCode)
	default:
		return "is " + c.Status
	}
}

// missing is the number of the one replica that is gone, when the numbers of the others tell.
func missing(service compose.Service, found []compose.Container) int {
	replicas := service.Replicas()
	if len(found) != replicas-1 {
		return 0
	}
	has := map[int]bool{}
	for _, c := range found {
		if c.Number < 1 || c.Number > replicas {
			return 0
		}
		has[c.Number] = true
	}
	for number := 1; number <= replicas; number++ {
		if !has[number] {
			return number
		}
	}
	return 0
}

var leftoverName = regexp.MustCompile(`^[0-9a-f]{12}_(.+)$`)

// leftover tells whether a container still has the name it has during a recreate, and the name of the
// container it was to replace.
func leftover(service compose.Service, c compose.Container) (original string, left bool) {
	parts := leftoverName.FindStringSubmatch(c.Name)
	if parts == nil || c.Name == service.ContainerName {
		return "", false
	}
	return parts[1], true
}

// short is a container's name as the operator calls it, without the project's.
func short(service compose.Service, c compose.Container) string {
	if _, left := leftover(service, c); left || service.ContainerName != "" || c.Number == 0 {
		return c.Name
	}
	return c.Service + "-" + strconv.Itoa(c.Number)
}
