//go:build engine

package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway"
)

// The cases are those of the issue that begins "Right on everybody's stack": stacks of strangers, each with what went wrong.

func TestCaseA1AnImageWithoutANameIsBuiltDeployedAndSkipped(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf(`
services:
  web: {build: ./app, ports: ["127.0.0.1:%d:8080"]}
  migrate: {build: ./app, command: [job], profiles: [jobs]}
`, port)})
	d.stack.Destinations[0].Database = slipway.Database{Job: "migrate", Migrations: "app/Dockerfile"}
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v1") {
		t.Fatalf("it answers %q", got)
	}
	d.version("v2")
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v2") {
		t.Fatalf("after the deployment of v2 it answers %q", got)
	}
	before := d.ids()
	third := d.deploy(0)
	if got := d.replaced(before); len(got) > 0 || strings.Contains(third.stderr, "run   build") || strings.Contains(third.stderr, "run   migrate") {
		t.Errorf("an unchanged stack: %q replaced: %s", got, third)
	}
	d.settled()
}

func TestCaseA3AVolumeThatIsRenamedIsNotLeftBehind(t *testing.T) {
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(volume, env string) {
		d.write("compose.yaml", `
services:
  db: {image: @P/demo:1, command: [hold], environment: {X: "`+env+`"}, volumes: ["data:/data"]}
volumes:
  data: {name: `+volume+`}
`)
	}
	stack("@P-old", "1")
	d.deploy(0)
	stack("@P-new", "2")
	d.refused("db has its data in volume @P-old", "volume @P-new, which is empty")
}

func TestCaseB3FilesOutsideTheStacksFolderAreDeployed(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, map[string]string{
		"shop/deploy/compose.yaml": fmt.Sprintf(`
services:
  web: {image: @P/demo:1, environment: {FILE: /app.conf}, ports: ["127.0.0.1:%d:8080"], volumes: ["../config/app.conf:/app.conf"]}
`, port),
		"shop/config/app.conf": "one",
	})
	d.image("demo:1")
	d.stack.Dir = "shop/deploy"
	d.deploy(0)
	d.write("shop/config/app.conf", "two")
	d.deploy(0)
	if got := d.ask(port); !strings.HasSuffix(got, "two") {
		t.Errorf("it still answers %q", got)
	}
}

func TestCaseB4AChangedNetworkIsAppliedToAllThatAreInIt(t *testing.T) {
	for name, change := range map[string]string{
		"subnet":   "ipam: {config: [{subnet: 10.222.33.0/24}]}",
		"internal": "internal: true",
		"label":    "labels: {a: b}", // J5
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			d.image("demo:1")
			stack := func(network, say string) {
				d.write("compose.yaml", `
services:
  a: {image: @P/demo:1, networks: [back], environment: {SAY: a}}
  b: {image: @P/demo:1, networks: [back], environment: {SAY: "`+say+`"}}
networks:
  back: {`+network+`}
`)
			}
			stack("", "b")
			d.deploy(0)
			stack(change, "b2") // D1: one of the two changes as well
			d.deploy(0)
			for from, to := range map[string]string{"a": "b", "b": "a"} {
				if got := d.docker("exec", d.project+"-"+from+"-1", "/program", "fetch", "http://"+to+":8080/"); !strings.HasPrefix(got, "v1 "+to) {
					t.Errorf("%s asks %s and is told %q", from, to, got)
				}
			}
			d.settled()
			before := d.ids()
			if d.deploy(0); len(d.replaced(before)) > 0 {
				t.Error("the next deployment replaces again")
			}
			stack("", "b")
			d.deploy(0)
			if got := d.docker("exec", d.project+"-a-1", "/program", "fetch", "http://b:8080/"); !strings.HasPrefix(got, "v1 b") {
				t.Errorf("after going back a asks b and is told %q", got)
			}
			d.settled()
		})
	}
}

