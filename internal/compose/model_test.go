package compose

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// resolved is what Compose answers for a project in DIR, shortened.
const resolved = `{
  "name": "demo",
  "services": {
    "db": {"image": "postgres", "restart": "always", "healthcheck": {"test": ["CMD", "pg_isready"]},
      "secrets": [{"source": "password"}],
      "volumes": [{"type": "volume", "source": "data", "target": "/data"},
        {"type": "bind", "source": "DIR/writable", "target": "/w"},
        {"type": "bind", "source": "/etc/localtime", "target": "/etc/localtime", "read_only": true}]},
    "setup": {"image": "setup", "depends_on": {"db": {"condition": "service_healthy"}}},
    "web": {"image": "demo-web", "build": {"context": "DIR/app", "dockerfile": "Dockerfile"}, "scale": 2,
      "depends_on": {"db": {"condition": "service_healthy"}, "setup": {"condition": "service_completed_successfully"}},
      "configs": [{"source": "routes"}], "labels": {"slipway.rollout": "surge"},
      "environment": {"HOME_PAGE": "https://example.com/DIR", "DATA": "DIR/data:DIR"},
      "healthcheck": {"disable": true},
      "volumes": [{"type": "bind", "source": "DIR/conf", "target": "/conf", "read_only": true},
        {"type": "bind", "source": "DIR/one.txt", "target": "/one.txt"},
        {"type": "bind", "source": "DIR/absent", "target": "/absent"},
        {"type": "bind", "source": "PARENT/shared", "target": "/shared", "read_only": true}]},
    "proxy": {"image": "caddy", "container_name": "edge", "deploy": {"replicas": 1}, "depends_on": {"web": {"condition": "service_started"}},
      "ports": [{"target": 80, "published": "80"}, {"target": 81}, {"target": 82, "published": "8000-8010"}]},
    "idle": {"image": "x", "deploy": {"replicas": 0}},
    "seed": {"image": "x", "restart": "no", "labels": {"slipway.job": ""}},
    "migrate": {"image": "x", "profiles": ["jobs"], "depends_on": {"db": {"condition": "service_healthy"}}}
  },
  "secrets": {"password": {"name": "demo_password", "file": "DIR/secrets/password"}},
  "configs": {"routes": {"name": "demo_routes", "file": "DIR/routes.conf"}}
}`

func model(t *testing.T) (*Model, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stack")
	for _, name := range []string{"conf/a", "one.txt", "writable/data"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("DIR", dir, "PARENT", filepath.Dir(dir)).Replace(resolved)
	m, err := parseModel([]byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	return m, dir
}

func TestModelTellsWhatARolloutNeeds(t *testing.T) {
	m, dir := model(t)
	web := m.Services["web"]
	if !web.Build || web.Context != dir+"/app" || web.Replicas != 2 || web.HasHealthcheck || web.OneShot ||
		web.Labels["slipway.rollout"] != "surge" || web.DependsOn["db"] != "service_healthy" || len(web.Mounts) != 4 {
		t.Errorf("%+v", web)
	}
	if proxy := m.Services["proxy"]; proxy.ContainerName != "edge" || !slices.Equal(proxy.FixedPorts, []int{80}) {
		t.Errorf("%+v", proxy)
	}
	if db := m.Services["db"]; !db.HasHealthcheck || db.Restart != "always" || db.Replicas != 1 {
		t.Errorf("%+v", db)
	}
	if n := m.Services["idle"].Replicas; n != 0 {
		t.Errorf("idle has %d replicas", n)
	}
	for name, want := range map[string]bool{"setup": true, "migrate": true, "seed": true, "db": false, "web": false} {
		if got := m.Services[name].OneShot; got != want {
			t.Errorf("%s: one-shot is %v", name, got)
		}
	}
}

func TestFilesAreWhatContainersReadOfTheCheckout(t *testing.T) {
	m, _ := model(t)
	for service, want := range map[string][]string{
		"web": {"conf", "one.txt", "routes.conf"}, "db": {"secrets/password"}, "proxy": nil,
	} {
		if got := m.Services[service].Files; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
	}
}

func TestRawIsTheSameInAnotherCheckout(t *testing.T) {
	a, dir := model(t)
	b, _ := model(t)
	for name := range a.Services {
		raw := string(a.Services[name].Raw)
		if raw != string(b.Services[name].Raw) {
			t.Errorf("%s differs:\n%s\n%s", name, raw, b.Services[name].Raw)
		}
		if strings.Contains(raw, filepath.Dir(dir)) {
			t.Errorf("%s holds the path of the checkout: %s", name, raw)
		}
	}
	if raw := string(a.Services["db"].Raw); !strings.Contains(raw, `"/etc/localtime"`) {
		t.Errorf("a path of the machine changed: %s", raw)
	}
}

func TestOrderFollowsDependenciesAndLeavesOutJobs(t *testing.T) {
	m, _ := model(t)
	want := [][]string{{"db", "idle", "seed"}, {"setup"}, {"web"}, {"proxy"}}
	if got := m.Order(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
