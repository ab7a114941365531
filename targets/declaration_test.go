package targets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway"
	"slipway/checkpoints"
	"slipway/internal/compose"
)

// shop is a declaration that is right, of a checkout that has what it names.
func shop(t *testing.T) slipway.Stack {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml":      `{"services": {"web": {"image": "shop", "environment": {"TLS": "${TLS:-auto}", "ADMIN": "${ADMIN:?}"}}}}`,
		"migrations/1.sql":  "",
		"secrets/key":       "",
		"folder/.gitignore": "",
		".env":              "PRESENT=1\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return slipway.Stack{
		Name: "shop", Dir: dir,
		Steps: []slipway.Step{{Before: "build", Step: checkpoints.Step{Name: "compile", Run: nothing}}},
		Destinations: []slipway.Destination{{
			Name: "local", Files: []string{"compose.yaml"}, EnvFile: ".env", Domain: "DOMAIN", Authority: "TLS",
			Settings: []slipway.Setting{{Key: "DOMAIN"}, {Key: "PORT", Default: "80"}, {Key: "key", File: "secrets/key"}},
			Database: slipway.Database{Job: "migrate", Service: "db", Volume: "data", Migrations: "migrations/*.sql", Kind: "postgres"},
			Endpoints: []slipway.Endpoint{
				{Name: "home", URL: "https://${DOMAIN}:${PORT}/", Via: "${BIND:-127.0.0.1}:${PORT}"}, {Name: "plain", URL: "tcp://${DOMAIN}:5432"},
				{Name: "whole", URL: "${ADMIN}/health"}, {Name: "dollar", URL: "http://h/$$x", Via: "[::1]:80"},
			},
			Links: []slipway.Link{{Name: "mail", URL: "mailto:${ADMIN}"}, {Name: "home", URL: "${DOMAIN}://x/$PRESENT"}},
		}},
	}
}

func nothing(context.Context) (string, error) { return "", nil }

// everyTarget starts each target, those first that only look: should one not refuse, none that acts is begun.
var everyTarget = []func(context.Context) error{
	func(ctx context.Context) error { return History(ctx, nil, nil) },
	func(ctx context.Context) error { return Status(ctx, nil) },
	func(ctx context.Context) error { return Plan(ctx, nil, nil) },
	func(ctx context.Context) error { return Logs(ctx, "web", nil) },
	func(ctx context.Context) error { return Verify(ctx, nil, nil, nil, nil) },
	func(ctx context.Context) error { return Preflight(ctx, nil) },
	func(ctx context.Context) error { return run(ctx, checkpoints.Step{Name: "own", Run: nothing}) },
	func(ctx context.Context) error { return Reset(ctx, nil) },
	func(ctx context.Context) error { return Restore(ctx, nil, nil, nil, nil) },
	func(ctx context.Context) error { return Backup(ctx, nil) },
	func(ctx context.Context) error { return Config(ctx, nil) },
	func(ctx context.Context) error { return Prerequisites(ctx, nil) },
	func(ctx context.Context) error { return Deploy(ctx, nil, nil, nil, nil, nil, nil, nil, nil, nil) },
	Down,
}

