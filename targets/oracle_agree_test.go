//go:build engine

package targets_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// finished is a scene with what it needs to run at all, and without what Compose or the engine would refuse: mutations set keys
// without looking at the others.
func (s scene) finished() scene {
	s = s.clone()
	for _, name := range s.names() {
		service, is := s.services()[name].(tree)
		if !is {
			service = tree{}
			s.services()[name] = service
		}
		runs(name, service)
	}
	taken := map[string]bool{}
	for _, name := range s.names() {
		s.prune(name)
		alone(s.service(name), taken)
		limits(s.service(name))
	}
	for _, name := range s.names() {
		s.spaces(name)
	}
	s.declare()
	return s
}

// once tells whether a service ends by itself.
func once(service tree) bool { return slices.Contains(texts(service["command"]), "job") }

// runs gives a service an image, a port of its own and a healthcheck: without one a rollout watches it for 5 s. The engine runs
// the checks of all projects at once; every second would be too much for it.
func runs(name string, service tree) {
	if service["image"] == nil && service["build"] == nil && service["extends"] == nil {
		service["image"] = "<IMAGE>/demo:1"
	}
	if service["build"] != nil { // what it builds has a name of its own
		if image := fmt.Sprint(service["image"]); strings.HasPrefix(image, "<IMAGE>/") || image == "<PROJECT>/own:1" {
			delete(service, "image")
		}
	}
	environment := part(service, "environment")
	environment["PORT"] = fmt.Sprint(8080 + int(name[0]-'a'))
	if once(service) {
		delete(service, "healthcheck")
		delete(service, "scale")
		service["restart"] = "no"
		return
	}
	if service["healthcheck"] == nil {
		service["healthcheck"] = tree{"test": []any{"CMD", "/program", "check"}, "interval": "2s"}
	}
}

// prune takes away references to services that are not there or are off, and conditions that never come true.
func (s scene) prune(name string) {
	service := s.service(name)
	for _, key := range references {
		for _, other := range refers(service, key) {
			switch {
			case s.service(other) == nil, s.isOn(name) && !s.isOn(other), other == name:
				unrefer(service, key, other)
			case key == "depends_on":
				s.condition(service, other)
			case fmt.Sprint(s.service(other)["scale"]) == "0", once(s.service(other)):
				unrefer(service, key, other)
			}
		}
	}
}

func (s scene) condition(service tree, other string) {
	if _, is := service["depends_on"].(tree); !is {
		long := tree{}
		for _, name := range texts(service["depends_on"]) {
			long[name] = tree{"condition": "service_started"}
		}
		service["depends_on"] = long
	}
	on := part(part(service, "depends_on"), other)
	check, _ := s.service(other)["healthcheck"].(tree)
	switch {
	case once(s.service(other)):
		on["condition"] = "service_completed_successfully"
	case on["condition"] != "service_healthy" || check["disable"] == true || fmt.Sprint(s.service(other)["scale"]) == "0":
		on["condition"] = "service_started"
	}
}

// unrefer makes a service no longer name another in a key.
func unrefer(service tree, key, other string) {
	switch value := service[key].(type) {
	case tree:
		delete(value, other)
		if len(value) == 0 {
			delete(service, key)
		}
	case []any:
		service[key] = slices.DeleteFunc(value, func(entry any) bool {
			text, _, _ := strings.Cut(fmt.Sprint(entry), ":")
			return text == other
		})
	default:
		delete(service, key)
	}
}

// alone lets a name, a port and an address be one container's: the first service that asks for it has it.
func alone(service tree, taken map[string]bool) {
	single := false
	for _, key := range []string{"container_name", "ports"} {
		text := fmt.Sprint(service[key])
		for _, token := range []string{"<PORT1>", "<PORT2>", "<PORT3>", "<PORT4>", "<PROJECT>-"} {
			if !strings.Contains(text, token) {
				continue
			}
			if token == "<PROJECT>-" {
				token = text
			}
			if single = true; taken[token] {
				delete(service, key)
			}
			taken[token] = true
		}
	}
	single = single || len(refers(service, "network_mode")) > 0 // with one port for all
	if single || strings.Contains(fmt.Sprint(service["networks"]), "_address:") || service["mac_address"] != nil {
		delete(service, "scale")
		if deploy, has := service["deploy"].(tree); has {
			delete(deploy, "replicas")
		}
	}
	if deploy, has := service["deploy"].(tree); has {
		if deploy["replicas"] != nil {
			delete(service, "scale")
		}
		if order, has := deploy["update_config"].(tree); has && order["order"] == "start-first" && (single || service["pre_start"] != nil || once(service)) {
			delete(deploy, "update_config")
		}
		if once(service) {
			delete(service, "deploy")
		}
	}
}

