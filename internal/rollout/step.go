package rollout

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

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