func TestCaseB8AFileThatTheServiceWritesIsNoInput(t *testing.T) {
	d := newDemo(t, map[string]string{
		"compose.yaml": `
services:
  web: {image: @P/demo:1, environment: {WRITE: /data/acme.json}, volumes: ["./acme.json:/data/acme.json"]}
`,
		"acme.json": "{}",
	})
	d.image("demo:1")
	d.deploy(0)
	if data, err := os.ReadFile(filepath.Join(d.dir, "acme.json")); err != nil || len(data) < 3 {
		t.Fatalf("the service wrote nothing: %q, %v", data, err)
	}
	before := d.ids()
	if got := d.deploy(0); len(d.replaced(before)) > 0 {
		t.Errorf("replaced: %s", got)
	}
}

func TestCaseB9AContainerThatIsNotWhatTheFilesSayIsDrift(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(say string) {
		d.write("compose.yaml", fmt.Sprintf(`
services:
  web: {image: @P/demo:1, environment: {SAY: %s}, ports: ["127.0.0.1:%d:8080"]}
`, say, port))
	}
	byHand := func() { d.docker("compose", "-p", d.project, "-f", "compose.yaml", "up", "-d") }
	stack("right")
	d.deploy(0)
	stack("wrong")
	byHand()
	stack("right")
	if got := d.mage("plan"); !strings.Contains(got.stdout, "was made from another definition") {
		t.Errorf("plan: %s", got)
	}
	d.deploy(0)
	if got := d.ask(port); !strings.Contains(got, "right") {
		t.Errorf("it answers %q", got)
	}
	d.docker("compose", "-p", d.project, "-f", "compose.yaml", "up", "-d", "--force-recreate")
	before := d.ids()
	if d.deploy(0); len(d.replaced(before)) > 0 {
		t.Error("a container that was made anew by hand, of the same definition, was replaced")
	}
}

func TestCaseC1TheProjectsNameIsTheOneThatComposeUses(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"the env file":     {".env": "COMPOSE_PROJECT_NAME=@P-other\n", "compose.yaml": "services: {web: {image: @P/demo:1, command: [hold]}}\n"},
		"the compose file": {"compose.yaml": "name: @P-other\nservices: {web: {image: @P/demo:1, command: [hold]}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, files)
			d.stack.Destinations[0].EnvFile = ".env"
			for _, target := range []string{"deploy", "plan", "status", "verify"} {
				got := d.mage(target)
				if got.code != 3 || !strings.Contains(got.stderr, d.project+"-other") || !strings.Contains(got.stderr, `"`+d.project+`"`) {
					t.Errorf("%s: %s", target, got)
				}
			}
		})
	}
}

func TestCaseC1ARunningProjectIsNotDeployedBesideUnderAnotherName(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {db: {image: @P/demo:1, command: [hold], volumes: ['data:/data']}}\nvolumes: {data: }\n"})
	d.image("demo:1")
	d.docker("compose", "-p", d.project, "-f", "compose.yaml", "up", "-d")
	d.stack.Destinations = []slipway.Destination{{Name: "local", Files: []string{"other.yaml"}}, {Name: "production", Files: []string{"compose.yaml"}}}
	before := d.all()
	d.env = append(d.env, "DESTINATION=production")
	got := d.mage("deploy", "-skip=prerequisites")
	if got.code != 3 || !strings.Contains(got.stderr, `project "`+d.project+`"`) || !strings.Contains(got.stderr, d.project+"-production") {
		t.Errorf("%s", got)
	}
	if d.all() != before || strings.TrimSpace(d.docker("volume", "ls", "-q", "--filter", "name="+d.project+"-production")) != "" {
		t.Error("something was made")
	}
}

