//go:build engine

package targets_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// testImages are the images of stack/testimages, built once and kept: real servers, and stand-ins named so.
var testImages = sync.OnceValues(func() (map[string]string, error) {
	if out, err := exec.Command("bash", "../stack/testimages/build.sh").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the test images: %w\n%s", err, out)
	}
	file, err := os.Open("../stack/testimages/images.env")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	images := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			images[key] = value
		}
	}
	return images, nil
})

const testDomain = "freshtrack.test"

// newProduction is a site at the destination production, on loopback ports and with a certificate of Caddy's own.
func newProduction(t *testing.T) *site {
	t.Helper()
	images, err := testImages()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	maps.Copy(s.env, images)
	for key, value := range map[string]string{
		"DESTINATION": "production", "DOMAIN": testDomain, "ADMIN_EMAIL": "ops@freshtrack.test", "CADDY_TLS": "internal", "CADDY_BIND": "127.0.0.1",
		"STACK_PROJECT_ID": "project-7", "STACK_PUBLISHABLE_CLIENT_KEY": "publishable-7", "STACK_SECRET_SERVER_KEY": "canarySTACKauthSECRETvalue",
	} {
		s.env[key] = value
	}
	for _, key := range []string{"CADDY_HTTP_PORT", "CADDY_HTTPS_PORT", "GRAFANA_PORT", "UPTIME_KUMA_PORT", "PROMETHEUS_PORT"} {
		s.env[key] = strconv.Itoa(freePort(t))
	}
	return s
}

// key is a new one, as the running backend mints it for a sensor or a reader.
func (s *site) key(arguments ...string) string {
	s.t.Helper()
	id, _, _ := strings.Cut(s.containers()["backend"], " ")
	return strings.TrimSpace(s.output("docker", append([]string{"exec", id, "/app", "token"}, arguments...)...))
}