func TestCaseF4ADeclarationThatCannotWorkIsRefusedByEveryTargetBeforeAnythingIsMade(t *testing.T) {
	step := func(name string) slipway.Step {
		return slipway.Step{Before: "build", Step: checkpoints.Step{Name: name, Run: nothing}}
	}
	for want, spoil := range map[string]func(*slipway.Stack, *slipway.Destination){
		"the step has nothing to run":                       func(s *slipway.Stack, _ *slipway.Destination) { s.Steps[0].Step.Run = nil },
		`step "": a name is made of`:                        func(s *slipway.Stack, _ *slipway.Destination) { s.Steps[0].Step.Name = "" },
		`step "a/b": a name is made of`:                     func(s *slipway.Stack, _ *slipway.Destination) { s.Steps[0].Step.Name = "a/b" },
		"the name belongs to the built-in step pull":        func(s *slipway.Stack, _ *slipway.Destination) { s.Steps = append(s.Steps, step("pull")) },
		"the name belongs to the built-in step rollout":     func(s *slipway.Stack, _ *slipway.Destination) { s.Steps = append(s.Steps, step("rollout.web")) },
		`has two steps "compile"`:                           func(s *slipway.Stack, _ *slipway.Destination) { s.Steps = append(s.Steps, step("compile")) },
		`there is no step "nope" to come before`:            func(s *slipway.Stack, _ *slipway.Destination) { s.Steps[0].Before = "nope" },
		`stack name: "Shop" names no Compose project`:       func(s *slipway.Stack, _ *slipway.Destination) { s.Name = "Shop" },
		`stack name: "-shop" names no Compose project`:      func(s *slipway.Stack, _ *slipway.Destination) { s.Name = "-shop" },
		`stack shop has two destinations "local"`:           func(s *slipway.Stack, d *slipway.Destination) { s.Destinations = append(s.Destinations, *d) },
		`destination "Local": a name is made of`:            func(_ *slipway.Stack, d *slipway.Destination) { d.Name = "Local" },
		`destination "../x": a name is made of`:             func(_ *slipway.Stack, d *slipway.Destination) { d.Name = "../x" },
		"destination \"local\": its Files have to name its": func(_ *slipway.Stack, d *slipway.Destination) { d.Files = []string{"compose.yaml", ""} },
		"compose file nope.yaml is missing":                 func(_ *slipway.Stack, d *slipway.Destination) { d.Files = []string{"nope.yaml"} },
		"folder is a folder":                                func(_ *slipway.Stack, d *slipway.Destination) { d.Files = []string{"folder"} },
		"its MonitorPeriod is -1s":                          func(_ *slipway.Stack, d *slipway.Destination) { d.MonitorPeriod = -time.Second },
		"its Parallel is -1":                                func(_ *slipway.Stack, d *slipway.Destination) { d.Parallel = -1 },
		"a setting has no Key":                              func(_ *slipway.Stack, d *slipway.Destination) { d.Settings[0].Key = "" },
		"two settings have the key PORT":                    func(_ *slipway.Stack, d *slipway.Destination) { d.Settings[0].Key = "PORT" },
		`migrations: glob "m/[": not a pattern`:             func(_ *slipway.Stack, d *slipway.Destination) { d.Database.Migrations = "m/[" },
		`migrations: glob "../*.sql": not a pattern`:        func(_ *slipway.Stack, d *slipway.Destination) { d.Database.Migrations = "../*.sql" },
		"there are no migrations: sql/* matches no":         func(_ *slipway.Stack, d *slipway.Destination) { d.Database.Migrations = "sql/*" },
		`endpoint "home": URL "": what can be asked is`:     func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "" },
		`URL "ftp://h/": what can be asked is`:              func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "ftp://h/" },
		`URL "h:80/": what can be asked is`:                 func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "h:80/" },
		`URL "http://h:99999/": its port has to be`:         func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "http://h:99999/" },
		`URL "tcp://h": its port has to be`:                 func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "tcp://h" },
		`URL "http://${/" cannot be read`:                   func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "http://${/" },
		`Via "${DOMAIN}": what can be dialled is`:           func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].Via = "${DOMAIN}" },
		`Via "h:https": its port has to be`:                 func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].Via = "h:https" },
		`endpoint "home": HOST is not set`:                  func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "http://${HOST}/" },
		`endpoint "home": BIND is not set`:                  func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].Via = "$BIND:80" },
		`endpoint "home": key is not set`:                   func(_ *slipway.Stack, d *slipway.Destination) { d.Endpoints[0].URL = "http://${key}/" },
		`link "home": URL "dashboard": a link is a whole`:   func(_ *slipway.Stack, d *slipway.Destination) { d.Links[1].URL = "dashboard" },
		`link "home": NOPE is not set`:                      func(_ *slipway.Stack, d *slipway.Destination) { d.Links[1].URL = "http://h/${NOPE:?}" },
		"domain: DOMIAN is not set":                         func(_ *slipway.Stack, d *slipway.Destination) { d.Domain = "DOMIAN" },
		"domain: TLS is not set":                            func(_ *slipway.Stack, d *slipway.Destination) { d.Domain = "TLS" },
		"authority: TSL is no setting":                      func(_ *slipway.Stack, d *slipway.Destination) { d.Authority = "TSL" },
		`kind "oracle": what can be backed up is one of`:    func(_ *slipway.Stack, d *slipway.Destination) { d.Database.Kind = "oracle" },
	} {
		t.Run(want, func(t *testing.T) {
			stack := shop(t)
			spoil(&stack, &stack.Destinations[0])
			state := filepath.Join(t.TempDir(), "state")
			t.Setenv("STATE_DIR", state)
			slipway.Use(stack)
			t.Cleanup(func() { slipway.Use(slipway.Stack{}); current = nil })
			for n, start := range everyTarget {
				err := start(t.Context())
				var failure *Failure
				if !errors.As(err, &failure) || failure.Code != exitRefused || !strings.Contains(err.Error(), want) {
					t.Fatalf("target %d: %v", n, err)
				}
			}
			if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state directory was made: %v", err)
			}
		})
	}
}

