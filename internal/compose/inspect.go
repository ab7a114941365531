package compose

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// inspect asks about containers. One that is not there, or vanished since it was listed, is left out.
func inspect(ctx context.Context, ids ...string) ([]Container, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	found, err := each(ctx, "inspect containers", ids, func(ctx context.Context, id string) (Container, error) {
		answer, err := docker.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err != nil {
			return Container{}, err
		}
		var raw rawContainer
		err = json.Unmarshal(answer.Raw, &raw)
		return raw.container(), err
	})
	var containers []Container
	for _, id := range ids {
		if c, has := found[id]; has {
			containers = append(containers, c)
		}
	}
	return containers, err
}

type rawContainer struct {
	ID           string `json:"Id"`
	Path         string
	Args         []string
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
		NetworkMode   string
		IpcMode       string
		PidMode       string
		PortBindings  map[string][]struct{ HostIp, HostPort string } //nolint:revive // the engine's names
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
		Ports    map[string][]struct{ HostIp, HostPort string } //nolint:revive // likewise; only while it runs
		Networks map[string]struct {
			NetworkID                    string
			IPAddress, GlobalIPv6Address string
			IPAMConfig                   *struct{ IPv4Address, IPv6Address string }
		}
	}
	Mounts []struct {
		Type, Name, Source, Destination string
		RW                              bool
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
		ConfigHash: labels[ConfigHashLabel], Labels: labels, Tty: r.Config.Tty, Command: append([]string{r.Path}, r.Args...),
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
	r.shared(&c)
	return c
}

// shared adds what a container has that another one may want: networks, mounts, ports.
func (r *rawContainer) shared(c *Container) {
	c.Networks = make(map[string]Attachment, len(r.NetworkSettings.Networks))
	for name, n := range r.NetworkSettings.Networks {
		place := Attachment{NetworkID: n.NetworkID, Addresses: nonEmpty(n.IPAddress, n.GlobalIPv6Address)}
		if n.IPAMConfig != nil {
			place.Fixed = nonEmpty(n.IPAMConfig.IPv4Address, n.IPAMConfig.IPv6Address)
		}
		c.Networks[name] = place
	}
	for _, mode := range []string{r.HostConfig.NetworkMode, r.HostConfig.IpcMode, r.HostConfig.PidMode} {
		if id, shared := strings.CutPrefix(mode, "container:"); shared {
			c.Shares = append(c.Shares, id)
		}
	}
	for _, m := range r.Mounts {
		c.Mounts = append(c.Mounts, Mount{Type: m.Type, Name: m.Name, Source: m.Source, Target: m.Destination, Write: m.RW})
	}
	ports := r.NetworkSettings.Ports // of a range that it asked for, what it got
	if len(ports) == 0 {
		ports = r.HostConfig.PortBindings
	}
	for port, bindings := range ports {
		number, proto, _ := strings.Cut(port, "/")
		target, _ := strconv.Atoi(number)
		for _, b := range bindings {
			published, _ := strconv.Atoi(b.HostPort)
			c.Ports = append(c.Ports, Binding{Address: b.HostIp, Port: published, Proto: proto, Target: target})
		}
	}
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}
