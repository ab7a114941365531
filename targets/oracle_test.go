//go:build engine

package targets_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"slipway/checkpoints"
)

// Compose is the oracle: what `docker compose up -d` would recreate, Slipway's plan replaces, and when Slipway has deployed,
// `up -d` has nothing to do.

// surplus are the causes for which Slipway replaces what Compose leaves as it is.
var surplus = []*regexp.Regexp{
	regexp.MustCompile(`^\S+ file `),                                         // mounted content, and that of secrets and configs that are files
	regexp.MustCompile(`^\S+ (config|secret) `),                              // content from the file itself or from the environment
	regexp.MustCompile(`^\S+ volume \S+ changed`),                            // another definition of a volume that stays
	regexp.MustCompile(`^rollout\.\S+ runs first$`),                          // follows another service
	regexp.MustCompile(`is not in network|is gone$| (exited|dead) \(\d+\)$`), // drift
}

// anotherInput is the cause of a service whose containers are all to be others.
var anotherInput = regexp.MustCompile(`^\S+ .* (changed|added|removed)( and \d+ more)?$`)

// madeAnew is the cause of a service whose network Compose makes anew, too: it would only connect the old container to it.
var madeAnew = regexp.MustCompile(`^\S+ network \S+ changed`)

// refusals are the documented reasons for which Slipway does not do what Compose would.
var refusals = []*regexp.Regexp{
	regexp.MustCompile(`whose service is no longer in the compose files`),
	regexp.MustCompile(`whose service is not to be up`),
	regexp.MustCompile(`whose profile is off`),
	regexp.MustCompile(`has its data in .* which is empty`),
	regexp.MustCompile(`with another driver or other options than the compose files give; to change them, its data would be lost`), // Compose goes on with the old ones
	regexp.MustCompile(`enable_ipv4\b.*needs an engine with API`),
}

// disagreement is what the oracle finds; kind is what has to stay the same while it is shrunk.
type disagreement struct{ kind, text string }

func (d *disagreement) Error() string { return d.kind + ": " + d.text }

func disagree(kind, format string, args ...any) error {
	return &disagreement{kind, fmt.Sprintf(format, args...)}
}

// foreseen are both plans for the scene that is written.
type foreseen struct {
	compose composePlan
	slipway slipwayPlan
	refused bool // by a documented refusal that -prune, or nothing, overcomes
}

// compare asks both what they would do about the scene that is written, and holds the answers against each other.
func (s *subject) compare() (foreseen, error) {
	var f foreseen
	var err error
	if f.compose, err = s.asksCompose(); err != nil {
		return f, err
	}
	plan, got, err := s.asksSlipway()
	if err != nil {
		return f, err
	}
	f.slipway = plan
	if got.code != 0 {
		if got.code == 3 && slices.ContainsFunc(refusals, func(r *regexp.Regexp) bool { return r.MatchString(got.stderr) }) {
			f.refused = true
			return f, nil
		}
		return f, disagree("refused", "Compose would go on, and Slipway's plan does not: %s", gist(got))
	}
	if !plan.foreseen {
		return f, nil
	}
	for _, name := range slices.Sorted(maps.Keys(f.compose.services)) {
		act, d := f.compose.services[name], plan.services[name]
		if once(s.scene.service(name)) {
			act.start = false // Compose runs what has ended well once more at each up
		}
		if s.scene.service(name) == nil && name != "included" {
			continue // an orphan
		}
		if act != (wanted{}) && !d.Run {
			return f, disagree("missed", "Compose would act on %s %+v, and Slipway would not: %q", name, act, d.Cause)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(plan.services)) {
		d := plan.services[name]
		if d.Run && strings.HasSuffix(d.Cause, " ran again") {
			return f, disagree("surplus", "Slipway would act on %s, %q, and no deployment was cut short before its turn", name, d.Cause)
		}
		if d.Run && f.compose.services[name] == (wanted{}) && !justified(d.Cause, f.compose) && (s.scene.replicas(name) > 0 || name == "included") {
			return f, disagree("surplus", "Slipway would act on %s, %q, and Compose would not", name, d.Cause)
		}
	}
	return f, nil
}

// justified tells whether Slipway may act on a service that Compose leaves alone.
func justified(cause string, compose composePlan) bool {
	return slices.ContainsFunc(surplus, func(r *regexp.Regexp) bool { return r.MatchString(cause) }) || compose.networks && madeAnew.MatchString(cause)
}

// apply deploys what is written and holds what came of it against what was foreseen.
func (s *subject) apply(f foreseen, preflight bool) error {
	before, _, err := s.containers()
	if err != nil {
		return err
	}
	if got := s.deploy(preflight); got.code != 0 {
		switch {
		case got.code == 3 && slices.ContainsFunc(refusals, func(r *regexp.Regexp) bool { return r.MatchString(got.stderr) }):
			return &refusal{got}
		case s.composeFails():
			return &composeRefuses{got}
		}
		return disagree("failed", "Slipway cannot deploy what Compose can: %s", gist(got))
	}
	after, _, err := s.containers()
	if err != nil {
		return err
	}
	if f.slipway.foreseen && !f.refused {
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if err := kept(name, f.slipway.services[name], f.compose.recreates[name], before[name], after[name]); err != nil {
				return err
			}
		}
	}
	left, err := s.asksCompose()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(left.services)) {
		act := left.services[name]
		act.start = act.start && !once(s.scene.service(name))
		if act != (wanted{}) {
			return disagree("unsettled", "after the deployment Compose would still act on %s: %+v", name, act)
		}
	}
	if left.networks || len(left.other) > 0 {
		return disagree("unsettled", "after the deployment Compose would still act on networks (%v) or on %v", left.networks, left.other)
	}
	again, got, err := s.asksSlipway()
	if err == nil && (got.code != 0 || again.rollout) {
		err = disagree("restless", "after the deployment Slipway's plan still rolls out: %s", got)
	}
	return err
}

// refusal is a deployment that Slipway refuses for a documented reason.
type refusal struct{ got result }

func (e *refusal) Error() string { return "Slipway refuses: " + gist(e.got) }

// kept tells whether what was planned for a service is what became of its containers. A container that Compose would recreate makes
// way here, too; the other replicas may stay.
func kept(name string, d checkpoints.Decision, recreates, before, after []string) error {
	stays := slices.DeleteFunc(slices.Clone(before), func(id string) bool { return !slices.Contains(after, id) })
	switch {
	case !d.Run && !slices.Equal(before, after):
		return disagree("promise", "%s was to be left as it is, and has other containers", name)
	case d.Run && slices.ContainsFunc(recreates, func(id string) bool { return slices.Contains(after, id) }):
		return disagree("promise", "%s was to be replaced (%s), and has a container that Compose would recreate", name, d.Cause)
	case d.Run && len(stays) > 0 && anotherInput.MatchString(d.Cause) && !strings.Contains(d.Cause, " scale "):
		return disagree("promise", "%s was to be replaced (%s), and has containers of before", name, d.Cause)
	case d.Run && strings.Contains(d.Cause, " scale ") && !strings.Contains(d.Cause, "more") && len(recreates) == 0 && len(stays) == 0 && len(before) > 0 && len(after) > 0:
		return disagree("promise", "%s was to be scaled, and has other containers", name)
	}
	return nil
}

// TestWhatComposeWouldRecreateIsReplacedAndNothingElse takes the corpus through twenty mutations, the same ones each time: what new
// ones find, the long series is to find, and no run of this suite for a change that has nothing to do with it.
func TestWhatComposeWouldRecreateIsReplacedAndNothingElse(t *testing.T) { oracle(t, 1, 20, 2) }
