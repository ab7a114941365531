package rollout

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"slipway/internal/compose"
)

// Order gives the services in the order in which they are to be rolled out, in groups: each service
// stands after all it depends on, one-shots too. The services of one group have no containers yet and do
// not depend on each other, so they can be started together with StartAll; a service that has containers
// is a group of its own, so that never more than one service is between two versions.
func Order(model *compose.Model, containers []compose.Container) [][]string {
	var groups [][]string
	for _, level := range model.Order() {
		var fresh []string
		var single [][]string
		for _, name := range level {
			if len(Of(name, containers)) == 0 {
				fresh = append(fresh, name)
			} else {
				single = append(single, []string{name})
			}
		}
		if len(fresh) > 0 {
			groups = append(groups, fresh)
		}
		groups = append(groups, single...)
	}
	return groups
}

var plainName = regexp.MustCompile(`^[a-z0-9.-]{1,80}$`)

// StepName is the name of a service's checkpoint: "rollout.backend". Compose allows more letters in the
// name of a service than a checkpoint does; such a name gets a digest, so that no two become one.
func StepName(service string) string {
	if plainName.MatchString(service) {
		return "rollout." + service
	}
	plain := strings.Map(func(r rune) rune {
		if plainName.MatchString(string(r)) {
			return r
		}
		return '-'
	}, strings.ToLower(service))
	return fmt.Sprintf("rollout.%.60s.%.4x", plain, sha256.Sum256([]byte(service)))
}