// https asks Caddy under the test domain, with a key unless that is "".
func (s *site) https(key, method, path, body string) (int, string) {
	s.t.Helper()
	via := net.JoinHostPort("127.0.0.1", s.env["CADDY_HTTPS_PORT"])
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the authority is Caddy's own, made a minute ago
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", via)
		},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest(method, "https://"+testDomain+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestProductionBringsUpAllServicesAndNoSecretIsEverSeen deploys the whole stack, asks it through Caddy, deploys it again, and
// looks for every secret in all that was printed, kept or passed on a command line.
func TestProductionBringsUpAllServicesAndNoSecretIsEverSeen(t *testing.T) {
	t.Parallel()
	s := newProduction(t)
	skip := "-skip=firewall,fail2ban"
	planted := s.plant()
	seen := watchCommandLines(t)
	printed := []result{s.deploy(0, skip)}

	body := `{"sensor":"door","celsius":31.5}`
	door, reader := s.mintedByHand("-sensor", "door"), s.key("-reader", "test")
	planted["the sensor's key"], planted["the reader's key"] = door, reader
	for _, path := range []string{"/readings", "/sensors"} {
		if code, text := s.https("", "GET", path, ""); code != http.StatusUnauthorized {
			t.Errorf("GET %s through Caddy without a key: %d %s", path, code, text)
		}
	}
	if code, text := s.https("", "POST", "/readings", body); code != http.StatusUnauthorized {
		t.Errorf("POST /readings through Caddy without a key: %d %s", code, text)
	}
	if code, text := s.https("", "GET", "/metrics", ""); code != http.StatusNotFound {
		t.Errorf("GET /metrics through Caddy: %d %s", code, text)
	}
	if code, text := s.https(door, "POST", "/readings", body); code != http.StatusCreated {
		t.Fatalf("POST /readings through Caddy: %d %s", code, text)
	}
	eventually(t, 60*time.Second, "the worker flags the reading that came through PostgreSQL and Redis", func() bool {
		code, text := s.https(reader, "GET", "/sensors", "")
		var sensors []map[string]any
		_ = json.Unmarshal([]byte(text), &sensors)
		return code == http.StatusOK && strings.Contains(text, `"door"`) && strings.Contains(text, "true")
	})
	eventually(t, 20*time.Second, "the page shows the sensor to who has no key", func() bool {
		code, text := s.https("", "GET", "/", "")
		return code == http.StatusOK && strings.Contains(text, "door")
	})
	before := s.containers()
	if len(before) < 14 {
		t.Errorf("%d services have a container, want all fourteen: %v", len(before), before)
	}
	s.onlyCaddyIsPublic()
	s.rootIsOnly("caddy", "minio", "promtail", "uptime-kuma")

	again := s.deploy(0, skip)
	printed = append(printed, again)
	if strings.Contains(again.stderr, "\nrun ") {
		t.Errorf("an unchanged deploy ran a step: %s", again)
	}
	if now := s.containers(); !maps.Equal(now, before) {
		t.Errorf("an unchanged deploy touched containers:\n%v\n%v", before, now)
	}
	for _, args := range [][]string{{"plan"}, {"plan", "-json"}, {"status"}, {"status", "-json"}, {"-v", "verify", "-json", "-passes=1"}, {"history"}, {"-v", "history", "-json"}, {"logs", "redis"}, {"logs", "postgres"}, {"logs", "caddy"}, {"logs", "backend"}, {"logs", "frontend"}} {
		got := s.mage(args...)
		if got.code != 0 {
			t.Errorf("%v: %s", args, got)
		}
		printed = append(printed, got)
	}
	s.edit("stack/docker-compose.yml", "command: [work]", "command: [work, --no-such-flag]")
	printed = append(printed, s.mage("deploy", "-passes=1", "-timeout=10s", skip))
	for _, args := range [][]string{{"-v", "plan", "-json"}, {"-v", "status", "-json"}, {"logs", "worker"}} {
		printed = append(printed, s.mage(args...))
	}
	s.noSecretIn(printed, seen(), planted)
}

// mintedByHand is the key that `docker compose run` prints for an operator, alone.
func (s *site) mintedByHand(arguments ...string) string {
	s.t.Helper()
	args := append([]string{"compose", "-p", s.project, "-f", "docker-compose.yml", "-f", "compose.production.yaml", "--env-file", ".env.production", "run", "--rm", "backend", "token"}, arguments...)
	cmd := exec.Command("docker", args...)
	cmd.Dir = filepath.Join(s.dir, "stack")
	cmd.Env = os.Environ()
	for key, value := range s.env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	key, found := strings.CutSuffix(printed(s.t, cmd), "\n")
	if !found || strings.ContainsAny(key, " \r\n") || strings.Count(key, ".") != 2 {
		s.t.Fatalf("docker compose run backend token prints more than a key, or less: %d characters", len(key))
	}
	return key
}

// plant puts secrets where an operator may keep some beside those of the stack: in the environment, the env file, secrets/ and
// a compose file. It returns them by name.
func (s *site) plant() map[string]string {
	s.t.Helper()
	planted := map[string]string{}
	canary := func(name string) string {
		planted[name] = "canary" + rand.Text()
		return planted[name]
	}
	for _, key := range []string{"MIRROR_TOKEN", "SMTP_PASSWORD"} {
		s.env[key] = canary(key)
	}
	envFile := "BACKUP_API_KEY=" + canary("BACKUP_API_KEY") + "\nREPLICA_URL=postgres://reader:" + canary("REPLICA_URL") + "@replica/readings\n"
	writeFile(s.t, filepath.Join(s.dir, "stack/.env.production"), envFile)
	writeFile(s.t, filepath.Join(s.dir, "stack/secrets/partner_token"), canary("partner_token"))
	for path, mode := range map[string]os.FileMode{"stack/.env.production": 0o600, "stack/secrets": 0o700, "stack/secrets/partner_token": 0o600} {
		if err := os.Chmod(filepath.Join(s.dir, path), mode); err != nil {
			s.t.Fatal(err)
		}
	}
	s.edit("stack/docker-compose.yml", "command: [work]", "command: [work]\n    environment: {REPORTS_PASSWORD: "+canary("REPORTS_PASSWORD")+"}")
	return planted
}

// rootIsOnly fails the test if a service runs as root that is not one of these, whatever its compose file says.
func (s *site) rootIsOnly(services ...string) {
	s.t.Helper()
	for service, container := range s.containers() {
		id, _, _ := strings.Cut(container, " ")
		pid := strings.TrimSpace(s.output("docker", "inspect", "--format", "{{.State.Pid}}", id))
		status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		if pid == "0" {
			continue // it has ended
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if root := strings.Contains(string(status), "\nUid:\t0\t"); root != slices.Contains(services, service) {
			s.t.Errorf("%s runs as root: %v", service, root)
		}
	}
}

// published is a port of this machine in the words of docker ps.
var published = regexp.MustCompile(`:(\d+)->`)

// onlyCaddyIsPublic fails the test if this machine listens for a container on an address other than loopback, Caddy's own aside.
func (s *site) onlyCaddyIsPublic() {
	s.t.Helper()
	text := output(s.t, s.dir, "docker", "ps", "--filter", "label=com.docker.compose.project="+s.project, "--format", "{{.Names}} {{.Ports}}")
	listening := output(s.t, s.dir, "ss", "-Htln")
	inner := 0
	for _, line := range strings.Split(text, "\n") {
		for _, port := range published.FindAllStringSubmatch(line, -1) {
			if strings.Contains(line, "-caddy-") {
				continue
			}
			inner++
			for socket := range strings.Lines(listening) {
				if local := strings.Fields(socket)[3]; strings.HasSuffix(local, ":"+port[1]) && !strings.HasPrefix(local, "127.0.0.1:") {
					s.t.Errorf("open to the world: %s: %s", line, local)
				}
			}
		}
	}
	if inner == 0 {
		s.t.Errorf("no service but Caddy publishes a port, so that this test says nothing:\n%s", text)
	}
}

// noSecretIn fails the test if a secret, or half of one, is in what was printed, in the state directory or in an argument
// of a command. It names the secret, never its value.
func (s *site) noSecretIn(printed []result, commands string, secrets map[string]string) {
	s.t.Helper()
	secrets["STACK_SECRET_SERVER_KEY"] = s.env["STACK_SECRET_SERVER_KEY"]
	files, err := filepath.Glob(filepath.Join(s.dir, "stack/secrets/*"))
	if err != nil || len(files) < 5 {
		s.t.Fatalf("want five secret files, found %v, %v", files, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		secrets[filepath.Base(path)] = strings.TrimSpace(string(data))
	}
	if len(secrets) < 12 {
		s.t.Fatalf("%d secrets are too few", len(secrets))
	}
	places := map[string]string{"the arguments of a command": commands}
	for n, r := range printed {
		places[fmt.Sprintf("output %d", n)] = r.stdout + r.stderr
	}
	err = filepath.WalkDir(s.state, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && path == filepath.Join(s.state, "files"): // what containers mount, as the operator wrote it
			return filepath.SkipDir
		case err != nil || !entry.Type().IsRegular() || path == filepath.Join(s.state, "secrets.env"): // what a release leaves out
			return err
		}
		data, err := os.ReadFile(path)
		places[filepath.Base(path)] = string(data)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for place, text := range places {
		for name, value := range secrets {
			for _, piece := range []string{value[:len(value)/2], value[len(value)/2:]} {
				if strings.Contains(text, piece) {
					s.t.Errorf("%s: secret %s is in it", place, name)
				}
			}
		}
	}
}

// watchCommandLines collects the arguments of every process that runs until the returned function is called.
func watchCommandLines(t *testing.T) func() string {
	stop, ended := make(chan struct{}), make(chan string, 1)
	go func() {
		var all strings.Builder
		for {
			paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range paths {
				if data, err := os.ReadFile(path); err == nil {
					all.Write(data)
					all.WriteByte('\n')
				}
			}
			select {
			case <-stop:
				ended <- all.String()
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	var once sync.Once
	done := func() { once.Do(func() { close(stop) }) }
	t.Cleanup(done)
	return func() string { done(); return <-ended }
}
