package bench

import (
	"fmt"
	"strings"
)

// pair is two dependent services, the second of which is given VALUE by the env file.
func pair(image, interval, readyAfter string) string {
	return fmt.Sprintf(`services:
  db:
    image: %[1]s
    command: [serve]
    environment: {READY_AFTER: %[3]s}
    healthcheck: {test: [CMD, /actor, healthcheck], interval: %[2]s, timeout: 10s, retries: 3}
  web:
    image: %[1]s
    command: [serve]
    environment: {READY_AFTER: %[3]s, VALUE: "${VALUE}"}
    healthcheck: {test: [CMD, /actor, healthcheck], interval: %[2]s, timeout: 10s, retries: 3}
    depends_on:
      db: {condition: service_healthy}
`, image, interval, readyAfter)
}

// single is one service that is ready some time after its start.
func single(image, interval, readyAfter string) string {
	return fmt.Sprintf(`services:
  web:
    image: %s
    command: [serve]
    environment: {READY_AFTER: %s}
    healthcheck: {test: [CMD, /actor, healthcheck], interval: %s, timeout: 10s, retries: 3}
`, image, readyAfter, interval)
}

// fronted is a service behind Caddy, which is published on a port of this machine.
func fronted(image, caddy, order string, port int) string {
	return fmt.Sprintf(`services:
  caddy:
    image: %s
    ports: ["127.0.0.1:%d:80"]
    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro"]
    dns_opt: ["ndots:1"]
    dns_search: ["."]
  web:
    image: %s
    command: [serve]
    environment: {READY_AFTER: 0s, VALUE: "${VALUE}"}
    deploy: {update_config: {order: %s}}
    healthcheck: {test: [CMD, /actor, healthcheck], interval: 1s, timeout: 10s, retries: 3}
`, caddy, port, image, order)
}

// caddyfile forwards as the Caddyfile of the reference stack does, without TLS.
const caddyfile = `{
	admin off
	auto_https off
}

(docker_dns) {
	refresh 100ms
	resolvers 127.0.0.11:53
	dial_timeout 1s
}

(retries) {
	lb_policy random
	lb_try_duration 15s
	lb_try_interval 50ms
	transport http {
		dial_timeout 250ms
		response_header_timeout 30s
	}
}

:80 {
	reverse_proxy {
		dynamic a web 8080 {
			import docker_dns
		}
		import retries
	}
}
`

// many is so many services that do nothing.
func many(image string, services int) string {
	var text strings.Builder
	text.WriteString("services:\n")
	for n := range services {
		fmt.Fprintf(&text, "  s%03d: {image: %q, command: [idle], mem_limit: 32m}\n", n+1, image)
	}
	return text.String()
}

// detailed is so many services as people write them, each after one of those before it.
func detailed(image string, services int) string {
	var text strings.Builder
	text.WriteString("x-app: &app\n  restart: unless-stopped\n  logging: {driver: json-file, options: {max-size: 10m}}\nservices:\n")
	for n := range services {
		fmt.Fprintf(&text, "  s%04d:\n    <<: *app\n    image: %q\n    command: [serve, --name, \"${VALUE}\"]\n    environment: {A: \"1\", B: \"${VALUE}\", C: three}\n"+
			"    labels: {app: s%04[1]d}\n    volumes: [\"d%[3]d:/data\"]\n    healthcheck: {test: [CMD, /actor, healthcheck], interval: 10s, timeout: 5s, retries: 3}\n", n, image, n%50)
		if n > 0 {
			fmt.Fprintf(&text, "    depends_on: [s%04d]\n", n/5)
		}
	}
	text.WriteString("volumes:\n")
	for n := range 50 {
		fmt.Fprintf(&text, "  d%d: {}\n", n)
	}
	return text.String()
}

// magefile declares the stack in the folder that the environment names, so that one binary deploys them all.
const magefile = `//go:build mage

// The stacks of dev:bench.
package main

import (
	"os"
	"strconv"

	"slipway"
	// mage:import
	_ "slipway/targets"
)

func init() {
	var database slipway.Database
	if kind := os.Getenv("BENCH_DATABASE"); kind != "" {
		database = slipway.Database{Kind: kind, Service: "db", Volume: "data"}
	}
	parallel, _ := strconv.Atoi(os.Getenv("BENCH_PARALLEL"))
	slipway.Use(slipway.Stack{
		Name: "bench",
		Dir:  os.Getenv("BENCH_STACK"),
		Destinations: []slipway.Destination{{
			Name: "local", Files: []string{"compose.yaml"}, EnvFile: ".env", Database: database, Parallel: parallel,
		}},
	})
}
`
