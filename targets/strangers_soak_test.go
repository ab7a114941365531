//go:build engine && soak

package targets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stranger is a Compose project in a shape that people really run. @A and @B in its files are free ports.
type stranger struct {
	files    map[string]string
	prepare  func(*demo)
	edit     [2]string // in compose.yaml, or in the file of edits
	edits    string
	replaced []string // by the edit
	well     string   // what verify says
}

var strangers = map[string]stranger{
	"one file without healthchecks": {
		files: map[string]string{"compose.yaml": `
services:
  web: {image: "@P/demo:1", environment: {SAY: one}}
  worker: {image: "@P/demo:1", command: [hold]}
`},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "2 containers, 0 addresses",
	},
	"profiles and one-shots": {
		files: map[string]string{"compose.yaml": `
services:
  setup: {image: "@P/demo:1", command: [job], environment: {LOG: /data/log}, volumes: ["data:/data"]}
  web:
    image: "@P/demo:1"
    environment: {SAY: one}
    depends_on: {setup: {condition: service_completed_successfully}}
  debug: {image: "@P/demo:1", command: [hold], profiles: [debug]}
volumes: {data: {}}
`},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "2 containers",
	},
	"built alone": {
		files: map[string]string{"compose.yaml": `
x-build: &build {context: app}
services:
  web: {build: *build}
  worker: {build: *build, command: [hold]}
  mail: {build: *build, command: [hold], init: true}
`},
		edit: [2]string{"COPY program", "ENV A=b\nCOPY program"}, edits: "app/Dockerfile", replaced: []string{"mail", "web", "worker"}, well: "3 containers",
	},
	"fixed ports": {
		files: map[string]string{"docker-compose.yml": `
version: "3.8"
services:
  web:
    image: "@P/demo:1"
    restart: always
    ports: ["127.0.0.1:@A:8080"]
    environment: [SAY=one]
    healthcheck: {test: ["CMD", "/program", "check"], interval: 2s}
  api: {image: "@P/demo:1", restart: always, ports: ["127.0.0.1:@B:8080"]}
`},
		edit: [2]string{"SAY=one", "SAY=two"}, edits: "docker-compose.yml", replaced: []string{"web"}, well: "2 containers, 1 address",
	},
	"an external network": {
		files: map[string]string{"compose.yaml": `
services:
  web: {image: "@P/demo:1", environment: {SAY: one}, networks: {proxy: {aliases: [shop]}, default: null}}
networks: {proxy: {external: true, name: "@P-proxy"}}
`},
		prepare: func(d *demo) {
			d.docker("network", "create", d.project+"-proxy")
			d.t.Cleanup(func() { _ = exec.Command("docker", "network", "rm", d.project+"-proxy").Run() })
		},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "1 container",
	},
	"a database in a folder": {
		files: map[string]string{"compose.yaml": `
services:
  db:
    image: slipway-test/postgres:17
    environment: {POSTGRES_PASSWORD: not-a-secret-7, POSTGRES_INITDB_ARGS: --no-sync}
    volumes: ["./pgdata:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD-SHELL, "pg_isready -h 127.0.0.1 -U postgres"], interval: 1s, timeout: 10s, start_period: 60s}
  web: {image: "@P/demo:1", environment: {SAY: one}, depends_on: {db: {condition: service_healthy}}}
`},
		prepare: func(d *demo) { serverImages("postgres-17")(d.t) },
		edit:    [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "2 containers",
	},
	"jobs": {
		files: map[string]string{"compose.yaml": `
services:
  web: {image: "@P/demo:1", environment: {SAY: one}}
jobs:
  report: {image: "@P/demo:1", command: [job], triggers: {manual: true}}
`},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "1 container",
	},
	"several env files": {
		files: map[string]string{
			"compose.yaml": `
services:
  web:
    image: "@P/demo:${TAG:-1}"
    env_file: [common.env, {path: web.env, required: false}]
    environment: {HOST: "${HOST}"}
  worker: {image: "@P/demo:1", command: [hold], env_file: common.env}
`,
			".env": "HOST=shop.example\n", "common.env": "LEVEL=info\n", "web.env": "SAY=one\nURL=http://a/?b=c&d=e\n",
		},
		edit: [2]string{"SAY=one", "SAY=two"}, edits: "web.env", replaced: []string{"web"}, well: "2 containers",
	},
	"three replicas behind a proxy": {
		files: map[string]string{
			"compose.yaml": `
services:
  proxy: {image: "slipway-test/caddy:2.11", command: [caddy, run, --config, /etc/caddy/Caddyfile], ports: ["127.0.0.1:@A:8000"], volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro"]}
  web:
    image: "@P/demo:1"
    environment: {SAY: one}
    deploy: {replicas: 3}
    healthcheck: {test: [CMD, /program, check], interval: 1s}
`,
			"Caddyfile": ":8000 {\n\treverse_proxy {\n\t\tdynamic a web 8080 {\n\t\t\trefresh 100ms\n\t\t}\n\t}\n}\n",
		},
		prepare: func(d *demo) { serverImages("caddy")(d.t) },
		edit:    [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "4 containers",
	},
	"an override": {
		files: map[string]string{
			"compose.yaml":          "services: {web: {image: '@P/demo:1', environment: {SAY: one, LEVEL: info}}}\n",
			"compose.override.yaml": "services: {web: {environment: {LEVEL: debug}, ports: ['127.0.0.1:@A:8080']}}\n",
		},
		edit: [2]string{"LEVEL: debug", "LEVEL: trace"}, edits: "compose.override.yaml", replaced: []string{"web"}, well: "1 container",
	},
	"include, extends and anchors": {
		files: map[string]string{
			"compose.yaml": `
include: [mail/compose.yaml]
x-common: &common {restart: unless-stopped, logging: {driver: json-file, options: {max-size: 1m}}}
services:
  web: {<<: *common, extends: {file: base.yaml, service: base}, environment: {SAY: one}}
`,
			"base.yaml":         "services: {base: {image: '@P/demo:1', labels: {team: shop}}}\n",
			"mail/compose.yaml": "services: {mail: {image: '@P/demo:1', command: [hold], env_file: mail.env}}\n", "mail/mail.env": "A=b\n",
		},
		edit: [2]string{"team: shop", "team: store"}, edits: "base.yaml", replaced: []string{"web"}, well: "2 containers",
	},
	"secrets and configs": {
		files: map[string]string{
			"compose.yaml": `
services:
  web:
    image: "@P/demo:1"
    environment: {FILE: /etc/page}
    secrets: [token]
    configs: [{source: page, target: /etc/page}, motd]
secrets: {token: {file: ./secrets/token}}
configs: {page: {file: ./page.txt}, motd: {content: "hello"}}
`,
			"secrets/token": "not-a-secret-7\n", "page.txt": "one\n",
		},
		edit: [2]string{"one", "two"}, edits: "page.txt", replaced: []string{"web"}, well: "1 container",
	},
	"a network of another's": {
		files: map[string]string{"compose.yaml": `
services:
  vpn: {image: "@P/demo:1", command: [hold], environment: {SAY: one}, cap_add: [NET_ADMIN]}
  client: {image: "@P/demo:1", network_mode: "service:vpn", depends_on: [vpn]}
`},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"client", "vpn"}, well: "2 containers",
	},
	"hardened": {
		files: map[string]string{"compose.yaml": `
services:
  web:
    image: "@P/demo:1"
    user: "1000:1000"
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    ulimits: {nofile: {soft: 1024, hard: 2048}}
    sysctls: {net.core.somaxconn: 512}
    mem_limit: 64m
    pids_limit: 50
    environment: {SAY: one}
    volumes: ["cache:/cache"]
volumes: {cache: {labels: {keep: "yes"}}}
`},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "1 container",
	},
	"names and addresses of their own": {
		files: map[string]string{"compose.yaml": `
services:
  db: {image: "@P/demo:1", container_name: "@P-database", command: [hold], networks: {back: {ipv4_address: 10.213.77.9}}}
  web:
    image: "@P/demo:1"
    container_name: "@P-website"
    hostname: shop
    environment: {SAY: one}
    labels: {traefik.enable: "true", "traefik.http.routers.shop.rule": "Host('shop.example')"}
    depends_on: {db: {condition: service_started, restart: true}}
    networks: [back]
networks: {back: {ipam: {config: [{subnet: 10.213.77.0/24}]}}}
`},
		edit: [2]string{"SAY: one", "SAY: two"}, replaced: []string{"web"}, well: "2 containers",
	},
}

// TestFifteenProjectsThatAreNoneOfOursAreDeployedWithoutAMagefile deploys each by the binary, again without a change, with one, verifies
// it and takes it down.
func TestFifteenProjectsThatAreNoneOfOursAreDeployedWithoutAMagefile(t *testing.T) {
	slipway, err := static()
	if err != nil {
		t.Fatal(err)
	}
	if len(strangers) != 15 {
		t.Errorf("there are %d projects", len(strangers))
	}
	for name, s := range strangers {
		t.Run(name, func(t *testing.T) { s.deployed(t, slipway) })
	}
}

func (s stranger) deployed(t *testing.T, slipway string) {
	d := newDemo(t, nil)
	d.image("demo:1")
	d.dir = filepath.Join(d.dir, d.project)
	d.version("v1")
	d.write("app/Dockerfile", "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n")
	ports := strings.NewReplacer("@A", fmt.Sprint(freePort(t)), "@B", fmt.Sprint(freePort(t)))
	for name, content := range s.files {
		d.write(name, ports.Replace(content))
	}
	if s.prepare != nil {
		s.prepare(d)
	}
	deploy := []string{"deploy", "-skip=prerequisites", "-passes=1", "-timeout=2m"}
	d.run(slipway, deploy...)
	d.settled()
	before := d.ids()
	if again := d.run(slipway, deploy...); strings.Contains(again, "\nrun ") || len(d.replaced(before)) > 0 {
		t.Errorf("an unchanged deployment replaces %q:\n%s", d.replaced(before), again)
	}
	file := s.edits
	if file == "" {
		file = "compose.yaml"
	}
	text := read(t, filepath.Join(d.dir, file))
	if !strings.Contains(text, s.edit[0]) {
		t.Fatalf("%s has no %q", file, s.edit[0])
	}
	d.write(file, strings.Replace(text, s.edit[0], s.edit[1], 1))
	changed := d.run(slipway, deploy...)
	if got := d.replaced(before); !slices.Equal(got, s.replaced) {
		t.Errorf("of a change in %s came others of %q, want %q:\n%s", file, got, s.replaced, changed)
	}
	d.settled()
	if out := d.run(slipway, "verify", "-passes=1", "-timeout=2m"); !strings.Contains(out, s.well) {
		t.Errorf("verify does not say %q:\n%s", s.well, out)
	}
	volumes := d.docker("volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+d.project)
	d.run(slipway, "down")
	if left := d.ids(); len(left) > 0 {
		t.Errorf("down leaves %v", left)
	}
	if now := d.docker("volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+d.project); now != volumes {
		t.Errorf("down leaves the volumes %q, there were %q", now, volumes)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "magefile.go")); err == nil {
		t.Error("there is a magefile now")
	}
}
