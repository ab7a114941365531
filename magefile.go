//go:build mage

// FreshTrack is deployed by Slipway. This file says what the stack is and adds targets to it; it is the one file that an
// adopter edits.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/dev"
	"slipway/internal/settings"
	// mage:import
	"slipway/targets"
	// mage:import dev
	_ "slipway/internal/dev"
)

func init() { targets.Use(freshtrack) }

// Aliases give a second name to a target: the README's second command is the chore dev:test.
var Aliases = map[string]any{"test": dev.Test}

// FreshTrack watches a cold chain: sensors post temperatures, a worker flags excursions, a page shows them.
var freshtrack = targets.Stack{
	Name:         "freshtrack",
	Dir:          "stack",
	Destinations: []targets.Destination{local, production},
	Steps:        []targets.Extra{{Before: "build", Step: compileApp}},
}

var local = targets.Destination{
	Name:    "local",
	Files:   []string{"docker-compose.yml"},
	EnvFile: ".env",
	Settings: []settings.Setting{
		{Key: "BACKEND_PORT", Default: "3000", Validate: settings.Port},
		{Key: "FRONTEND_PORT", Default: "8080", Validate: settings.Port},
	},
	Database: targets.Database{Job: "migrate", Volume: "data", Migrations: "app/migrations/sqlite/*.sql", Kind: "sqlite", Writers: []string{"backend", "worker"}},
	Addresses: []targets.Address{
		{Name: "health", URL: "http://127.0.0.1:${BACKEND_PORT:-3000}/health", Ready: `"healthy"`},
		{Name: "ready", URL: "http://127.0.0.1:${BACKEND_PORT:-3000}/health/ready", Ready: `"connected"`},
		{Name: "frontend", URL: "http://127.0.0.1:${FRONTEND_PORT:-8080}/"},
	},
	Links: []targets.Link{
		{Name: "dashboard", URL: "http://127.0.0.1:${FRONTEND_PORT:-8080}/"},
		{Name: "API", URL: "http://127.0.0.1:${BACKEND_PORT:-3000}/sensors"},
		{Name: "health", URL: "http://127.0.0.1:${BACKEND_PORT:-3000}/health/ready"},
	},
}

// caddy is asked on this machine, under the public name: DNS and whatever stands before the machine are not part of it.
const caddy = "127.0.0.1:${CADDY_HTTPS_PORT:-443}"

var production = targets.Destination{
	Name:      "production",
	Files:     []string{"docker-compose.yml", "compose.production.yaml"},
	EnvFile:   ".env.production",
	Profiles:  []string{"monitoring"},
	Domain:    "DOMAIN",
	Authority: "CADDY_TLS",
	Firewall:  true,
	Settings: []settings.Setting{
		{Key: "DOMAIN", Question: "Domain under which the stack is reached", Validate: settings.FQDN, Normalize: settings.ASCII},
		{Key: "ADMIN_EMAIL", Question: "E-mail of the administrator, for certificates", Validate: settings.Email},
		{Key: "STACK_PROJECT_ID", Question: "Stack Auth: project id", Validate: settings.NonBlank},
		{Key: "STACK_PUBLISHABLE_CLIENT_KEY", Question: "Stack Auth: publishable key", Validate: settings.NonBlank},
		{Key: "STACK_SECRET_SERVER_KEY", Question: "Stack Auth: secret key", Secret: true, Validate: settings.NonBlank},
		{Key: "database_password", Secret: true, Generate: 32, File: "secrets/database_password"},
		{Key: "redis_password", Secret: true, Generate: 32, File: "secrets/redis_password"},
		{Key: "jwt_secret", Secret: true, Generate: 48, File: "secrets/jwt_secret"},
		{Key: "grafana_admin_password", Secret: true, Generate: 32, File: "secrets/grafana_admin_password"},
		{Key: "minio_root_password", Secret: true, Generate: 32, File: "secrets/minio_root_password"},
	},
	Database: targets.Database{
		Job: "migrate", Service: "postgres", Volume: "postgres", Migrations: "app/migrations/postgres/*.sql",
		Kind: "postgres", Writers: []string{"backend", "worker"},
	},
	Addresses: []targets.Address{
		{Name: "health", URL: "https://${DOMAIN}/health", Via: caddy, Ready: `"healthy"`},
		{Name: "ready", URL: "https://${DOMAIN}/health/ready", Via: caddy, Ready: `"connected"`},
		{Name: "frontend", URL: "https://${DOMAIN}/", Via: caddy},
	},
	Links: []targets.Link{
		{Name: "dashboard", URL: "https://${DOMAIN}/"},
		{Name: "API", URL: "https://${DOMAIN}/sensors"},
		{Name: "health", URL: "https://${DOMAIN}/health/ready"},
		{Name: "monitoring", URL: "http://127.0.0.1:${GRAFANA_PORT:-3030}/"},
		{Name: "status page", URL: "http://127.0.0.1:${UPTIME_KUMA_PORT:-3031}/"},
	},
}

// compileApp is a step of our own: it compiles the program on this machine, because no base image can be assumed.
var compileApp = checkpoints.Step{
	Name:   "compile",
	Inputs: func(context.Context) ([]checkpoints.Input, error) { return appSources() },
	Holds: func(context.Context) (string, error) {
		if _, err := os.Stat("stack/app/bin/app"); err != nil {
			return "stack/app/bin/app is gone", nil
		}
		return "", nil
	},
	Run: func(ctx context.Context) (string, error) {
		sources, err := appSources()
		if err != nil {
			return "", err
		}
		// The version is that of the sources, so that the same sources make the same image.
		flags := "-s -w -X main.version=" + checkpoints.Digest(sources)[:12]
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", "bin/app", ".") //nolint:gosec // argv
		cmd.Dir = "stack/app"
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return "stack/app/bin/app", nil
	},
}

// appSources is everything the program is made of but its tests.
func appSources() ([]checkpoints.Input, error) {
	return checkpoints.Tree("stack/app", "stack/app", func(rel string) bool {
		return !strings.HasPrefix(rel, "bin/") && !strings.HasSuffix(rel, "_test.go")
	})
}
