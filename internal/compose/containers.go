package compose

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// Labels Compose puts on what it creates.
const (
	ProjectLabel    = "com.docker.compose.project"
	ServiceLabel    = "com.docker.compose.service"
	NumberLabel     = "com.docker.compose.container-number"
	OneOffLabel     = "com.docker.compose.oneoff"
	ConfigHashLabel = "com.docker.compose.config-hash"
	VersionLabel    = "com.docker.compose.version"
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
	Command           []string              // of its main process
	StopTimeout       time.Duration         // zero means the engine's default
	Networks          map[string]Attachment // by name
	Mounts            []Mount
	Ports             []Binding
	Shares            []string // the ids of containers whose namespaces it is in
}

// Attachment is a container's place in a network.
type Attachment struct {
	NetworkID string
	Fixed     []string // the addresses that its definition asks for
	Addresses []string // the addresses that it has; none while it does not run
}

// Mount is a volume or a folder or file of the host in a container, those of its image's VOLUME too.
type Mount struct {
	Type   string // volume, bind, tmpfs
	Name   string // of a volume
	Source string // on the engine's host
	Target string
	Write  bool
	Folder string // of the host, in which a volume keeps its data if it has none of its own
	Share  string // the device, or the share of another machine, likewise
}

// Binding is a port of the host that a container asks for; Port is 0 where the engine chooses.
type Binding struct {
	Address string
	Port    int
	Proto   string
	Target  int
}

// Project is the Compose project that made the container, empty for none.
func (c Container) Project() string { return c.Labels[ProjectLabel] }

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

// Containers returns every container that Compose made of the project, one-offs and stopped ones too. What somebody runs by hand of
// an image that Compose built has the project's labels as well, from the image, but not that of a one-off or of none.
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
	containers, err := inspect(ctx, ids...)
	if err != nil {
		return nil, err
	}
	containers = slices.DeleteFunc(containers, func(c Container) bool { _, made := c.Labels[OneOffLabel]; return !made })
	return containers, unmask(ctx, containers)
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

// Labels by which Compose says from which files it made a container.
const (
	workingDirLabel  = "com.docker.compose.project.working_dir"
	configFilesLabel = "com.docker.compose.project.config_files"
)

// RunsHere reports whether the engine has containers of the project that were made from these very files, or from a release of them:
// sources are the files that a release's definition was made from, nil for a file that is none.
func (p Project) RunsHere(ctx context.Context, sources func(definition string) []string) (bool, error) {
	containers, err := p.Containers(ctx)
	if err != nil {
		return false, err
	}
	files := make([]string, len(p.Files))
	for i, file := range p.Files {
		files[i] = p.path(file)
	}
	return slices.ContainsFunc(containers, func(c Container) bool {
		list := c.Labels[configFilesLabel]
		if from := sources(list); from != nil {
			return slices.Equal(from, files)
		}
		return c.Labels[workingDirLabel] == p.folder() && list == strings.Join(files, ",")
	}), nil
}

// ProjectsOf says for each name that a container has which project the container is of, "" for none.
func ProjectsOf(ctx context.Context, names ...string) (map[string]string, error) {
	found, err := inspect(ctx, names...)
	projects := map[string]string{}
	for _, c := range found {
		if slices.Contains(names, c.Name) { // and not one whose id begins so
			projects[c.Name] = c.Project()
		}
	}
	return projects, err
}

// Running says for each of these names or ids that a container has whether that container runs.
func Running(ctx context.Context, references ...string) (map[string]bool, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	return each(ctx, "inspect containers", references, func(ctx context.Context, reference string) (bool, error) {
		answer, err := docker.ContainerInspect(ctx, reference, client.ContainerInspectOptions{})
		return err == nil && answer.Container.State != nil && answer.Container.State.Running, err
	})
}