// limits takes away what says the same as another key, or contradicts it.
func limits(service tree) {
	drop := func(when string, keys ...string) {
		if service[when] != nil {
			for _, key := range keys {
				delete(service, key)
			}
		}
	}
	if deploy, has := service["deploy"].(tree); has && deploy["resources"] != nil {
		service["resources"] = true
		drop("resources", "cpus", "mem_limit", "mem_reservation", "memswap_limit", "pids_limit", "cpu_period", "cpu_quota", "resources")
	}
	drop("cpus", "cpu_period", "cpu_quota")
	if service["memswap_limit"] != nil && service["mem_limit"] == nil {
		service["mem_limit"] = "64m"
	}
	if given := fmt.Sprint(service["configs"], service["secrets"]); strings.Contains(given, "env_") || strings.Contains(given, "text_") {
		delete(service, "read_only")
	}
	if service["build"] == nil {
		drop("image", "develop")
	}
	drop("uts", "hostname", "domainname")
	drop("links", "networks")
}

// spaces settles what shares namespaces: who has another one's network has none of its own.
func (s scene) spaces(name string) {
	service := s.service(name)
	if service["network_mode"] != nil {
		for _, key := range []string{
			"networks", "ports", "links", "external_links", "hostname", "domainname", "dns", "dns_opt", "dns_search", "extra_hosts",
			"mac_address", "expose", "sysctls", "uts",
		} {
			delete(service, key)
		}
	}
	for _, other := range refers(service, "ipc") {
		if len(refers(s.service(other), "ipc")) > 0 {
			delete(service, "ipc")
		} else {
			s.service(other)["ipc"] = "shareable"
		}
	}
	for _, other := range refers(service, "links") {
		if s.service(other)["networks"] != nil || s.service(other)["network_mode"] != nil {
			unrefer(service, "links", other)
		}
	}
	for _, key := range []string{"network_mode", "pid"} {
		for _, other := range refers(service, key) {
			if len(refers(s.service(other), key)) > 0 {
				delete(service, key)
			}
		}
	}
}

// declare adds the networks, volumes, secrets and configs that services name.
func (s scene) declare() {
	for _, name := range s.names() {
		service := s.service(name)
		for _, network := range texts(service["networks"]) {
			if part(s.Tree, "networks")[network] == nil {
				part(s.Tree, "networks")[network] = tree{}
			}
			if network == "ranged" {
				part(part(s.Tree, "networks"), network)["ipam"] = tree{"config": []any{tree{
					"subnet": "<SUBNET>.0/24", "gateway": "<SUBNET>.1", "ip_range": "<SUBNET>.128/25", "aux_addresses": tree{"other": "<SUBNET>.9"},
				}}}
			}
		}
		for _, volume := range []string{"data", "cache"} {
			if strings.Contains(fmt.Sprint(service["volumes"]), volume+":") || strings.Contains(fmt.Sprint(service["volumes"]), "source:"+volume) {
				if part(s.Tree, "volumes")[volume] == nil {
					part(s.Tree, "volumes")[volume] = tree{}
				}
			}
		}
	}
	maps.Copy(part(s.Tree, "secrets"), tree{
		"file_secret": tree{"file": "conf/secret.txt", "name": "one", "labels": tree{"one": "1"}, "driver_opts": tree{"one": "1"}},
		"env_secret":  tree{"environment": "ENV_SECRET"},
	})
	configs := part(s.Tree, "configs")
	maps.Copy(configs, tree{
		"file_config": tree{"file": "conf/config.txt", "name": "one", "labels": tree{"one": "1"}},
		"env_config":  tree{"environment": "ENV_CONFIG"},
	})
	if configs["text_config"] == nil {
		configs["text_config"] = tree{"content": "one"}
	}
}
