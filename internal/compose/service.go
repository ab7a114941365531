package compose

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// JobLabel marks a service with restart "no" as one that ends: a one-shot.
const JobLabel = "slipway.job"

// LimitLabel says for how long a job is waited for; LimitDefault is for one that has none.
const (
	LimitLabel   = "slipway.limit"
	LimitDefault = time.Hour
)

// Service is one service or job of a Model: what the files say, the name of its image filled in, and what follows from it.
type Service struct {
	types.ServiceConfig
	Job     bool // run on demand: under jobs:, or in JobsProfile
	OneShot bool // ends by itself: a job, awaited by service_completed_successfully, or JobLabel with restart "no"
}

// Replicas is how many containers are to run.
func (s Service) Replicas() int { return s.GetScale() }

// HasHealthcheck reports whether the files give the service a healthcheck. An image may bring its own.
func (s Service) HasHealthcheck() bool {
	h := s.HealthCheck
	return h != nil && !h.Disable && len(h.Test) > 0 && h.Test[0] != "NONE"
}

// MonitorPeriod is how long a new container of the service must stay up, as deploy.update_config.monitor has it; zero where it
// does not say.
func (s Service) MonitorPeriod() time.Duration {
	if s.Deploy == nil || s.Deploy.UpdateConfig == nil {
		return 0
	}
	return time.Duration(s.Deploy.UpdateConfig.Monitor)
}

// PausesOnFailure reports whether a failed update of the service is to be left as it is, as deploy.update_config.failure_action has it.
func (s Service) PausesOnFailure() bool {
	return s.Deploy != nil && s.Deploy.UpdateConfig != nil && s.Deploy.UpdateConfig.FailureAction == "pause"
}

// wholeDuration is what scripts/lib/compose.sh can read, too.
var wholeDuration = regexp.MustCompile(`^(\d+h)?(\d+m)?(\d+s)?$`)

// Limit is for how long the job is waited for.
func (s Service) Limit() (time.Duration, error) {
	text := s.Labels[LimitLabel]
	if text == "" {
		return LimitDefault, nil
	}
	limit, err := time.ParseDuration(text)
	if err != nil || limit < time.Second || !wholeDuration.MatchString(text) {
		return 0, fmt.Errorf("label %s of %s: %q is no duration such as 90s, 30m or 2h", LimitLabel, s.Name, text)
	}
	return limit, nil
}

// once reports whether a container that ended is left as it is.
func (s Service) once() bool { return s.Restart == "" || s.Restart == types.RestartPolicyNo }

// Images are the references of all images that the service runs: its own and those of its pre_start hooks.
func (s Service) Images() []string {
	images := []string{s.Image}
	for _, hook := range s.PreStart {
		if hook.Image != "" && !slices.Contains(images, hook.Image) {
			images = append(images, hook.Image)
		}
	}
	return images
}

// AsksRegistry reports whether pull_policy says to ask the registry for a newer image though this one is here: always, or once
// it was pulled or built longer ago than daily, weekly or every_N say.
func (s Service) AsksRegistry(image Image, now time.Time) bool {
	policy, age, err := s.GetPullPolicy()
	if err != nil {
		return false
	}
	switch policy {
	case types.PullPolicyAlways:
		return true
	case types.PullPolicyRefresh:
		return now.Sub(image.Tagged) >= age
	}
	return false
}

// Published is a port of the host that a service asks for: one, or any of a range.
type Published struct {
	First, Last int
	Proto       string // tcp, udp, sctp
	Address     string // of the host; empty means all
	Target      int    // in the container
}

// Fixed reports whether it is one port, which one container can have.
func (p Published) Fixed() bool { return p.First == p.Last }

func (p Published) String() string {
	text := strconv.Itoa(p.First)
	if !p.Fixed() {
		text += "-" + strconv.Itoa(p.Last)
	}
	if p.Address != "" {
		text = p.Address + ":" + text
	}
	if p.Proto != "tcp" {
		text += "/" + p.Proto
	}
	return text
}

// Published are the ports of the host that the service asks for; those that the engine is free to choose are left out.
func (s Service) Published() []Published {
	var ports []Published
	for _, port := range s.Ports {
		first, last, isRange := strings.Cut(port.Published, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, errTo := strconv.Atoi(last)
		if err != nil || errTo != nil || from <= 0 {
			continue
		}
		proto := port.Protocol
		if proto == "" {
			proto = "tcp"
		}
		ports = append(ports, Published{First: from, Last: to, Proto: proto, Address: port.HostIP, Target: int(port.Target)})
	}
	return ports
}

// Writes are the mounts that the service can write to and that outlive its containers: named volumes and folders of the host.
func (s Service) Writes() []types.ServiceVolumeConfig {
	var mounts []types.ServiceVolumeConfig
	for _, v := range s.Volumes {
		if !v.ReadOnly && v.Source != "" && (v.Type == types.VolumeTypeVolume || v.Type == types.VolumeTypeBind) {
			mounts = append(mounts, v)
		}
	}
	return mounts
}

// Definition is what Compose makes a container of, one JSON value for each key of the service. What changes nothing about a
// container is left out, as Compose leaves it out of its own hash (trimServiceHashFields in pkg/compose/hash.go); paths of
// the checkout are relative.
func (m *Model) Definition(s Service) (map[string]json.RawMessage, error) {
	c := s.ServiceConfig
	c.Build, c.DependsOn, c.PullPolicy, c.Profiles, c.Scale = nil, nil, "", nil, nil
	if c.Deploy != nil {
		deploy := *c.Deploy
		deploy.Replicas = nil
		c.Deploy = &deploy
	}
	c.Volumes = slices.Clone(c.Volumes)
	for i, v := range c.Volumes {
		if v.Type == types.VolumeTypeBind {
			c.Volumes[i].Source = m.relative(v.Source)
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the definition of service %q: %w", s.Name, err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("encode the definition of service %q: %w", s.Name, err)
	}
	maps.DeleteFunc(keys, func(_ string, value json.RawMessage) bool {
		return slices.Contains([]string{"null", "{}", "[]"}, string(value))
	})
	return keys, nil
}
