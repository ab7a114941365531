package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// JobLabel marks a service with restart "no" as one that ends: a one-shot.
const JobLabel = "slipway.job"

// Model is the project as Compose resolves it. It holds secrets in the clear: Raw of a service is for digests only.
type Model struct {
	Name     string
	Services map[string]Service
	Volumes  map[string]json.RawMessage
	Networks map[string]json.RawMessage
	Secrets  map[string]Source
	Configs  map[string]Source
}

// Source is where a secret or a config comes from.
type Source struct {
	Name        string `json:"name"`
	File        string `json:"file"` // absolute
	Environment string `json:"environment"`
	Content     string `json:"content"`
	External    bool   `json:"external"`
}

// Service is one service of the model.
type Service struct {
	Name           string
	Image          string
	Build          bool
	Context        string            // build context, absolute
	DependsOn      map[string]string // service -> condition
	Profiles       []string
	Replicas       int
	ContainerName  string
	FixedPorts     []int // published host ports; a service that has one cannot be scaled on one host
	Labels         map[string]string
	Restart        string
	HasHealthcheck bool // in the compose files; an image may bring its own
	OneShot        bool // ends by itself: a job, awaited by service_completed_successfully, or JobLabel with restart "no"
	Job            bool // in JobsProfile
	Mounts         []Mount
	// Files are what the containers read of the checkout: file secrets, file configs, bind-mounted files, and
	// directories mounted read-only (a writable one is data). Relative to the project's directory, sorted, existing.
	Files []string
	Raw   json.RawMessage // the resolved definition; paths of the checkout are relative
}

// Mount is one bind mount.
type Mount struct {
	Source   string // absolute
	Target   string
	ReadOnly bool
}

type rawModel struct {
	Name     string                     `json:"name"`
	Services map[string]json.RawMessage `json:"services"`
	Volumes  map[string]json.RawMessage `json:"volumes"`
	Networks map[string]json.RawMessage `json:"networks"`
	Secrets  map[string]Source          `json:"secrets"`
	Configs  map[string]Source          `json:"configs"`
}

type rawService struct {
	Image     string `json:"image"`
	DependsOn map[string]struct {
		Condition string `json:"condition"`
	} `json:"depends_on"`
	Build *struct {
		Context string `json:"context"`
	} `json:"build"`
	Profiles      []string          `json:"profiles"`
	Scale         *int              `json:"scale"`
	ContainerName string            `json:"container_name"`
	Labels        map[string]string `json:"labels"`
	Restart       string            `json:"restart"`
	Deploy        *struct {
		Replicas *int `json:"replicas"`
	} `json:"deploy"`
	Ports []struct {
		Published string `json:"published"`
	} `json:"ports"`
	Healthcheck *struct {
		Disable bool     `json:"disable"`
		Test    []string `json:"test"`
	} `json:"healthcheck"`
	Secrets []struct {
		Source string `json:"source"`
	} `json:"secrets"`
	Configs []struct {
		Source string `json:"source"`
	} `json:"configs"`
	Volumes []struct {
		Type     string `json:"type"`
		Source   string `json:"source"`
		Target   string `json:"target"`
		ReadOnly bool   `json:"read_only"`
	} `json:"volumes"`
}

func parseModel(data []byte, dir string) (*Model, error) {
	var raw rawModel
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("compose config: read its answer: %w", err)
	}
	m := &Model{
		Name: raw.Name, Services: map[string]Service{}, Volumes: raw.Volumes, Networks: raw.Networks,
		Secrets: raw.Secrets, Configs: raw.Configs,
	}
	awaited := map[string]bool{}
	for name, data := range raw.Services {
		var rs rawService
		if err := json.Unmarshal(data, &rs); err != nil {
			return nil, fmt.Errorf("compose config: read service %q: %w", name, err)
		}
		s := rs.service(name)
		for dependency, condition := range s.DependsOn {
			awaited[dependency] = awaited[dependency] || condition == "service_completed_successfully"
		}
		s.Files = m.files(rs, s.Mounts, dir)
		s.Raw = relative(data, dir)
		m.Services[name] = s
	}
	for name, s := range m.Services {
		_, labelled := s.Labels[JobLabel]
		s.OneShot = s.Job || awaited[name] || labelled && (s.Restart == "" || s.Restart == "no")
		m.Services[name] = s
	}
	return m, nil
}

