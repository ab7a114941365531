//go:build engine

package compose

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// up starts one service that sleeps, from an image of its own, and returns its project.
func up(t *testing.T) Project {
	t.Helper()
	name := "sw-compose-" + strings.ToLower(rand.Text()[:8])
	dir := t.TempDir()
	for file, text := range map[string]string{
		"main.go": "package main\n\nimport (\"fmt\"; \"os\"; \"time\")\n\n" +
			"func main() { if len(os.Args) > 1 { fmt.Println(\"no\"); os.Exit(3) }; fmt.Println(\"up\"); time.Sleep(time.Hour) }\n",
		"Dockerfile":   "FROM scratch\nCOPY main /main\nCMD [\"/main\"]\n",
		"compose.yaml": "services:\n  web: {image: " + name + ", build: ., pull_policy: never, scale: 2}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "go", "build", "-o", "main", "main.go")
	run(t, dir, "docker", "build", "-q", "-t", name, ".")
	t.Cleanup(func() {
		run(t, dir, "docker", "compose", "-p", name, "down", "-t", "0")
		run(t, dir, "docker", "image", "rm", "-f", name)
	})
	run(t, dir, "docker", "compose", "-p", name, "up", "-d", "--no-build")
	return Project{Name: name, Dir: dir, Files: []string{"compose.yaml"}}
}

func run(t *testing.T, dir string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}

func TestEngineAnswersEveryQuestion(t *testing.T) {
	p := up(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	events, err := p.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	containers, err := p.Containers(ctx)
	if err != nil || len(containers) != 2 {
		t.Fatalf("%+v, %v", containers, err)
	}
	c := containers[0]
	if c.Service != "web" || c.Number == 0 || c.Status != "running" || c.ConfigHash == "" || c.StartedAt.IsZero() || c.OneOff {
		t.Errorf("%+v", c)
	}
	images, err := Images(ctx, p.Name, p.Name+"-missing")
	if err != nil || len(images) != 1 || images[p.Name].ID != c.ImageID || images[p.Name].Content == "" {
		t.Errorf("%v, %v, want %s", images, err, c.ImageID)
	}
	networks, err := p.Networks(ctx, networked(p.Name+"_missing"))
	if err != nil || len(networks) != 1 || networks[p.Name+"_default"].Attached[c.ID] != c.Name {
		t.Errorf("%+v, %v, want %s in it", networks, err, c.Name)
	}
	if place := c.Networks[p.Name+"_default"]; place.NetworkID != networks[p.Name+"_default"].ID || len(place.Addresses) == 0 || len(place.Fixed) > 0 {
		t.Errorf("%+v", place)
	}
	if projects, err := ProjectsOf(ctx, c.Name, p.Name+"-missing"); err != nil || len(projects) != 1 || projects[c.Name] != p.Name {
		t.Errorf("%q, %v", projects, err)
	}
	if output, code, err := Exec(ctx, c.ID, "/main", "x"); output != "no" || code != 3 || err != nil {
		t.Errorf("%q, %d, %v", output, code, err)
	}
	if lines, err := Logs(ctx, c.ID, 5); err != nil || len(lines) != 1 || lines[0] != "up" {
		t.Errorf("%q, %v", lines, err)
	}
	m, err := p.Model(ctx)
	if err != nil || m.Services["web"].Replicas() != 2 || m.Services["web"].Build.Context != p.Dir {
		t.Errorf("%+v, %v", m, err)
	}
	if v, err := Versions(ctx, Tools{}); err != nil || v.Engine == "" || v.API == "" || v.Compose == "" {
		t.Errorf("%+v, %v", v, err)
	}
	run(t, p.Dir, "docker", "rm", "-f", c.ID)
	left, err := inspect(ctx, c.ID, containers[1].ID)
	if err != nil || len(left) != 1 || left[0].ID != containers[1].ID {
		t.Errorf("%+v, %v", left, err)
	}
	for event := range events {
		if strings.HasPrefix(event.Action, "die") && event.ID == c.ID && event.Service == "web" {
			if event.ExitCode != 137 {
				t.Errorf("%+v", event)
			}
			return
		}
	}
	t.Error("the death of a container was not told")
}

func TestModelIsWhatComposeResolves(t *testing.T) {
	settings := []string{"DOMAIN=example.com", "ADMIN_EMAIL=a@example.com", "STACK_AUTH_PROJECT_ID=x", "STACK_AUTH_PUBLISHABLE_KEY=a$b"}
	for _, p := range []Project{
		{Name: "demo", Files: []string{"docker-compose.yml"}},
		{Name: "demo", Files: []string{"docker-compose.yml", "compose.production.yaml"}, Profiles: []string{"monitoring"}, Env: settings},
	} {
		p.Dir, p.EnvFile = filepath.Join("..", "..", "stack"), ".env.absent"
		profiles := p.withJobs()
		project, err := p.load(t.Context(), profiles)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := project.WithoutUnnecessaryResources().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		ours = bytes.ReplaceAll(ours, []byte("$"), []byte("$$")) // as Compose prints it, to be read again
		theirs, err := ask(t.Context(), "compose config", p.environment(profiles), "compose", "config", "--format", "json")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(decoded(t, ours), decoded(t, theirs)) {
			t.Errorf("%q: Compose resolves something else", p.Files)
		}
		if ours, err = p.Uninterpolated(t.Context()); err != nil {
			t.Fatal(err)
		}
		theirs, err = ask(t.Context(), "compose config", p.environment(profiles), "compose", "config", "--no-interpolate", "--format", "json")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(decoded(t, ours), decoded(t, theirs)) {
			t.Errorf("%q: Compose reads something else", p.Files)
		}
	}
}

func decoded(t *testing.T, data []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
