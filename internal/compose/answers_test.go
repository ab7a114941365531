package compose

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"github.com/compose-spec/compose-go/v2/types"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// engineSays plays an engine that has these answers, by method and path.
func engineSays(t *testing.T, answers map[string]http.HandlerFunc) {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // the path of a socket is limited to 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	routes, mux := http.NewServeMux(), http.NewServeMux()
	for pattern, answer := range answers {
		routes.HandleFunc(pattern, answer)
	}
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.Handle("/v1.41/", http.StripPrefix("/v1.41", routes))
	server := &http.Server{Handler: mux} //nolint:gosec // of a test
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); _ = os.RemoveAll(dir) })
	t.Setenv("DOCKER_HOST", "unix://"+listener.Addr().String())
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func refused(code int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"message": %q}`, message)
	}
}

// framed is what a container writes, as the engine sends both streams over one connection.
func framed(stream byte, text string) string {
	header := [8]byte{stream}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text))) //nolint:gosec // of a test
	return string(header[:]) + text
}

func TestUnreachableEngineIsAnErrorToDecideOn(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "nobody"))
	dockerSays(t, `echo '{"Version":"28.2.2","Plugins":[{"Name":"compose","Version":"v5.6.0"},{"Name":"buildx","Version":"v0.38.1"}]}'
