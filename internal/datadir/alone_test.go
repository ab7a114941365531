package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/compose"
)

func TestTwoServersAreNeverStartedOnTheSameData(t *testing.T) {
	images := map[string]compose.Image{
		"postgres": {Env: map[string]string{"PG_MAJOR": "17", "PGDATA": "/var/lib/postgresql/data"}},
		"redis":    {Env: map[string]string{"REDIS_VERSION": "7.4.1"}},
		"app":      {},
	}
	const data = `volumes: ["data:/var/lib/postgresql/data"]`
	for name, c := range map[string]struct{ services, want string }{
		"one":                      {`db: {image: postgres, ` + data + `}`, ""},
		"two with their own":       {`db: {image: postgres, ` + data + `}, b: {image: postgres, volumes: ["more:/var/lib/postgresql/data"]}`, ""},
		"two on one volume":        {`db: {image: postgres, ` + data + `}, b: {image: postgres, ` + data + `}`, "service db: image postgres is PostgreSQL 17, two of which must never write to volume p_data, and service b is one, too"},
		"one is off":               {`db: {image: postgres, ` + data + `}, b: {image: postgres, scale: 0, ` + data + `}`, ""},
		"a helper beside it":       {`db: {image: postgres, ` + data + `}, b: {image: app, volumes: ["data:/backup"]}`, ""},
		"start-first":              {`db: {image: postgres, deploy: {update_config: {order: start-first}}, ` + data + `}`, "a new one is to start before the old one stops"},
		"start-first of a Redis":   {`db: {image: redis, deploy: {update_config: {order: start-first}}, volumes: ["data:/data"]}`, "image redis is Redis 7.4, two of which must never write to volume p_data"},
		"start-first without data": {`db: {image: redis, deploy: {update_config: {order: start-first}}}`, ""},
		"stop-first":               {`db: {image: postgres, deploy: {update_config: {order: stop-first}}, ` + data + `}`, ""},
		"replicas":                 {`db: {image: postgres, deploy: {replicas: 3}, ` + data + `}`, "it is to have 3 replicas"},
		"replicas of another":      {`db: {image: app, deploy: {replicas: 3}, ` + data + `}`, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte("services: {"+c.services+"}\nvolumes: {data: {}, more: {}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		model, err := compose.Project{Name: "p", Dir: dir, Files: []string{"compose.yaml"}}.Model(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := World{Model: model, Images: images}.crowded()
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: %v", name, found)
		case c.want != "" && (len(found) != 1 || !strings.Contains(found[0].Text, c.want) || found[0].Remedy == ""):
			t.Errorf("%s: %v, want %s", name, found, c.want)
		}
	}
}