func TestCaseC2ProfilesAndFilesOfTheEnvFileCount(t *testing.T) {
	d := newDemo(t, map[string]string{
		".env": "COMPOSE_PROFILES=extra\n",
		"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold]}
  more: {image: @P/demo:1, command: [hold], profiles: [extra]}
`,
	})
	d.image("demo:1")
	d.stack.Destinations[0].EnvFile = ".env"
	d.deploy(0)
	if ids := d.ids(); len(ids) != 2 {
		t.Errorf("running: %v", ids)
	}
	d.write(".env", "COMPOSE_FILE=compose.yaml:more.yaml\n")
	if got := d.mage("plan"); got.code != 3 || !strings.Contains(got.stderr, "more.yaml") {
		t.Errorf("%s", got)
	}
}

func TestCaseC3APullPolicyIsFollowed(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {image: @P/none:1, command: [hold], pull_policy: never}}\n"})
	d.refused("@P/none:1", "pull_policy: never")
}

func TestCaseC4StopFirstNeverRunsTwo(t *testing.T) {
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(order, say string) {
		d.write("compose.yaml", `
services:
  web: {image: @P/demo:1, environment: {SAY: "`+say+`"}, deploy: {update_config: {order: `+order+`}}}
`)
	}
	stack("stop-first", "1")
	d.deploy(0)
	for _, c := range []struct{ order, first string }{{"stop-first", "die"}, {"start-first", "start"}} {
		stack(c.order, c.order)
		before := strings.TrimSpace(d.docker("ps", "-q", "--no-trunc", "--filter", "label=com.docker.compose.project="+d.project))
		events := d.watch(func() { d.deploy(0) })
		start := slices.IndexFunc(events, func(e string) bool { return strings.HasPrefix(e, "start/") && !strings.HasSuffix(e, before) })
		die := slices.Index(events, "die/"+before)
		if start < 0 || die < 0 || (die < start) != (c.first == "die") {
			t.Errorf("%s: %v", c.order, events)
		}
	}
}

func TestCaseC5AProfileThatIsSwitchedOffIsReportedAndPruned(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold]}
  more: {image: @P/demo:1, command: [hold], profiles: [extra]}
`})
	d.image("demo:1")
	d.stack.Destinations[0].Profiles = []string{"extra"}
	d.deploy(0)
	d.stack.Destinations[0].Profiles = nil
	if got := d.deploy(0); !strings.Contains(got.stderr, "the profile of its service is off") {
		t.Errorf("not reported: %s", got)
	}
	if _, runs := d.ids()["more"]; !runs {
		t.Error("removed though nobody asked for it")
	}
	d.deploy(0, "-prune")
	if _, runs := d.ids()["more"]; runs {
		t.Error("not removed with -prune")
	}
}

func TestCaseD2ARenamedServiceNeverWritesBesideTheOldOne(t *testing.T) {
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(name string) {
		d.write("compose.yaml", "services: {"+name+": {image: @P/demo:1, command: [hold], volumes: ['data:/data']}}\nvolumes: {data: }\n")
	}
	stack("db")
	d.deploy(0)
	stack("postgres")
	d.refused("postgres wants volume @P_data", "container @P-db-1", "-prune")
	d.deploy(0, "-prune")
	if ids := d.ids(); len(ids) != 1 || ids["postgres"] == "" {
		t.Errorf("running: %v", ids)
	}
	d.settled()
}

