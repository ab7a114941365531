package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"slipway/internal/compose"
)

// ExclusiveLabel on a service, set to true, says that nobody may write to its data beside it: no second container of its own, no other
// service and no job.
const ExclusiveLabel = "slipway.exclusive"

// exclusive reports whether a service is to write alone. Another word than true or false is Beside's to report.
func exclusive(s compose.Service) bool {
	alone, err := strconv.ParseBool(s.Labels[ExclusiveLabel])
	return err == nil && alone
}

// Beside are the services and jobs that the files let write beside one that is to write alone.
func Beside(model *compose.Model) []Conflict {
	var conflicts []Conflict
	refuse := func(s compose.Service, remedy, format string, args ...any) {
		conflicts = append(conflicts, Conflict{Service: s.Name, Text: "service " + s.Name + " " + fmt.Sprintf(format, args...), Remedy: remedy})
	}
	for _, s := range model.Up() {
		label, labelled := s.Labels[ExclusiveLabel]
		if _, err := strconv.ParseBool(label); labelled && err != nil {
			refuse(s, "set it to true or false", "has label %s: %q", ExclusiveLabel, label)
		}
		if !exclusive(s) {
			continue
		}
		if n := s.Replicas(); n > 1 {
			refuse(s, "run one", "is to write alone (label %s), and wants %d replicas", ExclusiveLabel, n)
		}
		for _, name := range slices.Sorted(maps.Keys(model.Services)) {
			other := model.Services[name]
			if name == s.Name || other.Provider != nil {
				continue
			}
			if at, meet := meeting(model, s, other); meet {
				refuse(s, "mount it read-only there, or take the label away", "is to write alone (label %s), and %s writes to %s, too", ExclusiveLabel, name, at.words)
			}
		}
	}
	return conflicts
}

// meeting is where two services would both write.
func meeting(model *compose.Model, one, other compose.Service) (resource, bool) {
	for _, a := range writesTo(model, one) {
		for _, b := range writesTo(model, other) {
			if a.clashes(b) {
				return a, true
			}
		}
	}
	return resource{}, false
}