func TestCaseF4ADeclarationThatIsRightPasses(t *testing.T) {
	stack := shop(t)
	t.Setenv("STATE_DIR", filepath.Join(t.TempDir(), "state"))
	slipway.Use(stack)
	t.Cleanup(func() { slipway.Use(slipway.Stack{}); current = nil })
	if err := History(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}

func TestCaseF4AnOwnStepMayNotTakeTheRecordOfABuiltInOne(t *testing.T) {
	for _, step := range []checkpoints.Step{{Name: "own"}, {Name: "rollout.web", Run: nothing}, {Name: "prerequisites.engine", Run: nothing}, {Run: nothing}} {
		var failure *Failure
		if err := run(t.Context(), step); !errors.As(err, &failure) || failure.Code != exitRefused {
			t.Errorf("step %q: %v", step.Name, err)
		}
	}
}

func TestCaseF4WhatTheComposeFilesLackIsNamed(t *testing.T) {
	t.Parallel()
	model := modelOf(t, `
services:
  web: {image: x, profiles: [off]}
  db: {image: x, volumes: ["data:/data", "./files:/files"]}
  migrate: {image: x, profiles: [jobs]}
volumes: {data: {name: shop-data}}
`)
	right := slipway.Database{Job: "migrate", Service: "db", Volume: "data", Writers: []string{"web"}}
	for _, d := range []slipway.Database{right, {}, {Volume: "./files"}, {Volume: "files"}} {
		if err := (database{d}).checkModel(model); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	for want, spoil := range map[string]func(*slipway.Database){
		`database: Job names "migrat", which is no job of the compose files; there are migrate`:                          func(d *slipway.Database) { d.Job = "migrat" },
		`database: Service names "pg", which is no service of the compose files; there are db, migrate, web`:             func(d *slipway.Database) { d.Service = "pg" },
		`database: Writers names "wep", which is no service of the compose files; there are db, migrate, web`:            func(d *slipway.Database) { d.Writers = []string{"wep"} },
		`database: Volume "date": the compose files have no such volume, and no service writes to a folder of that name`: func(d *slipway.Database) { d.Volume = "date" },
	} {
		d := right
		spoil(&d)
		if err := (database{d}).checkModel(model); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	jobless := modelOf(t, "services: {db: {image: x, volumes: ['data:/data']}, web: {image: x}}\nvolumes: {data: }\n")
	if err := (database{right}).checkModel(jobless); err == nil || err.Error() != `database: Job names "migrate", and the compose files have no job` {
		t.Error(err)
	}
}

// modelOf is the model of a compose file.
func modelOf(t *testing.T, text string) *compose.Model {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	model, err := compose.Project{Name: "p", Dir: dir, Files: []string{"compose.yaml"}}.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func TestASettingThatIsNotSetIsNoEmptyPartOfAURL(t *testing.T) {
	t.Parallel()
	values := func(key string) (string, bool) { return "h", key == "HOST" }
	for text, want := range map[string]string{"http://${HOST}/": "http://h/", "http://${OTHER:-x}/$$": "http://x/$"} {
		if got, err := expand(text, values); err != nil || got != want {
			t.Errorf("%s becomes %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"http://${OTHER}/", "http://$OTHER/", "${OTHER:?}"} {
		if got, err := expand(text, values); err == nil || err.Error() != "OTHER is not set" {
			t.Errorf("%s becomes %q, %v", text, got, err)
		}
	}
}