func TestCaseD3APortMovesFromOneServiceToAnother(t *testing.T) {
	stack := func(d *demo, a, b int) {
		ports := func(number int) string {
			if number == 0 {
				return ""
			}
			return fmt.Sprintf(", ports: ['127.0.0.1:%d:8080']", number)
		}
		d.write("compose.yaml", `
services:
  a: {image: @P/demo:1, environment: {SAY: a}`+ports(a)+`}
  b: {image: @P/demo:1, environment: {SAY: b}, depends_on: [a]`+ports(b)+`}
`)
	}
	for name, fromA := range map[string]bool{"to the one that depends on it": true, "to the one it depends on": false} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			d.image("demo:1")
			port, first, second := freePort(t), "b", "a"
			move := [][2]int{{0, port}, {port, 0}}
			if fromA {
				first, second = "a", "b"
				slices.Reverse(move)
			}
			stack(d, move[0][0], move[0][1])
			d.deploy(0)
			if got := d.ask(port); got != "v1 "+first+" " {
				t.Fatalf("it answers %q", got)
			}
			stack(d, move[1][0], move[1][1])
			d.deploy(0)
			if got := d.ask(port); got != "v1 "+second+" " {
				t.Errorf("after the move it answers %q", got)
			}
			d.settled()
		})
	}
	t.Run("two are swapped", func(t *testing.T) {
		d := newDemo(t, nil)
		d.image("demo:1")
		one, two := freePort(t), freePort(t)
		stack(d, one, two)
		d.deploy(0)
		stack(d, two, one)
		d.deploy(0)
		if a, b := d.ask(two), d.ask(one); a != "v1 a " || b != "v1 b " {
			t.Errorf("they answer %q and %q", a, b)
		}
		d.settled()
	})
	t.Run("a renamed service", func(t *testing.T) {
		d := newDemo(t, nil)
		d.image("demo:1")
		port := freePort(t)
		named := func(name string) {
			d.write("compose.yaml", fmt.Sprintf("services: {%s: {image: @P/demo:1, ports: ['127.0.0.1:%d:8080']}}\n", name, port))
		}
		named("web")
		d.deploy(0)
		named("site")
		d.refused("@P-web-1", "-prune")
		d.deploy(0, "-prune")
		d.ask(port)
		d.settled()
	})
}

func TestCaseFWhatTheLastStepNeedsIsLookedAtFirst(t *testing.T) {
	for _, c := range []struct {
		name, compose string
		words         []string
	}{
		{"F1 external network", "services: {web: {image: @P/demo:1, networks: [out]}}\nnetworks: {out: {external: true, name: @P-out}}\n",
			[]string{"external network @P-out", "docker network create"}},
		{"F1 external volume", "services: {web: {image: @P/demo:1, volumes: ['data:/d']}}\nvolumes: {data: {external: true, name: @P-v}}\n",
			[]string{"external volume @P-v", "docker volume create"}},
		{"F2 missing file of a bind mount", "services: {web: {image: @P/demo:1, volumes: ['./app.conf:/app.conf']}}\n", []string{"app.conf", "it is not there"}},
		{"F2 missing folder, read only", "services: {web: {image: @P/demo:1, volumes: ['./conf:/conf:ro']}}\n", []string{"conf", "it is not there"}},
		{"F2 missing secret", "services: {web: {image: @P/demo:1, configs: [c]}}\nconfigs: {c: {file: ./c.conf}}\n", []string{"c.conf"}},
		{"F4 replicas", "services: {web: {image: @P/demo:1, deploy: {replicas: -1}}}\n", []string{"replicas"}},
		{"F4 healthcheck", "services: {web: {image: @P/demo:1, healthcheck: {test: [curl, localhost]}}}\n", []string{"healthcheck.test"}},
		{"F4 image", "services: {web: {image: 'de mo:1'}}\n", []string{"de mo:1"}},
		{"F4 build folder", "services: {web: {build: ./nothing}}\n", []string{"nothing", "it is not there"}},
		{"F4 a volume of one letter", "services: {web: {image: @P/demo:1, volumes: ['d:/d']}}\nvolumes: {d: }\n", []string{"Windows"}},
		{"F4 no services", "services: {}\n", []string{"no service"}},
		{"F4 two want one port", "services: {a: {image: @P/demo:1, ports: ['45678:80']}, b: {image: @P/demo:1, ports: ['45678:80']}}\n", []string{"45678"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDemo(t, map[string]string{"compose.yaml": c.compose})
			d.image("demo:1")
			d.refused(c.words...)
			for _, left := range []string{"app.conf", "conf", "nothing"} {
				if _, err := os.Stat(filepath.Join(d.dir, left)); err == nil {
					t.Errorf("%s was made", left)
				}
			}
		})
	}
}