echo "errors pretty printing info" >&2; exit 1`)
	ctx := t.Context()
	_, errList := Project{Name: "demo"}.Containers(ctx)
	_, _, errExec := Exec(ctx, "id", "true")
	_, errLogs := Logs(ctx, "id", 1)
	_, errImages := Images(ctx, "x")
	_, errVolume := VolumeIdentity(ctx, "x")
	v, errVersions := Versions(ctx, Tools{})
	for i, err := range []error{errList, errExec, errLogs, errImages, errVolume, errVersions} {
		if !errors.Is(err, ErrNoEngine) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if v.Client != "28.2.2" || v.Compose != "5.6.0" || v.Buildx != "0.38.1" {
		t.Errorf("%+v: what needs no engine is known all the same", v)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Versions(ctx, Tools{}); !errors.Is(err, ErrNoDocker) {
		t.Errorf("%v", err)
	}
}

func TestClientOlderThan25IsAskedForItsVersion(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{"GET /version": text(`{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}`)})
	dockerSays(t, `case "$1" in info) echo '{"Plugins":[]}' ;; version) echo 20.10.24 ;; esac`)
	v, err := Versions(t.Context(), Tools{})
	if err != nil || v.Client != "20.10.24" || v.Engine != "20.10.24" || v.API != "1.41" || v.MinAPI != "1.12" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestContextOfTheDockerCommandIsFollowed(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{"GET /containers/json": text("[]")})
	host, dir := os.Getenv("DOCKER_HOST"), t.TempDir()
	t.Setenv("DOCKER_HOST", "")
	ask := func() error {
		t.Setenv("DOCKER_CONFIG", filepath.Join(dir, rand.Text())) // another connection each time
		if err := os.Symlink(dir, os.Getenv("DOCKER_CONFIG")); err != nil {
			t.Fatal(err)
		}
		_, err := Project{Name: "demo"}.Containers(t.Context())
		return err
	}
	for name, text := range map[string]string{
		"config.json": `{"currentContext": "elsewhere"}`,
		filepath.Join("contexts", "meta", digest.FromString("elsewhere").Encoded(), "meta.json"): fmt.Sprintf(
			`{"Name": "elsewhere", "Metadata": {}, "Endpoints": {"docker": {"Host": %q}}}`, host),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	t.Setenv("DOCKER_CONTEXT", "unknown")
	if err := ask(); err == nil {
		t.Error("a context that is not there was taken for the default one")
	}
	t.Setenv("DOCKER_HOST", host)
	if err := ask(); err != nil {
		t.Errorf("DOCKER_HOST goes before the context: %v", err)
	}
}

func TestTLSOfTheEnvironmentIsTheDockerCommands(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for name, c := range map[string]struct {
		env  map[string]string
		host string
		skip bool
	}{
		"nothing":               {nil, "unix:///var/run/docker.sock", false},
		"a host without TLS":    {map[string]string{"DOCKER_HOST": "10.0.0.1", "DOCKER_CERT_PATH": "/nowhere"}, "tcp://10.0.0.1:2375", false},
		"TLS, verified":         {map[string]string{"DOCKER_HOST": "tcp://10.0.0.1:2376", "DOCKER_TLS_VERIFY": "1"}, "tcp://10.0.0.1:2376", false},
		"TLS, not verified":     {map[string]string{"DOCKER_HOST": "tcp://10.0.0.1:2376", "DOCKER_TLS": "1"}, "tcp://10.0.0.1:2376", true},
		"TLS, and nothing more": {map[string]string{"DOCKER_TLS_VERIFY": "1"}, "tcp://localhost:2376", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"DOCKER_HOST", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"} {
				t.Setenv(key, c.env[key])
			}
			endpoint, err := endpointOfEnvironment()
			if err != nil || endpoint.Host != c.host || endpoint.SkipTLSVerify != c.skip {
				t.Errorf("%+v, %v", endpoint, err)
			}
		})
	}
}

func TestContainerThatVanishesBetweenTwoQuestionsIsLeftOut(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{
		"GET /containers/json":   text(`[{"Id":"a"},{"Id":"b"},{"Id":"c"}]`),
		"GET /containers/a/json": text(`{"Id":"a","Name":"/demo-web-1","State":{"Status":"running"},"Config":{"Labels":{"com.docker.compose.oneoff":"False"}}}`),
		"GET /containers/c/json": text(`{"Id":"c","Name":"/by-hand","State":{"Status":"running"},"Config":{"Labels":{"com.docker.compose.project":"demo"}}}`),
		"GET /containers/b/json": refused(http.StatusNotFound, "No such container: b"),
	})
	containers, err := Project{Name: "demo"}.Containers(t.Context())
	if err != nil || len(containers) != 1 || containers[0].Name != "demo-web-1" {
		t.Errorf("%+v, %v", containers, err)
	}
}

// networked is a model with networks of these names.
func networked(names ...string) *Model {
	project := &types.Project{Networks: types.Networks{}}
	for _, name := range names {
		project.Networks[name] = types.NetworkConfig{Name: name}
	}
	return NewModel(project)
}

func TestFailureIsNotTakenForNothingThere(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{"GET /": refused(http.StatusInternalServerError, "internal")})
	if containers, err := inspect(t.Context(), "a"); err == nil {
		t.Errorf("%+v", containers)
	}
	if images, err := Images(t.Context(), "a"); err == nil {
		t.Errorf("%v", images)
	}
	if volumes, err := Volumes(t.Context(), "a"); err == nil {
		t.Errorf("%v", volumes)
	}
	if networks, err := (Project{Name: "p"}).Networks(t.Context(), networked("a")); err == nil {
		t.Errorf("%v", networks)
	}
	if projects, err := ProjectsOf(t.Context(), "a"); err == nil {
		t.Errorf("%v", projects)
	}
	if volume, err := VolumeIdentity(t.Context(), "a"); err == nil {
		t.Errorf("%v", volume)
	}
}

func TestWhatTheEngineLacksIsLeftOut(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{
		"GET /images/a:1/json":     text(`{"Id":"sha256:a"}`),
		"GET /images/missing/json": refused(http.StatusNotFound, "No such image: missing"),
		"GET /images/host/b/json":  text(`{"Id":"sha256:b"}`),
		"GET /networks":            text(`[]`),
		"GET /networks/front":      text(`{"Id":"f1","Name":"front","Driver":"bridge","Internal":true,"Containers":{"c1":{"Name":"web-1"}}}`),
		"GET /networks/missing":    refused(http.StatusNotFound, "network missing not found"),
		"GET /volumes/data":        text(`{"Name":"data","Driver":"local","Mountpoint":"/nowhere/data/_data"}`),
		"GET /volumes/missing":     refused(http.StatusNotFound, "get missing: no such volume"),
	})
	images, err := Images(t.Context(), "a:1", "missing", "host/b")
	if err != nil || len(images) != 2 || images["a:1"].ID != "sha256:a" || images["host/b"].ID != "sha256:b" {
		t.Errorf("%v, %v", images, err)
	}
	networks, err := Project{Name: "p"}.Networks(t.Context(), networked("front", "missing"))
	front := networks["front"]
	if err != nil || len(networks) != 1 || front.ID != "f1" || !front.Internal || front.Attached["c1"] != "web-1" {
		t.Errorf("%+v, %v", networks, err)
	}
	volumes, err := Volumes(t.Context(), "data", "missing")
	if err != nil || len(volumes) != 1 || volumes["data"].Driver != "local" {
		t.Errorf("%+v, %v", volumes, err)
	}
}

// Case B7: the containerd image store gives another id to each build of the same content.
func TestCaseB7ContentOfAnImageIsWhatContainersGet(t *testing.T) {
	image := func(id, created, env, layer, variant string) http.HandlerFunc {
		return text(fmt.Sprintf(`{"Id": %q, "Created": %q, "RepoTags": [%q], "Os": "linux", "Architecture": "arm64", "Variant": %q,
			"Config": {"Env": [%q], "Cmd": ["/main"]}, "RootFS": {"Type": "layers", "Layers": [%q]}}`, id, created, id, variant, env, layer))
	}
	engineSays(t, map[string]http.HandlerFunc{
		"GET /images/first/json":    image("sha256:1", "2026-01-01T00:00:00Z", "A=1", "sha256:l1", "v8"),
		"GET /images/again/json":    image("sha256:2", "2026-02-02T00:00:00Z", "A=1", "sha256:l1", "v8"),
		"GET /images/env/json":      image("sha256:3", "2026-01-01T00:00:00Z", "A=2", "sha256:l1", "v8"),
		"GET /images/layer/json":    image("sha256:4", "2026-01-01T00:00:00Z", "A=1", "sha256:l2", "v8"),
		"GET /images/platform/json": image("sha256:5", "2026-01-01T00:00:00Z", "A=1", "sha256:l1", "v7"),
	})
	images, err := Images(t.Context(), "first", "again", "env", "layer", "platform")
	if err != nil {
		t.Fatal(err)
	}
	if first, again := images["first"], images["again"]; first.ID == again.ID || first.Content == "" || first.Content != again.Content {
		t.Errorf("the same content, built twice: %+v and %+v", first, again)
	}
	for _, name := range []string{"env", "layer", "platform"} {
		if images[name].Content == images["first"].Content {
			t.Errorf("an image of another %s counts as the same", name)
		}
	}
}

func TestContainerTellsWhatAnotherOneMayWant(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{"GET /containers/a/json": text(`{
		"Id": "a", "Name": "/shop-db-1", "State": {"Status": "running"}, "Config": {"Labels": {"com.docker.compose.project": "shop"}},
		"HostConfig": {"PortBindings": {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "15432"}], "53/udp": [{"HostIp": "", "HostPort": ""}]}},
		"NetworkSettings": {"Networks": {
			"shop_back": {"NetworkID": "n1", "IPAddress": "10.1.0.2", "IPAMConfig": {"IPv4Address": "10.1.0.2"}},
			"shop_front": {"NetworkID": "n2", "IPAddress": "", "GlobalIPv6Address": "fd00::2", "IPAMConfig": null}}},
		"Mounts": [{"Type": "volume", "Name": "shop_data", "Source": "/v/shop_data/_data", "Destination": "/data", "RW": true},
			{"Type": "bind", "Source": "/srv/conf", "Destination": "/conf", "RW": false}]}`)})
	found, err := inspect(t.Context(), "a")
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	c := found[0]
	slices.SortFunc(c.Ports, func(a, b Binding) int { return a.Target - b.Target })
	if want := []Binding{{Proto: "udp", Target: 53}, {Address: "127.0.0.1", Port: 15432, Proto: "tcp", Target: 5432}}; !slices.Equal(c.Ports, want) {
		t.Errorf("ports %+v, want %+v", c.Ports, want)
	}
	if back := c.Networks["shop_back"]; back.NetworkID != "n1" || !slices.Equal(back.Fixed, []string{"10.1.0.2"}) {
		t.Errorf("%+v", back)
	}
	if front := c.Networks["shop_front"]; len(front.Fixed) > 0 || !slices.Equal(front.Addresses, []string{"fd00::2"}) {
		t.Errorf("%+v", front)
	}
	if want := []Mount{
		{Type: "volume", Name: "shop_data", Source: "/v/shop_data/_data", Target: "/data", Write: true},
		{Type: "bind", Source: "/srv/conf", Target: "/conf"},
	}; !slices.Equal(c.Mounts, want) {
		t.Errorf("mounts %+v, want %+v", c.Mounts, want)
	}
	if c.Project() != "shop" {
		t.Errorf("project %q", c.Project())
	}
}

// Case F3: who holds a container_name. The engine finds a container by the beginning of its id, too.
func TestCaseF3ProjectsOfNamesIsNotMisledByIDs(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{
		"GET /containers/edge/json": text(`{"Id":"1","Name":"/edge","Config":{"Labels":{"com.docker.compose.project":"other"}}}`),
		"GET /containers/lone/json": text(`{"Id":"2","Name":"/lone","Config":{}}`),
		"GET /containers/beef/json": text(`{"Id":"beef00","Name":"/something","Config":{}}`),
		"GET /containers/free/json": refused(http.StatusNotFound, "No such container: free"),
	})
	got, err := ProjectsOf(t.Context(), "edge", "lone", "beef", "free")
	if want := map[string]string{"edge": "other", "lone": ""}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestExecTellsTheCommandsFailureFromTheEngines(t *testing.T) {
	upgraded := func(then func(net.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else its writer finds the connection closed
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
			then(conn)
		}
	}
	hanging := make(chan struct{})
	t.Cleanup(func() { close(hanging) })
	engineSays(t, map[string]http.HandlerFunc{
		"POST /containers/up/exec":      text(`{"Id":"check"}`),
		"POST /containers/stopped/exec": refused(http.StatusConflict, "Container is not running"),
		"POST /containers/hangs/exec":   text(`{"Id":"hangs"}`),
		"POST /exec/check/start": upgraded(func(conn net.Conn) {
			fmt.Fprint(conn, framed(1, "not "), framed(2, "ready\n"))
		}),
		"POST /exec/hangs/start":    upgraded(func(net.Conn) { <-hanging }),
		"GET /exec/check/json":      text(`{"ExitCode":1}`),
		"POST /containers/cut/exec": text(`{"Id":"cut"}`),
		"POST /exec/cut/start":      upgraded(func(net.Conn) {}),
		"GET /exec/cut/json":        text(`{"Running":true,"ExitCode":null}`),
	})
	if output, code, err := Exec(t.Context(), "up", "check"); output != "not ready" || code != 1 || err != nil {
		t.Errorf("%q, %d, %v", output, code, err)
	}
	if _, _, err := Exec(t.Context(), "stopped", "check"); err == nil {
		t.Error("the engine's own failure was taken for the command's")
	}
	if _, _, err := Exec(t.Context(), "cut", "check"); err == nil {
		t.Error("a command that still runs was taken for one that passed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := Exec(ctx, "hangs", "check"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestLogsAreInTheOrderTheyWereWritten(t *testing.T) {
	second := framed(1, "2026-01-01T00:00:02.000000000Z second\n")
	engineSays(t, map[string]http.HandlerFunc{
		"GET /containers/id/json": text(`{"Config":{}}`),
		"GET /containers/id/logs": text(second + framed(2, "2026-01-01T00:00:01.000000000Z first\n") +
			framed(1, "2026-01-01T00:00:03.000000000Z third, with words\n")),
		"GET /containers/tty/json": text(`{"Config":{"Tty":true}}`),
		"GET /containers/tty/logs": text("2026-01-01T00:00:01.000000000Z alone\r\n"),
	})
	lines, err := Logs(t.Context(), "id", 3)
	if err != nil || !slices.Equal(lines, []string{"first", "second", "third, with words"}) {
		t.Errorf("%q, %v", lines, err)
	}
	if lines, err = Logs(t.Context(), "tty", 3); err != nil || !slices.Equal(lines, []string{"alone"}) {
		t.Errorf("%q, %v", lines, err)
	}
}

func TestEventsLeaveOutProbesAndEndWithTheStream(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{"GET /events": text(strings.Join([]string{
		`{"Action":"exec_start: /check","Actor":{"ID":"a"},"timeNano":1}`,
		`{"Action":"health_status: healthy","Actor":{"ID":"a","Attributes":{"com.docker.compose.service":"web"}},"timeNano":2}`,
		`{"Action":"die","Actor":{"ID":"b","Attributes":{"exitCode":"137"}},"timeNano":1795622031272863787}`,
	}, "\n"))})
	events, err := Project{Name: "demo"}.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []Event
	for event := range events {
		got = append(got, event)
	}
	if len(got) != 2 || got[0].Service != "web" || got[0].Action != "health_status: healthy" ||
		got[1].ExitCode != 137 || got[1].Time.Year() != 2026 {
		t.Errorf("%+v", got)
	}
}

func TestToolsAreAskedAgainOnlyWhenTheirFilesChange(t *testing.T) {
	engineSays(t, map[string]http.HandlerFunc{"GET /version": text(`{"Version":"28.0.0"}`)})
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	plugin := filepath.Join(t.TempDir(), "docker-compose")
	dockerSays(t, fmt.Sprintf(`echo '{"Version":"28.0.0","Plugins":[{"Name":"compose","Version":"v5.6.0","Path":%q}]}'`, plugin))
	if err := os.WriteFile(plugin, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := Versions(t.Context(), Tools{})
	if err != nil || !first.unchanged() {
		t.Fatalf("%+v, %v", first, err)
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct {
		name string
		make func() error
	}{
		{"another plugin", func() error { return os.WriteFile(plugin, []byte("newer"), 0o600) }},
		{"no plugin", func() error { return os.Remove(plugin) }},
		{"one that comes first", func() error { return os.MkdirAll(filepath.Join(os.Getenv("DOCKER_CONFIG"), "cli-plugins"), 0o700) }},
		{"another docker", func() error { return os.WriteFile(docker, []byte("#!/bin/sh\necho '{\"Version\":\"29\"}'"), 0o700) }}, //nolint:gosec // to be run
	} {
		known, err := askTools(t.Context())
		if err != nil || !known.unchanged() {
			t.Fatalf("%s: %+v, %v", change.name, known, err)
		}
		if err := change.make(); err != nil {
			t.Fatal(err)
		}
		if known.unchanged() {
			t.Errorf("%s: what was said before is believed", change.name)
		}
	}
	if last, err := Versions(t.Context(), first.Tools); err != nil || last.Client != "29" {
		t.Errorf("%+v, %v", last, err)
	}
}
