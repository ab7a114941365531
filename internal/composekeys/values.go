package composekeys

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// values looks at what keys say. Each of these ends an up of Compose half-way, or is not what it says.
func (s *search) values(project *types.Project) {
	for name, service := range project.Services {
		key := "services." + name
		s.restart(key, service)
		s.healthcheck(key, service.HealthCheck)
		s.container(key, service.ContainerSpec)
		s.mounts(key, service.Volumes)
		s.files(key, project, service)
	}
	for name, network := range project.Networks {
		if network.Driver == "overlay" && !bool(network.External) && s.world.NoSwarm {
			s.add("networks."+name+".driver", "overlay needs a Swarm, and this engine is in none", "take the driver out: a bridge is enough on one host")
		}
	}
	if len(project.Models) > 0 && s.world.NoModels {
		s.add("models", "Compose needs docker's plugin \"model\" for them, and it is not installed", "install docker-model-plugin, or take the models out")
	}
}

func (s *search) restart(key string, service types.ServiceConfig) {
	policy, attempts, limited := strings.Cut(service.Restart, ":")
	_, err := strconv.ParseUint(attempts, 10, 31)
	if !slices.Contains([]string{"", "no", "always", "on-failure", "unless-stopped"}, policy) || limited && (policy != "on-failure" || err != nil) {
		s.add(key+".restart", fmt.Sprintf("%q is no restart policy", service.Restart), `say "no", always, on-failure, on-failure:N or unless-stopped`)
	}
	if service.Deploy == nil || service.Deploy.RestartPolicy == nil {
		return
	}
	condition := service.Deploy.RestartPolicy.Condition
	if !slices.Contains([]string{"", "none", "no", "any", "always", "on-failure", "unless-stopped"}, condition) {
		s.add(key+".deploy.restart_policy.condition", fmt.Sprintf("%q is no condition", condition), "say none, on-failure or any")
	}
}

func (s *search) healthcheck(key string, check *types.HealthCheckConfig) {
	switch {
	case check == nil || check.StartInterval == nil:
	case check.StartPeriod == nil:
		s.add(key+".healthcheck.start_interval", "is refused by Compose without start_period", "add a start_period")
	case s.lacks(s.world.Compose, "5.0") && s.lacks(s.world.API, "1.44"):
		s.needsAPI(key+".healthcheck.start_interval", "1.44")
	}
}

func (s *search) container(key string, spec types.ContainerSpec) {
	for _, address := range spec.DNS {
		if _, err := netip.ParseAddr(address); err != nil {
			s.add(key+".dns", fmt.Sprintf("%q is no address", address), "write the name server's IP address")
		}
	}
	if spec.MacAddress != "" && s.world.Compose != "" && !s.lacks(s.world.Compose, "5.0") && s.lacks(s.world.API, "1.44") {
		s.needsAPI(key+".mac_address", "1.44")
	}
	if spec.Isolation != "" && spec.Isolation != "default" {
		s.add(key+".isolation", fmt.Sprintf("an engine on Linux has no isolation %q", spec.Isolation), "take the key out")
	}
	if len(s.world.Runtimes) > 0 && spec.Runtime != "" && !slices.Contains(s.world.Runtimes, spec.Runtime) && !strings.ContainsAny(spec.Runtime, "./") {
		s.add(key+".runtime", fmt.Sprintf("the engine has no runtime %q, only %s", spec.Runtime, strings.Join(s.world.Runtimes, ", ")),
			"add it to the engine's daemon.json, or take the key out")
	}
	s.kernel(key, spec)
	policy, _, err := (types.ServiceConfig{ContainerSpec: spec}).GetPullPolicy()
	if err == nil && policy == types.PullPolicyRefresh && s.lacks(s.world.Compose, "2.34") {
		s.needsCompose(key+".pull_policy", "2.34")
	}
}

// limits are those that a process can have: getrlimit(2).
var limits = strings.Fields("as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack")

// kernel looks at what only the kernel refuses, when the container starts.
func (s *search) kernel(key string, spec types.ContainerSpec) {
	for name, limit := range spec.Ulimits {
		switch {
		case !slices.Contains(limits, name):
			s.add(key+".ulimits."+name, "is no limit that the kernel has", "say one of "+strings.Join(limits, ", "))
		case limit != nil && limit.Single == 0 && limit.Hard >= 0 && (limit.Soft > limit.Hard || limit.Soft < 0):
			s.add(key+".ulimits."+name, fmt.Sprintf("the soft limit %d is above the hard one, %d", limit.Soft, limit.Hard), "raise the hard limit")
		}
	}
	for name := range spec.Sysctls {
		switch {
		case strings.HasPrefix(name, "net.") && spec.NetworkMode == "host":
			s.add(key+".sysctls."+name, "the container has the network of its host, and cannot set it", "set it on the host with sysctl")
		case !ofNamespace(name):
			s.add(key+".sysctls."+name, "is a setting of the whole host, and no container's own", "set it on the host with sysctl, or take it out")
		}
	}
}

// ofNamespace reports whether a container has its own value of a sysctl, as runc decides.
func ofNamespace(name string) bool {
	return strings.HasPrefix(name, "net.") || strings.HasPrefix(name, "fs.mqueue.") || name == "kernel.domainname" ||
		slices.Contains(strings.Fields("kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced"), name)
}

func (s *search) mounts(key string, volumes []types.ServiceVolumeConfig) {
	for _, volume := range volumes {
		switch {
		case volume.Type == types.VolumeTypeNamedPipe || volume.Type == types.VolumeTypeCluster:
			s.add(key+".volumes.type", fmt.Sprintf("%s at %s is nothing that an engine on Linux without Swarm can mount", volume.Type, volume.Target), "take a volume or a bind mount")
		case volume.Type == types.VolumeTypeImage && s.lacks(s.world.Compose, "2.35"):
			s.needsCompose(key+".volumes.type", "2.35")
		case volume.Type == types.VolumeTypeImage && s.lacks(s.world.API, "1.48"):
			s.needsAPI(key+".volumes.type", "1.48")
		case volume.Bind != nil && slices.Contains([]string{"writable", "readonly"}, volume.Bind.Recursive) && s.lacks(s.world.API, "1.44"):
			s.needsAPI(key+".volumes.bind.recursive", "1.44")
		}
	}
}

// files looks at the secrets and configs of a service. What is no file is copied into the container, which Compose
// refuses where the container cannot be written.
func (s *search) files(key string, project *types.Project, service types.ServiceConfig) {
	for _, ref := range service.Secrets {
		s.file(key+".secrets", "secrets."+ref.Source, types.FileObjectConfig(project.Secrets[ref.Source]), project, service.ReadOnly)
	}
	for _, ref := range service.Configs {
		s.file(key+".configs", "configs."+ref.Source, types.FileObjectConfig(project.Configs[ref.Source]), project, service.ReadOnly)
	}
}

func (s *search) file(key, source string, object types.FileObjectConfig, project *types.Project, readOnly bool) {
	_, set := project.Environment[object.Environment]
	switch {
	case object.Environment != "" && !set:
		s.add(source+".environment", fmt.Sprintf("the variable %s is not set", object.Environment), "set it, in the env file for example")
	case readOnly && object.File == "" && (object.Environment != "" || object.Content != ""):
		s.add(key, fmt.Sprintf("%s is no file, and Compose cannot copy it into a container that is read_only", source), "take a file for it, or take read_only out")
	}
}