func TestCaseF3ANameThatAForeignContainerHasIsNamed(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {image: @P/demo:1, container_name: @P-edge}}\n"})
	d.image("demo:1")
	d.docker("create", "--name", d.project+"-edge", d.project+"/demo:1")
	t.Cleanup(func() { d.docker("rm", "-f", d.project+"-edge") })
	d.refused("@P-edge", "of no project")
}

func TestCaseA2TheDatabaseIsFoundThroughTheModel(t *testing.T) {
	for name, c := range map[string]struct{ volumes, declared, made string }{
		"a volume of another name": {"volumes: {data: {name: @P-shop}}", "data", ""},
		"an external volume":       {"volumes: {data: {external: true, name: @P-outside}}", "data", "@P-outside"},
		"a folder":                 {"", "./pgdata", ""},
	} {
		t.Run(name, func(t *testing.T) {
			mount := "data:/data"
			if c.volumes == "" {
				mount = "./pgdata:/data"
			}
			d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold], volumes: ["` + mount + `"]}
  migrate: {image: @P/demo:1, command: [job], environment: {LOG: /data/log}, volumes: ["` + mount + `"], profiles: [jobs]}
` + c.volumes + "\n", "migrations/1.sql": "one"})
			d.image("demo:1")
			if c.made != "" {
				d.docker("volume", "create", strings.ReplaceAll(c.made, "@P", d.project))
			}
			d.stack.Destinations[0].Database = slipway.Database{Job: "migrate", Volume: c.declared, Migrations: "migrations/*.sql", Kind: "sqlite", Writers: []string{"web"}}
			d.deploy(0)
			d.write("migrations/2.sql", "two")
			if plan := d.mage("plan"); !strings.Contains(plan.stdout, "run   backup") {
				t.Errorf("no backup before the migration: %s", plan)
			}
			d.deploy(0)
			if made, err := filepath.Glob(filepath.Join(d.state, "backups", "*.dump")); err != nil || len(made) != 1 {
				t.Errorf("backups: %q, %v", made, err)
			}
		})
	}
}

func TestCaseB5WhatMustNotBeInAnImageIsRefused(t *testing.T) {
	d := newDemo(t, map[string]string{
		"compose.yaml": "services: {web: {build: ., secrets: [token]}}\nsecrets: {token: {file: ./secrets/token}}\n",
		".env":         "DB_PASSWORD=hunter2-hunter2\n", "secrets/token": "swordfish-7",
		"Dockerfile": "FROM scratch\nCOPY app/program /program\nENTRYPOINT [\"/program\"]\n",
	})
	d.env[0] = "STATE_DIR=" + filepath.Join(d.dir, ".state")
	got := d.refused(".env", "secrets/token", ".state")
	for _, line := range strings.Split(got.stderr, "\n") {
		if remedy := strings.TrimSpace(line); strings.HasPrefix(remedy, "echo ") {
			output(t, d.dir, "sh", "-c", remedy)
		}
	}
	d.deploy(0)
	if before := d.ids(); true {
		if d.deploy(0); len(d.replaced(before)) > 0 {
			t.Error("the own state made it build again")
		}
	}
}

func TestCaseD4OnlyWhatIsMissingIsPulled(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  here: {image: "@P/demo:latest", command: [hold]}
  gone: {image: "127.0.0.1:1/@P/gone:latest", command: [hold]}
`})
	d.image("demo:latest")
	got := d.mage("deploy", "-skip=preflight,prerequisites", "-passes=1")
	if got.code == 0 || strings.Contains(got.stderr, "here ") || !strings.Contains(got.stderr, "gone") {
		t.Errorf("%s", got)
	}
}

