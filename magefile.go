//go:build mage

// FreshTrack is deployed by Slipway. This file says what the stack is and adds targets to it; it is the one file that an adopter edits.
package main

import (
	"slipway"
	"slipway/internal/dev" // mage:import dev
	"slipway/stack"
	_ "slipway/targets" // mage:import
)

func init() {
	compile := slipway.Step{Before: "build", Step: stack.Compile}
	slipway.Use(slipway.Stack{Name: "freshtrack", Dir: "stack", Destinations: []slipway.Destination{local, production}, Steps: []slipway.Step{compile}})
}

// Aliases give a second name to a target: the README's second command is the chore dev:test.
var Aliases = map[string]any{"test": dev.Test}

// Local selects the destination local for the targets after it: `mage local deploy`. It changes nothing by itself.
func Local() error { return slipway.To("local") }

// Production selects the destination production for the targets after it: `mage production deploy`. It changes nothing by itself.
func Production() error { return slipway.To("production") }

const backend, frontend = "http://127.0.0.1:${BACKEND_PORT:-3000}", "http://127.0.0.1:${FRONTEND_PORT:-8080}/"

var local = slipway.Destination{
	Name: "local", Files: []string{"docker-compose.yml"}, EnvFile: ".env",
	Settings:  []slipway.Setting{{Key: "BACKEND_PORT", Default: "3000", Validate: slipway.Port}, {Key: "FRONTEND_PORT", Default: "8080", Validate: slipway.Port}},
	Database:  slipway.Database{Kind: "sqlite", Volume: "data", Job: "migrate", Migrations: "app/migrations/sqlite/*.sql", Writers: []string{"backend", "worker"}},
	Endpoints: []slipway.Endpoint{{Name: "health", URL: backend + "/health", Ready: `"healthy"`}, {Name: "ready", URL: backend + "/health/ready", Ready: `"connected"`}, {Name: "frontend", URL: frontend}},
	Links:     []slipway.Link{{Name: "dashboard", URL: frontend}, {Name: "API", URL: backend + "/sensors"}, {Name: "health", URL: backend + "/health/ready"}},
}

// caddy is asked on this machine, under the public name: DNS and whatever stands before the machine are not part of it.
const caddy = "127.0.0.1:${CADDY_HTTPS_PORT:-443}"

var production = slipway.Destination{
	Name: "production", Files: []string{"docker-compose.yml", "compose.production.yaml"}, EnvFile: ".env.production", Profiles: []string{"monitoring"},
	Domain: "DOMAIN", Authority: "CADDY_TLS", Firewall: true,
	Settings: []slipway.Setting{
		{Key: "DOMAIN", Question: "Domain under which the stack is reached", Validate: slipway.FQDN, Normalize: slipway.ASCII},
		{Key: "ADMIN_EMAIL", Question: "E-mail of the administrator, for certificates", Validate: slipway.Email},
		{Key: "STACK_PROJECT_ID", Question: "Stack Auth: project id", Validate: slipway.NonBlank}, {Key: "STACK_PUBLISHABLE_CLIENT_KEY", Question: "Stack Auth: publishable key", Validate: slipway.NonBlank},
		{Key: "STACK_SECRET_SERVER_KEY", Question: "Stack Auth: secret key", Secret: true, Validate: slipway.NonBlank},
		{Key: "database_password", Generate: 32, File: "secrets/database_password"}, {Key: "redis_password", Generate: 32, File: "secrets/redis_password"},
		{Key: "jwt_secret", Generate: 48, File: "secrets/jwt_secret"}, {Key: "grafana_admin_password", Generate: 32, File: "secrets/grafana_admin_password"},
		{Key: "minio_root_password", Generate: 32, File: "secrets/minio_root_password"},
	},
	Database:  slipway.Database{Kind: "postgres", Service: "postgres", Volume: "postgres", Job: "migrate", Migrations: "app/migrations/postgres/*.sql", Writers: []string{"backend", "worker"}},
	Endpoints: []slipway.Endpoint{{Name: "health", URL: "https://${DOMAIN}/health", Via: caddy, Ready: `"healthy"`}, {Name: "ready", URL: "https://${DOMAIN}/health/ready", Via: caddy, Ready: `"connected"`}, {Name: "frontend", URL: "https://${DOMAIN}/", Via: caddy}},
	Links: []slipway.Link{
		{Name: "dashboard", URL: "https://${DOMAIN}/"}, {Name: "API", URL: "https://${DOMAIN}/sensors"}, {Name: "health", URL: "https://${DOMAIN}/health/ready"},
		{Name: "monitoring", URL: "http://127.0.0.1:${GRAFANA_PORT:-3030}/"}, {Name: "status page", URL: "http://127.0.0.1:${UPTIME_KUMA_PORT:-3031}/"},
	},
}
