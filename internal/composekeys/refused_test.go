package composekeys

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// newest has all that any key needs.
var newest = World{Compose: "5.7.0", API: "1.56", Runtimes: []string{"runc"}}

func load(t *testing.T, yaml string) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  t.TempDir(),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(yaml)}},
		Environment: types.Mapping{"SET": "value", "EMPTY": ""},
	}, func(o *loader.Options) { o.SetProjectName("keys", true) })
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func check(t *testing.T, yaml string, world World) []string {
	t.Helper()
	found, err := Check(load(t, yaml), world)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, f := range found {
		if f.Why == "" || f.Instead == "" {
			t.Errorf("%+v does not say why, or what instead", f)
		}
		keys = append(keys, f.Key)
	}
	return keys
}

// service wraps the lines of one service.
func service(lines string) string {
	return "services:\n  web:\n    image: web\n    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

func TestWhatNoComposeCanDoIsRefused(t *testing.T) {
	for _, c := range []struct{ yaml, key string }{
		{"services: {db: {provider: {type: cloud, options: {size: 1}}}, web: {image: web, depends_on: [db]}}", "services.db.provider"},
		{"jobs: {night: {image: job, triggers: {schedule: [\"0 3 * * *\"]}}}", "jobs.night.triggers.schedule"},
		{service("pre_start: [{command: [a]}, {command: [b], per_replica: true}]"), "services.web.pre_start.per_replica"},
		{service("secrets: [s]") + "secrets: {s: {external: true}}", "secrets.s.external"},
		{service("secrets: [s]") + "secrets: {s: {file: f, template_driver: golang}}", "secrets.s.template_driver"},
		{service("secrets: [s]") + "secrets: {s: {file: f, driver: vault}}", "secrets.s.driver"},
		{service("configs: [c]") + "configs: {c: {external: true}}", "configs.c.external"},
		{service("configs: [c]") + "configs: {c: {file: f, template_driver: golang}}", "configs.c.template_driver"},
		{service("configs: [c]") + "configs: {c: {environment: UNSET}}", "configs.c.environment"},
		{service("secrets: [c]\nread_only: true") + "secrets: {c: {environment: SET}}", "services.web.secrets"},
		{service("configs: [c]\nread_only: true") + "configs: {c: {content: x}}", "services.web.configs"},
		{service("restart: sometimes"), "services.web.restart"},
		{service("restart: always:3"), "services.web.restart"},
		{service("restart: on-failure:x"), "services.web.restart"},
		{service("deploy: {restart_policy: {condition: maybe}}"), "services.web.deploy.restart_policy.condition"},
		{service("dns: [resolver]"), "services.web.dns"},
		{service("ulimits: {nosuch: 5}"), "services.web.ulimits.nosuch"},
		{service("ulimits: {nofile: {soft: 200, hard: 100}}"), "services.web.ulimits.nofile"},
		{service("ulimits: {nofile: {soft: -1, hard: 100}}"), "services.web.ulimits.nofile"},
		{service("sysctls: {kernel.panic: 1}"), "services.web.sysctls.kernel.panic"},
		{service("sysctls: {kernel.hostname: a}"), "services.web.sysctls.kernel.hostname"},
		{service("sysctls: {net.core.somaxconn: 1024}\nnetwork_mode: host"), "services.web.sysctls.net.core.somaxconn"},
		{service("isolation: hyperv"), "services.web.isolation"},
		{service("runtime: nvidia"), "services.web.runtime"},
		{service("volumes: [{type: npipe, source: a, target: /b}]"), "services.web.volumes.type"},
		{service("volumes: [{type: cluster, source: a, target: /b}]"), "services.web.volumes.type"},
		{service("healthcheck: {test: [CMD, a], start_interval: 1s}"), "services.web.healthcheck.start_interval"},
	} {
		if got := check(t, c.yaml, newest); !slices.Equal(got, []string{c.key}) {
			t.Errorf("%s: found %v instead of %s", c.yaml, got, c.key)
		}
	}
}

func TestWhatTheMachineLacksIsRefused(t *testing.T) {
	models := service("models: [llm]") + "models: {llm: {model: ai/small}}"
	if got := check(t, models, World{NoModels: true}); !slices.Equal(got, []string{"models"}) {
		t.Errorf("without docker model: found %v", got)
	}
	overlay := service("networks: [n]") + "networks: {n: {driver: overlay}}"
	if got := check(t, overlay, World{NoSwarm: true}); !slices.Equal(got, []string{"networks.n.driver"}) {
		t.Errorf("without a Swarm: found %v", got)
	}
	for _, yaml := range []string{models, overlay} {
		if got := check(t, yaml, newest); len(got) > 0 {
			t.Errorf("%s: found %v, with all that it needs", yaml, got)
		}
	}
}

func TestAKeyThatIsNewerThanTheComposeHereIsRefused(t *testing.T) {
	for _, c := range []struct{ yaml, key, before, since string }{
		{service("post_start: [{command: [a]}]"), "services.web.post_start", "2.26.1-4", "2.30.0"},
		{service("pre_stop: [{command: [a]}]"), "services.web.pre_stop", "2.29.7", "2.30.0"},
		{service("pre_start: [{command: [a]}]"), "services.web.pre_start", "2.40.3-3", "5.6.0"},
		{service("gpus: all"), "services.web.gpus", "2.26.1", "2.30.0"},
		{service("use_api_socket: true"), "services.web.use_api_socket", "2.37.0", "2.38.0"},
		{service("networks: {default: {interface_name: eth7}}"), "services.web.networks.default.interface_name", "2.35.1", "2.36.0"},
		{service("networks: {default: {gw_priority: 7}}"), "services.web.networks.default.gw_priority", "2.32.0", "2.33.0"},
		{service("env_file: [{path: e, format: raw, required: false}]"), "services.web.env_file.format", "2.26.1", "2.30.0"},
		{service("pull_policy: daily"), "services.web.pull_policy", "2.33.1", "2.34.0"},
		{service("pull_policy: every_3d"), "services.web.pull_policy", "2.26.1-4", "2.34.0"},
		{service("volumes: [{type: image, source: a, target: /b}]"), "services.web.volumes.type", "2.26.1-4", "2.35.0"},
		{"jobs: {once: {image: job, triggers: {manual: true}}}", "jobs", "5.5.1", "5.6.0"},
		{service("networks: [n]") + "networks: {n: {enable_ipv4: false}}", "networks.n.enable_ipv4", "2.32.4", "2.33.0"},
	} {
		if got := check(t, c.yaml, World{Compose: c.before, API: "1.53"}); !slices.Equal(got, []string{c.key}) {
			t.Errorf("Compose %s: found %v instead of %s", c.before, got, c.key)
		}
		if got := check(t, c.yaml, World{Compose: c.since, API: "1.53"}); len(got) > 0 {
			t.Errorf("Compose %s: found %v", c.since, got)
		}
	}
}

func TestAKeyThatTheEngineWouldDropIsRefused(t *testing.T) {
	for _, c := range []struct{ yaml, key, before, since string }{
		{service("volumes: [{type: volume, source: v, target: /b, volume: {subpath: s}}]") + "volumes: {v: {}}", "services.web.volumes.volume.subpath", "1.44", "1.45"},
		{service("volumes: [{type: bind, source: /a, target: /b, bind: {recursive: readonly}}]"), "services.web.volumes.bind.recursive", "1.41", "1.44"},
		{service("volumes: [{type: image, source: a, target: /b}]"), "services.web.volumes.type", "1.47", "1.48"},
		{service("mac_address: \"02:42:ac:11:00:03\""), "services.web.mac_address", "1.41", "1.44"},
		{service("annotations: {a: b}"), "services.web.annotations", "1.41", "1.43"},
		{service("networks: {default: {mac_address: \"02:42:ac:11:00:03\"}}"), "services.web.networks.default.mac_address", "1.41", "1.44"},
		{service("networks: {default: {interface_name: eth7}}"), "services.web.networks.default.interface_name", "1.48", "1.49"},
	} {
		if got := check(t, c.yaml, World{Compose: "5.6.0", API: c.before}); !slices.Equal(got, []string{c.key}) {
			t.Errorf("API %s: found %v instead of %s", c.before, got, c.key)
		}
		if got := check(t, c.yaml, World{Compose: "5.6.0", API: c.since}); len(got) > 0 {
			t.Errorf("API %s: found %v", c.since, got)
		}
	}
}

func TestStartIntervalIsRefusedOnlyWhereThatComposeRefusesIt(t *testing.T) {
	yaml := service("healthcheck: {test: [CMD, a], start_interval: 1s, start_period: 9s}")
	for _, c := range []struct {
		compose, api string
		refused      bool
	}{{"2.26.1", "1.41", true}, {"2.40.3", "1.43", true}, {"2.26.1", "1.45", false}, {"5.6.0", "1.41", false}} {
		if got := check(t, yaml, World{Compose: c.compose, API: c.api}); (len(got) > 0) != c.refused {
			t.Errorf("Compose %s, API %s: found %v", c.compose, c.api, got)
		}
	}
}

// What a usual stack says must pass on the oldest Compose and engine: kind G of the cases, too strict.
func TestAUsualStackPassesOnTheFloor(t *testing.T) {
	yaml := `
x-common: &common
  restart: unless-stopped
  logging: {driver: json-file, options: {max-size: 10m}}
services:
  web:
    <<: *common
    build: {context: ., args: {A: b}, secrets: [token]}
    x-note: kept
    ports: ["127.0.0.1:8080:80", "9000"]
    volumes: ["data:/data", "./conf:/conf:ro", {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    networks: {default: {aliases: [www], ipv4_address: 10.1.2.3}, back: {}}
    depends_on: {db: {condition: service_healthy, restart: true}, cache: {condition: service_started, required: false}}
    healthcheck: {test: [CMD, a], interval: 5s, start_period: 9s}
    devices: ["/dev/null"]
    deploy: {mode: global, replicas: 2, update_config: {order: start-first, parallelism: 2}, restart_policy: {condition: any},
      placement: {constraints: [node.role==manager]}, resources: {limits: {cpus: "0.5", memory: 64M}}}
    develop: {watch: [{path: ., action: sync, target: /x}]}
    secrets: [token]
    configs: [{source: text, mode: 0440}]
    read_only: false
    init: true
    dns: [9.9.9.9]
    isolation: default
    mac_address: "02:42:ac:11:00:03"
    pull_policy: build
  db: {image: db, restart: "on-failure:3", network_mode: "service:cache", environment: {A: "1"}}
  cache: {image: cache, pull_policy: always, attach: false, container_name: shop-cache, profiles: []}
networks:
  default: {ipam: {config: [{subnet: 10.1.2.0/24}]}, enable_ipv6: true, internal: true}
  back: {external: true, name: shared}
volumes: {data: {driver: local, driver_opts: {type: tmpfs}}}
secrets: {token: {environment: EMPTY}}
configs: {text: {content: hello}}
`
	if got := check(t, yaml, World{Compose: "2.26.1-4", API: "1.41", Runtimes: []string{"runc"}, NoSwarm: true, NoModels: true}); len(got) > 0 {
		t.Errorf("refused: %v", got)
	}
}