func TestCaseG1AGeneratedSecretCanBeReadByItsReader(t *testing.T) {
	for name, dockerfile := range map[string]string{
		"of a number": "FROM scratch\nCOPY program /program\nUSER 1000\nENTRYPOINT [\"/program\"]\n",
		"of a name":   "FROM scratch\nCOPY program /program\nCOPY passwd /etc/passwd\nUSER app\nENTRYPOINT [\"/program\"]\n",
	} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			d := newDemo(t, map[string]string{"compose.yaml": fmt.Sprintf(`
services:
  web:
    build: ./app
    environment: {FILE: /run/secrets/token}
    secrets: [token]
    ports: ["127.0.0.1:%d:8080"]
secrets: {token: {file: ./secrets/token}}
`, port), "app/passwd": "app:x:4321:4321::/:/\n"})
			d.write("app/Dockerfile", dockerfile)
			d.settings = []map[string]any{{"Key": "token", "Secret": true, "Generate": 32, "File": "secrets/token"}}
			d.deploy(0)
			if got := d.ask(port); len(got) != len("v1  ")+32 {
				t.Errorf("the service cannot read its secret: %q", got)
			}
			if info, err := os.Stat(filepath.Join(d.dir, "secrets")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder of the secrets: %v, %v", info, err)
			}
			if got := d.deploy(0); strings.Contains(got.stderr, "chmod") || strings.Contains(got.stderr, "chown") {
				t.Errorf("a remedy for what is right: %s", got)
			}
		})
	}
}

func TestCasesC6AndJ8WhatDoesNotArriveAsItIsWrittenIsSaidOnce(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold], environment: {RELEASE: 2026-01-31, VERSION: 1.10, MODE: 0755, TITLE: "${NOWHERE} and $NOWHERE"}}
`})
	d.image("demo:1")
	got := d.deploy(0)
	for _, word := range []string{"NOWHERE is not set", "RELEASE", "VERSION", "MODE"} {
		if strings.Count(got.stderr, word) != 1 {
			t.Errorf("%s is not said once: %s", word, got)
		}
	}
}

func TestCaseE3ThePlanSaysThatARolloutFollowsABuild(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": "services: {web: {build: ./app, command: [hold]}}\n"})
	d.deploy(0)
	d.version("v2")
	if plan := d.mage("plan"); !strings.Contains(plan.stdout, "run   rollout            build runs first") {
		t.Errorf("%s", plan)
	}
	before := d.ids()
	if d.deploy(0); len(d.replaced(before)) != 1 {
		t.Error("not replaced")
	}
}

func TestCaseJ7ServicesInTheNamespaceOfAnotherFollowIt(t *testing.T) {
	port := freePort(t)
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(say string) {
		d.write("compose.yaml", fmt.Sprintf(`
services:
  tunnel: {image: @P/demo:1, command: [hold], environment: {SAY: %q}, ports: ["127.0.0.1:%d:8080"]}
  web: {image: @P/demo:1, network_mode: "service:tunnel"}
`, say, port))
	}
	stack("one")
	d.deploy(0)
	stack("two")
	d.deploy(0)
	if got := d.ask(port); !strings.HasPrefix(got, "v1") {
		t.Errorf("it answers %q", got)
	}
	d.settled()
}

func TestCaseJ9AServiceThatDoesNotHearThatItIsToStopIsNamed(t *testing.T) {
	d := newDemo(t, nil)
	d.image("demo:1")
	stack := func(say string) {
		d.write("compose.yaml", "services: {web: {image: @P/demo:1, command: [deaf], stop_grace_period: 1s, environment: {SAY: "+say+"}}}\n")
	}
	stack("one")
	d.deploy(0)
	stack("two")
	if got := d.deploy(0); !strings.Contains(got.stderr, "was killed when its grace period was over") || !strings.Contains(got.stderr, "stop_signal") {
		t.Errorf("%s", got)
	}
}

func TestCaseG4AOneShotThatNobodyWaitsForIsDone(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold]}
  setup: {image: @P/demo:1, command: [job], restart: "no"}
`})
	d.image("demo:1")
	d.deploy(0)
	before := d.ids()
	if again := d.deploy(0); len(d.replaced(before)) > 0 || strings.Contains(again.stderr, "run   rollout") {
		t.Errorf("it is done, and run again: %s", again)
	}
}
