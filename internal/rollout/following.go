package rollout

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway/internal/compose"
)

// A mark is the digest of what a container was made from, and behind it, for each service that its own follows, which
// containers that one had: "DIGEST db=IDS". They are apart because to follow another service, as `depends_on` with
// `restart: true` says, makes no container another one; only that the other one is replaced does.

// marked is a mark of a digest.
func marked(digest string, followed map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(followed)) {
		digest += " " + name + "=" + followed[name]
	}
	return digest
}

// following is a mark of a container that follows these from now on: those that it followed before stay as it knows them.
func following(mark string, now map[string]string) string {
	if mark == "" {
		return "" // nobody knows what it was made from
	}
	digest, rest, _ := strings.Cut(mark, " ")
	followed := maps.Clone(now)
	for field := range strings.FieldsSeq(rest) {
		name, ids, _ := strings.Cut(field, "=")
		if _, still := now[name]; still {
			followed[name] = ids
		}
	}
	return marked(digest, followed)
}

// followed are the services that one follows, each with a digest of the containers that it has.
func followed(service compose.Service, all []compose.Container) map[string]string {
	now := map[string]string{}
	for _, name := range Follows(service) {
		sum := sha256.Sum256([]byte(strings.Join(ids(Of(name, all)), " ")))
		now[name] = fmt.Sprintf("%.16x", sum)
	}
	return now
}

// Follow writes down whom a service follows, before anybody is replaced: of one that it has only begun to follow, the
// containers that are there now are those that its own belong to.
func (o *Origins) Follow(service compose.Service, all []compose.Container) error {
	past, err := o.load(service.Name)
	if err != nil {
		return fmt.Errorf("service %q: %w", service.Name, err)
	}
	now, was := followed(service, all), past
	past.Containers = maps.Clone(past.Containers)
	for id, mark := range past.Containers {
		past.Containers[id] = following(mark, now)
	}
	past.Mark, past.Next = following(past.Mark, now), following(past.Next, now)
	if past.Mark == was.Mark && past.Next == was.Next && maps.Equal(past.Containers, was.Containers) {
		return nil
	}
	if err := o.save(service.Name, past); err != nil {
		return fmt.Errorf("service %q: %w", service.Name, err)
	}
	return nil
}
