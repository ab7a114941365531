//go:build engine

package rollout

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/internal/compose"
)

// imageOf has the image of each version of the test server: 1, 2 and broken.
var imageOf = map[string]string{}

func TestMain(m *testing.M) {
	code, err := withImages(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withImages(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "rollout")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "server"), "./testdata/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	run := strings.ToLower(rand.Text()[:8])
	for _, version := range []string{"1", "2", "broken"} {
		image := "sw-rollout-server:" + run + "-" + version
		out, err := exec.Command("docker", "build", "-q", "-t", image, "-f", "testdata/server/Dockerfile",
			"--build-arg", "VERSION="+version, dir).CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("build image %s: %w\n%s", version, err, out)
		}
		imageOf[version] = image
		defer exec.Command("docker", "image", "rm", "-f", image).Run() //nolint:errcheck // best effort
	}
	return m.Run(), nil
}

// stand is a project on the real engine and what deploys it.
type stand struct {
	t       *testing.T
	project compose.Project
	image   string // the tag the compose file names
	origins *Origins
}

// newStand writes a stack with one service, backend, of the given further keys, and a client of it.
func newStand(t *testing.T, keys string) *stand {
	t.Helper()
	dir := t.TempDir()
	name := "sw-rollout-" + strings.ToLower(rand.Text()[:8])
	s := &stand{t: t, image: name + ":live", origins: openOrigins(t)}
	s.project = compose.Project{Name: name, Dir: dir, Files: []string{"compose.yaml"}}
	s.write("compose.yaml", fmt.Sprintf(`services:
  backend: {image: %[1]q, %[2]s}
  client: {image: %[1]q, command: [client, "http://backend:8080/"], healthcheck: {disable: true}}
`, s.image, keys))
	t.Cleanup(func() {
		s.docker("compose", "down", "-v", "-t", "0")
		s.docker("image", "rm", "-f", s.image)
	})
	s.release("1")
	return s
}

func (s *stand) write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.project.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// release lets the tag of the compose file name another version.
func (s *stand) release(version string) {
	s.t.Helper()
	s.docker("tag", imageOf[version], s.image)
}

// docker runs outside the test's context, so that the clean-up can use it.
func (s *stand) docker(argv ...string) string {
	s.t.Helper()
	command := exec.Command("docker", argv...)
	command.Dir, command.Env = s.project.Dir, s.environ()
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Errorf("docker %s: %v\n%s", argv[0], err, out)
	}
	return string(out)
}

func (s *stand) environ() []string {
	return append(append(os.Environ(), s.project.Environ()...), "STATE_DIR="+filepath.Join(s.project.Dir, "state"))
}

func (s *stand) script(ctx context.Context, step string, args ...string) *exec.Cmd {
	scripts, err := filepath.Abs("../../scripts/deploy.sh")
	if err != nil {
		s.t.Fatal(err)
	}
	command := exec.CommandContext(ctx, "bash", append([]string{scripts, step}, args...)...)
	command.Dir, command.Env = s.project.Dir, s.environ()
	return command
}

func (s *stand) acts() Acts {
	return Acts{
		Containers: s.project.Containers,
		Wait:       s.wait,
		Note:       func(service, line string) { s.t.Logf("%s: %s", service, line) },
		Script: func(ctx context.Context, step string, args ...string) error {
			if out, err := s.script(context.WithoutCancel(ctx), step, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", step, err, out)
			}
			return nil
		},
	}
}

// wait is a plain stand-in for package health.
func (s *stand) wait(ctx context.Context, service string, wanted []string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		all, err := s.project.Containers(ctx)
		if err != nil {
			return err
		}
		waiting := 0
		for _, c := range Of(service, all) {
			if wanted != nil && !slices.Contains(wanted, c.ID) {
				continue
			}
			if c.Status == "exited" {
				return fmt.Errorf("container %s exited (%d)", c.Name, c.ExitCode)
			}
			if c.Status != "running" || c.Health != nil && c.Health.Status != "healthy" {
				waiting++
			}
		}
		if waiting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d containers of %s are not well: %w", waiting, service, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// deploy rolls a service out, with inputs and image as they are now.
func (s *stand) deploy(service string) (string, error) {
	s.t.Helper()
	return s.deployBy(s.acts(), service)
}

func (s *stand) deployBy(acts Acts, service string) (string, error) {
	s.t.Helper()
	model, err := s.project.Model(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	images, err := compose.Images(s.t.Context(), s.image)
	if err != nil {
		s.t.Fatal(err)
	}
	inputs, err := Inputs(model, service, images[s.image])
	if err != nil {
		s.t.Fatal(err)
	}
	target := Target{Service: model.Services[service], Image: images[s.image], Inputs: inputs}
	return Service(s.t.Context(), acts, s.origins, target)
}

func (s *stand) mustDeploy(service string) string {
	s.t.Helper()
	result, err := s.deploy(service)
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

func (s *stand) containers() []compose.Container {
	s.t.Helper()
	all, err := s.project.Containers(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return Of("backend", all)
}

// answer asks the only container of backend, on the port the engine published for it.
func (s *stand) answer() string {
	s.t.Helper()
	port := strings.TrimSpace(s.docker("compose", "port", "backend", "8080"))
	response, err := http.Get("http://" + port + "/") //nolint:gosec,noctx // an address of this test
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}