func (rs rawService) service(name string) Service {
	s := Service{
		Name: name, Image: rs.Image, DependsOn: map[string]string{}, Profiles: rs.Profiles, Replicas: 1,
		ContainerName: rs.ContainerName, Labels: rs.Labels, Restart: rs.Restart,
		Job: slices.Contains(rs.Profiles, JobsProfile),
	}
	if rs.Build != nil {
		s.Build, s.Context = true, rs.Build.Context
	}
	for dependency, d := range rs.DependsOn {
		s.DependsOn[dependency] = d.Condition
	}
	if rs.Scale != nil {
		s.Replicas = *rs.Scale
	} else if rs.Deploy != nil && rs.Deploy.Replicas != nil {
		s.Replicas = *rs.Deploy.Replicas
	}
	for _, port := range rs.Ports {
		if n, err := strconv.Atoi(port.Published); err == nil && n > 0 {
			s.FixedPorts = append(s.FixedPorts, n)
		}
	}
	if h := rs.Healthcheck; h != nil {
		s.HasHealthcheck = !h.Disable && len(h.Test) > 0 && h.Test[0] != "NONE"
	}
	for _, v := range rs.Volumes {
		if v.Type == "bind" {
			s.Mounts = append(s.Mounts, Mount{Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly})
		}
	}
	return s
}

func (m *Model) files(rs rawService, mounts []Mount, dir string) []string {
	var files []string
	add := func(path string) {
		if rel, err := filepath.Rel(dir, path); err == nil && !slices.Contains(files, rel) {
			files = append(files, rel)
		}
	}
	for _, ref := range rs.Secrets {
		if file := m.Secrets[ref.Source].File; file != "" {
			add(file)
		}
	}
	for _, ref := range rs.Configs {
		if file := m.Configs[ref.Source].File; file != "" {
			add(file)
		}
	}
	for _, mount := range mounts {
		info, err := os.Stat(mount.Source)
		if err != nil || !strings.HasPrefix(mount.Source, dir+"/") {
			continue
		}
		if info.Mode().IsRegular() || info.IsDir() && mount.ReadOnly {
			add(mount.Source)
		}
	}
	slices.Sort(files)
	return files
}

// relative rewrites paths in and beside the project's directory, so that the same stack in another checkout has the
// same definition.
func relative(data []byte, dir string) json.RawMessage {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return data
	}
	out := replacePath(compact.Bytes(), dir, ".")
	if parent := filepath.Dir(dir); parent != "/" && parent != dir {
		out = replacePath(out, parent, "..")
	}
	return out
}

func replacePath(data []byte, path, with string) []byte {
	encoded, err := json.Marshal(path)
	if err != nil {
		return data
	}
	inner := string(encoded[1 : len(encoded)-1])
	return regexp.MustCompile(regexp.QuoteMeta(inner)+`([/":,;])`).ReplaceAll(data, []byte(with+"${1}"))
}

// Order returns the names of the services that are to be up, in levels: each depends on earlier levels only. Jobs are
// not among them.
func (m *Model) Order() [][]string {
	left := map[string]Service{}
	for name, s := range m.Services {
		if !s.Job {
			left[name] = s
		}
	}
	var levels [][]string
	for len(left) > 0 {
		var level []string
		for name, s := range left {
			ready := true
			for dependency := range s.DependsOn {
				_, waits := left[dependency]
				ready = ready && !waits
			}
			if ready {
				level = append(level, name)
			}
		}
		if len(level) == 0 { // a cycle; Compose refuses those, and a lost service would be worse than a wrong order
			for name := range left {
				level = append(level, name)
			}
		}
		for _, name := range level {
			delete(left, name)
		}
		slices.Sort(level)
		levels = append(levels, level)
	}
	return levels
}
