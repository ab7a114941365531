package rollout

import "slipway/internal/compose"

// Orphans are the containers of the project whose service is not to be up: the files no longer have it, or its profile is
// off. They are reported, and removed when the operator asks for it. One-off runs and jobs are not among them while they run:
// that is somebody's session.
func Orphans(model *compose.Model, containers []compose.Container) []compose.Container {
	var orphans []compose.Container
	for _, c := range containers {
		_, wanted := model.Services[c.Service]
		if !wanted && (!c.OneOff || c.Status == "exited") {
			orphans = append(orphans, c)
		}
	}
	return orphans
}

// Off reports whether an orphan's service is in the files, with its profile off.
func Off(model *compose.Model, orphan compose.Container) bool { return model.Known()[orphan.Service] }
