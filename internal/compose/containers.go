package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Labels Compose puts on what it creates.
const (
	ProjectLabel    = "com.docker.compose.project"
	ServiceLabel    = "com.docker.compose.service"
	NumberLabel     = "com.docker.compose.container-number"
	OneOffLabel     = "com.docker.compose.oneoff"
	ConfigHashLabel = "com.docker.compose.config-hash"
)

// Container is what the engine says about one container.
type Container struct {
	ID, Name, Service string
	Image, ImageID    string
	Status            string // created, running, restarting, exited, paused, removing, dead
	Number            int
	OneOff            bool // from `docker compose run`
	ExitCode          int
	OOMKilled         bool
	Error             string // why it could not be started
	Created           time.Time
	StartedAt         time.Time
	FinishedAt        time.Time
	RestartCount      int
	RestartPolicy     string // no, always, unless-stopped, on-failure
	Health            *Health
	Healthcheck       *Healthcheck
	ConfigHash        string
	Labels            map[string]string
	Tty               bool
	StopTimeout       time.Duration // zero means the engine's default
	Networks          []string
	WritableVolumes   []string // where the volumes it can write to are mounted, those of its image too
}

// Health is what the engine's own checks found.
type Health struct {
	Status        string // starting, healthy, unhealthy
	FailingStreak int
	Log           []Probe // the last five, oldest first
}

// Probe is one healthcheck the engine ran.
type Probe struct {
	Start, End time.Time
	ExitCode   int
	Output     string
}

// Healthcheck is the check a container was created with, from the compose file or its image.
type Healthcheck struct {
	Test        []string
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
	Shell       []string // for CMD-SHELL
}

// Argv returns the command the engine runs as the check, nil if there is none.
func (h *Healthcheck) Argv() []string {
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	switch h.Test[0] {
	case "CMD":
		return h.Test[1:]
	case "CMD-SHELL":
		shell := h.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(append([]string{}, shell...), h.Test[1])
	}
	return nil
}

// Containers returns every container of the project, one-offs and stopped ones too.
func (p Project) Containers(ctx context.Context) ([]Container, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	listed, err := docker.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", ProjectLabel+"="+p.Name),
	})
	if err != nil {
		return nil, refusal(ctx, "list containers", err)
	}
	ids := make([]string, len(listed.Items))
	for i, item := range listed.Items {
		ids[i] = item.ID
	}
	return inspect(ctx, ids...)
}

// inspectors is how many containers are asked about at once.
const inspectors = 8

// inspect asks about containers. One that is not there, or vanished since it was listed, is left out.
func inspect(ctx context.Context, ids ...string) ([]Container, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	found := make([]*Container, len(ids))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(inspectors)
	for i, id := range ids {
		asking.Go(func() error {
			answer, err := docker.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
			if errdefs.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return refusal(ctx, "inspect containers", err)
			}
			var raw rawContainer
			if err := json.Unmarshal(answer.Raw, &raw); err != nil {
				return fmt.Errorf("inspect containers: read the answer: %w", err)
			}
			c := raw.container()
			found[i] = &c
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	var containers []Container
	for _, c := range found {
		if c != nil {
			containers = append(containers, *c)
		}
	}
	return containers, nil
}

type rawContainer struct {
	ID           string `json:"Id"`
	Name         string
	Image        string
	Created      time.Time
	RestartCount int
	State        struct {
		Status                string
		ExitCode              int
		OOMKilled             bool
		Error                 string
		StartedAt, FinishedAt time.Time
		Health                *Health
	}
	HostConfig struct {
		RestartPolicy struct{ Name string }
	}
	Config struct {
		Image       string
		Labels      map[string]string
		Tty         bool
		Shell       []string
		StopTimeout *int
		Healthcheck *Healthcheck
	}
	NetworkSettings struct {
		Networks map[string]json.RawMessage
	}
	Mounts []struct {
		Type, Destination string
		RW                bool
	}
}

func (r *rawContainer) container() Container {
	labels := r.Config.Labels
	number, _ := strconv.Atoi(labels[NumberLabel]) // one-offs have none
	c := Container{
		ID: r.ID, Name: strings.TrimPrefix(r.Name, "/"), Service: labels[ServiceLabel],
		Image: r.Config.Image, ImageID: r.Image, Status: r.State.Status, Number: number,
		OneOff: strings.EqualFold(labels[OneOffLabel], "true"), ExitCode: r.State.ExitCode, OOMKilled: r.State.OOMKilled,
		Error: r.State.Error, Created: r.Created, StartedAt: r.State.StartedAt, FinishedAt: r.State.FinishedAt,
		RestartCount: r.RestartCount, RestartPolicy: r.HostConfig.RestartPolicy.Name, Health: r.State.Health,
		ConfigHash: labels[ConfigHashLabel], Labels: labels, Tty: r.Config.Tty,
	}
	if h := r.Config.Healthcheck; h != nil && len(h.Test) > 0 && h.Test[0] != "NONE" {
		h.Shell = r.Config.Shell
		c.Healthcheck = h
	}
	if c.Health != nil && c.Health.Status == "none" {
		c.Health = nil
	}
	if r.Config.StopTimeout != nil {
		c.StopTimeout = time.Duration(*r.Config.StopTimeout) * time.Second
	}
	for network := range r.NetworkSettings.Networks {
		c.Networks = append(c.Networks, network)
	}
	for _, mount := range r.Mounts {
		if mount.Type == "volume" && mount.RW {
			c.WritableVolumes = append(c.WritableVolumes, mount.Destination)
		}
	}
	return c
}

// Publisher names a container that publishes a port of the host; empty when there is none.
func Publisher(ctx context.Context, port int) (string, error) {
	docker, err := engine()
	if err != nil {
		return "", err
	}
	listed, err := docker.ContainerList(ctx, client.ContainerListOptions{
		Filters: make(client.Filters).Add("publish", strconv.Itoa(port)),
	})
	if err != nil || len(listed.Items) == 0 || len(listed.Items[0].Names) == 0 {
		return "", refusal(ctx, "list containers", err)
	}
	return strings.TrimPrefix(listed.Items[0].Names[0], "/"), nil
}
