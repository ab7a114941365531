package rollout

import "slipway/internal/compose"

// Orphans are the containers of the project whose service is no longer in the model. They are reported,
// and removed with Prune when the operator asks for it. One-off runs are not among them while they run:
// that is somebody's session.
//
// A model has the services of active profiles only; known are the names of the others, from
// compose.Project.ServiceNames, so that their containers do not count as orphans.
func Orphans(model *compose.Model, containers []compose.Container, known ...string) []compose.Container {
	has := map[string]bool{}
	for name := range model.Services {
		has[name] = true
	}
	for _, name := range known {
		has[name] = true
	}
	var orphans []compose.Container
	for _, c := range containers {
		if !has[c.Service] && (!c.OneOff || c.Status == "exited") {
			orphans = append(orphans, c)
		}
	}
	return orphans
}
