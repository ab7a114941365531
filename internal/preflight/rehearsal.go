package preflight

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"slipway/internal/compose"
)

// judged are the keys that an engine judges when it creates a container, and of which only it knows what it takes: they touch
// neither network nor volume nor name, and hold no variable.
var judged = strings.Fields(`blkio_config cap_add cap_drop cgroup cgroup_parent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares
	cpus cpuset deploy device_cgroup_rules domainname extra_hosts ipc logging mem_limit mem_reservation mem_swappiness memswap_limit
	oom_kill_disable oom_score_adj pid pids_limit runtime security_opt shm_size stop_signal storage_opt tmpfs userns_mode uts`)

// Part is a part of a service's definition: the value of each key, as JSON.
type Part map[string]json.RawMessage

// Judged is what of a service an engine has to judge; empty where it takes it in any case.
func Judged(model *compose.Model, s compose.Service) (Part, error) {
	definition, err := model.Definition(s)
	if err != nil || s.Provider != nil || s.Replicas() == 0 {
		return nil, err
	}
	part := Part{}
	for _, key := range judged {
		if value, has := definition[key]; has {
			part[key] = value
		}
	}
	if s.Deploy != nil && s.Deploy.Resources.Limits == nil && s.Deploy.Resources.Reservations == nil {
		delete(part, "deploy")
	}
	return part, nil
}

// Rehearsal is a compose file of containers that an engine can create beside those of a project without touching anything of
// it: what it judges of these services, of an image without content, in no network, marked with a label.
func Rehearsal(project string, parts map[string]Part) ([]byte, error) {
	services := map[string]Part{}
	for name, part := range parts {
		stage := Part{"command": json.RawMessage(`["none"]`), "network_mode": json.RawMessage(`"none"`), "pull_policy": json.RawMessage(`"never"`)}
		for key, value := range part {
			if of := string(value); slices.Contains([]string{"ipc", "pid"}, key) && strings.Contains(of, ":") {
				continue // of another container
			}
			stage[key] = value
		}
		if deploy, has := part["deploy"]; has {
			var limited struct {
				Resources json.RawMessage `json:"resources"`
			}
			if err := json.Unmarshal(deploy, &limited); err != nil {
				return nil, fmt.Errorf("service %q: deploy: %w", name, err)
			}
			stage["deploy"], _ = json.Marshal(limited)
		}
		stage["image"], _ = json.Marshal("slipway-rehearsal:" + project)
		stage["labels"], _ = json.Marshal(map[string]string{"slipway.rehearsal": project})
		services[name] = stage
	}
	file, err := json.Marshal(map[string]any{"services": services})
	return bytes.ReplaceAll(file, []byte("$"), []byte("$$")), err
}
