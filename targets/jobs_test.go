//go:build engine

package targets_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slipway"
)

// Compose has top-level jobs since 5.6, and of its own commands run alone knows them (findings/compose-jobs.sh).

func TestAJobUnderJobsMigratesTheDatabase(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold], volumes: ["data:/data"]}
jobs:
  migrate: {image: @P/demo:1, command: [job], environment: {LOG: /data/log}, volumes: ["data:/data"], triggers: {manual: true}}
volumes: {data: {}}
`, "migrations/1.sql": "one"})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Job: "migrate", Volume: "data", Migrations: "migrations/*.sql", Kind: "sqlite", Writers: []string{"web"}}
	d.deploy(0)
	d.write("migrations/2.sql", "two")
	d.deploy(0)
	if made, err := filepath.Glob(filepath.Join(d.state, "backups", "*.dump")); err != nil || len(made) != 1 {
		t.Errorf("backups: %q, %v", made, err)
	}
	d.settled()
	d.deploy(0)
}

func TestAJobUnderJobsIsBuiltAndPulledWithTheStack(t *testing.T) {
	d := newDemo(t, map[string]string{"compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold]}
jobs:
  tidy: {build: app, command: [job], triggers: {manual: true}}
`})
	d.image("demo:1")
	d.deploy(0)
	before := d.docker("image", "inspect", "--format", "{{.Id}}", d.project+"-tidy")
	d.version("v2")
	d.deploy(0)
	if after := d.docker("image", "inspect", "--format", "{{.Id}}", d.project+"-tidy"); after == before {
		t.Error("the job has the image of before")
	}
	d.deploy(0)
}

func TestWhatOnlyAJobNamesBelongsToTheProject(t *testing.T) {
	d := newDemo(t, map[string]string{"token": "swordfish-7", "compose.yaml": `
services:
  web: {image: @P/demo:1, command: [hold], volumes: ["data:/data"]}
jobs:
  migrate:
    image: @P/demo:1
    command: [job]
    environment: {LOG: /store/log, FILE: /run/secrets/token}
    volumes: ["data:/data", "store:/store"]
    networks: [back]
    secrets: [token]
    configs: [words]
    triggers: {manual: true}
  off: {image: @P/demo:1, command: [job], networks: [elsewhere], profiles: [never], triggers: {manual: true}}
volumes: {data: {}, store: {}}
networks: {back: {}, elsewhere: {}}
secrets: {token: {file: ./token}}
configs: {words: {content: hello}}
`, "migrations/1.sql": "one"})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Job: "migrate", Volume: "data", Migrations: "migrations/*.sql", Kind: "sqlite", Writers: []string{"web"}}
	d.deploy(0)
	if all := d.all(); !strings.Contains(all, d.project+"_store") || !strings.Contains(all, d.project+"_back") || strings.Contains(all, "elsewhere") {
		t.Errorf("what the job names is not the project's, or too much is: %s", all)
	}
	d.deploy(0)
	if got := d.mage("down"); got.code != 0 {
		t.Fatalf("down: %s", got)
	}
	if left := d.docker("network", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+d.project); left != "" {
		t.Errorf("networks are left: %s", left)
	}
}
