//go:build engine

package targets_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// secretForms are the ways in which a container's log may hold a secret.
var secretForms = map[string]func(string) string{
	"plain": func(s string) string { return s },
	"JSON":  func(s string) string { data, _ := json.Marshal(s); return strings.Trim(string(data), `"`) },
	"twice": func(s string) string {
		data, _ := json.Marshal(s)
		more, _ := json.Marshal(string(data))
		return string(more)
	},
	"query":   url.QueryEscape,
	"path":    url.PathEscape,
	"HTML":    html.EscapeString,
	"shell":   func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	"dollars": func(s string) string { return strings.ReplaceAll(s, "$", "$$") },
	"hex":     func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":     func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"base64":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"basic":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("a:" + s + "@b")) },
	"most":    func(s string) string { return s[:len(s)*3/5] },
}

// scattered is a stack with a secret in each place that compose files, their env files, the environment and the declaration
// have for one: «PLACE» in a text stands for the one there, and «PLACE, AS WHAT» where there are several.
var scattered = map[string]string{
	"compose.yaml": `
include: [part/compose.yaml]
x-shared: &shared
  ANCHORED_SECRET: "«anchor»"
x-notes: {api_key: "«extension»"}
services:
  web:
    image: @P/demo:1
    command: ["tell", "-hold", "--api-key", "«command, behind a flag»", "--password=«command, with a flag»"]
    env_file: [web.env]
    labels: {deploy.token: "«label»"}
    build: {context: app, args: {BUILD_TOKEN: "«build argument»"}, labels: {build.token: "«label of an image»"}}
    environment:
      <<: *shared
      TELL: /told
      DB_PASSWORD: "«environment»"
      FROM_ENV_FILE_TOKEN: ${OF_ENV_FILE_TOKEN}
      INTERPOLATED: postgres://app:${QUIET}@db/app
      DEFAULT_PASSWORD: ${UNSET_PASSWORD:-«default of a variable»}
      FROM_SHELL_TOKEN:
      BROKEN_URL: postgres://app:%zz«environment, in a URL that does not parse»@db/app
      QUERY: https://api/?page=1&access_token=«environment, in a query»&sort=up
      LIBPQ: host=db user=app password=«environment, for libpq» dbname=app
      LIBPQ_QUOTED: host=db password='«environment, for libpq in quotes»' dbname=app
      MYSQL: app:«environment, for MySQL»@tcp(db:3306)/app
      JDBC: jdbc:postgresql://db/app?user=app&password=«environment, for JDBC»
      ADO: Server=db;User Id=app;Password=«environment, for ADO»;Encrypt=true
      CACHE: redis://:«environment, without a user»@cache:6379/0
      TOKEN_AS_USER: https://«environment, a token as user»@github.com/firm/shop
      OAUTH: https://«environment, a token with a word»:x-oauth-basic@github.com/firm/shop
      HEADER: "Authorization=Bearer «environment, in a header»"
      AS_JSON: '{"user": "app", "password": "«environment, in JSON»"}'
      LICENCE: ${LICENCE}
    healthcheck: {test: ["CMD", "/program", "tell", "--token=«healthcheck»"], interval: 1s, retries: 100, start_period: 0s}
    volumes: ["./told:/told:ro"]
    configs: [{source: written, target: /written}, {source: taken, target: /taken}]
    secrets: [file, lines, given]
  child:
    extends: {file: base.yaml, service: base}
  tool:
    image: @P/demo:1
    profiles: [tools]
    entrypoint: ["/program", "--token", "«entrypoint»"]
    environment: {TOOL_SECRET: "«profile that is off»"}
    annotations: {deploy.token: "«annotation»"}
    logging: {driver: splunk, options: {splunk-token: "«option of a log driver»"}}
    post_start: [{command: ["/program", "--password=«hook»"], environment: ["HOOK_TOKEN=«hook, environment»"]}]
    build: {context: app, dockerfile_inline: "FROM scratch\nENV API_KEY=«Dockerfile inside»\n"}
    volumes: ["share:/share"]
  job:
    image: @P/demo:1
    profiles: [jobs]
    command: ["job"]
    environment: {JOB_SECRET: "«job»"}
volumes:
  share: {driver_opts: {type: cifs, device: //files/share, o: "username=app,password=«option of a volume»"}}
configs:
  written: {content: "[db]\nuser = app\npassword = «content of a config»\n"}
  taken: {environment: TAKEN_TOKEN}
secrets:
  file: {file: ./secrets/file}
  lines: {file: ./elsewhere/lines.pem}
  given: {environment: GIVEN}
`,
	"more.yaml":           "services: {web: {environment: {MORE_SECRET: '«second file»'}}}\n",
	"base.yaml":           "services: {base: {image: '@P/demo:1', command: [hold], environment: {BASE_SECRET: '«extended file»'}}}\n",
	"part/compose.yaml":   "services: {part: {image: '@P/demo:1', command: [hold], environment: {PART_SECRET: '«included file»'}}}\n",
	"web.env":             "WEB_TOKEN=«env file of a service»\n",
	".env":                "OF_ENV_FILE_TOKEN=«env file»\nQUIET=«env file, by a variable of any name»\n",
	"secrets/file":        "«secret file»\n",
	"elsewhere/lines.pem": "-----BEGIN PRIVATE KEY-----\n«secret file, a line»\n«secret file, another line»\n-----END PRIVATE KEY-----\n",
}

// scatter puts a secret of its own in each place. It returns the files, what the shell has, and the secrets by their places.
func scatter() (files map[string]string, shell []string, secrets map[string]string) {
	secrets = map[string]string{}
	fill := func(text string) string {
		for {
			before, rest, found := strings.Cut(text, "«")
			if !found {
				return text
			}
			name, after, _ := strings.Cut(rest, "»")
			if secrets[name] == "" {
				secrets[name] = strings.ToLower(rand.Text()[:10]) + "-" + rand.Text()[:10]
			}
			text = before + secrets[name] + after
		}
	}
	files = map[string]string{}
	for name, text := range scattered {
		files[name] = fill(text)
	}
	for _, variable := range []string{
		"FROM_SHELL_TOKEN=«shell»", "GIVEN=«secret of the environment»", "TAKEN_TOKEN=«config of the environment»", "LICENCE=«declared setting»",
	} {
		shell = append(shell, fill(variable))
	}
	return files, shell, secrets
}

// TestNoTargetShowsASecret wherever it comes from and in whatever form a container prints it, and each shows what is no secret.
func TestNoTargetShowsASecret(t *testing.T) {
	files, shell, secrets := scatter()
	places := map[string]bool{}
	for name := range secrets {
		place, _, _ := strings.Cut(name, ",")
		places[place] = true
	}
	if len(secrets) < 40 || len(places) < 25 || len(secretForms) < 12 {
		t.Fatalf("%d secrets in %d places and %d forms", len(secrets), len(places), len(secretForms))
	}
	var told strings.Builder
	encoded := map[string]string{}
	hidden := 0
	for name, secret := range secrets {
		for form, encode := range secretForms {
			text := encode(secret)
			encoded[text] = name + ", " + form
			hidden++
			fmt.Fprintf(&told, "%s-begin <%s> end\n", strings.ReplaceAll(form, " ", "-"), text)
		}
	}
	harmless := harmlessText(t)
	files["told"] = told.String() + harmless

	d := newDemo(t, files)
	d.image("demo:1")
	d.stack.Destinations[0].Files = append(d.stack.Destinations[0].Files, "more.yaml")
	d.env = append(d.env, shell...)
	d.settings = []map[string]any{{"Key": "LICENCE", "Secret": true}}
	shown := func(where, text string) {
		for _, secret := range slices.Sorted(maps.Keys(encoded)) {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret: that of %s", where, encoded[secret])
			}
		}
	}
	seen := processes("STATE_DIR=" + d.state)
	asked := map[string]bool{}
	for _, c := range []struct {
		code int // -1 where it depends on the machine
		args string
	}{
		{-1, "preflight"},
		{-1, "prerequisites"},
		{0, "config"},
		{0, "plan"},
		{0, "plan -json"},
		{4, "deploy -skip=preflight,prerequisites -passes=1 -timeout=5s"},
		{4, "verify -passes=1 -timeout=2s"},
		{4, "verify -passes=1 -timeout=2s -json"},
		{0, "status"},
		{0, "status -json"},
		{0, "history -json"},
		{0, "logs web -lines=10000"},
		{3, "backup"},
		{3, "restore"},
		{3, "upgrade web"},
		{3, "rollback"},
		{0, "reset -step=rollout"},
		{0, "down"},
		{0, "init"},
	} {
		args := strings.Fields(c.args)
		for _, target := range args {
			asked[target] = true
		}
		got := d.mage(args...)
		if c.code >= 0 && got.code != c.code {
			t.Errorf("mage %s: exit %d and not %d: %s", c.args, got.code, c.code, got)
		}
		shown("mage "+c.args, got.stdout+got.stderr)
		if args[0] == "logs" {
			printed := withoutPrefixes(got.stdout)
			if n := strings.Count(printed, "[redacted]"); n != hidden || !strings.HasSuffix(printed, harmless) {
				t.Errorf("of %d lines with a secret %d were hidden; what is none came out as it is: %v", hidden, n, strings.HasSuffix(printed, harmless))
			}
		}
		if slices.Contains(args, "-json") && !json.Valid([]byte(got.stdout)) {
			t.Errorf("mage %s prints no JSON: %s", c.args, got)
		}
	}
	for line := range strings.Lines(d.mage("-l").stdout) {
		if target, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(line, "  ") && !asked[target] {
			t.Errorf("mage %s is not asked", target)
		}
	}
	err := filepath.WalkDir(d.state, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && path == filepath.Join(d.state, "files"): // what containers mount, as the operator wrote it
			return filepath.SkipDir
		case err != nil || !entry.Type().IsRegular():
			return err
		case path == filepath.Join(d.state, "secrets.env"): // what Compose puts in the place of what a release leaves out
			info, err := entry.Info()
			if err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s is %s", path, info.Mode())
			}
			return err
		}
		data, err := os.ReadFile(path)
		shown(entry.Name(), string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	declaration, err := os.ReadFile(filepath.Join(d.dir, "magefile.go")) // that init has written
	if err != nil {
		t.Fatal(err)
	}
	shown("magefile.go", string(declaration))
	commandLines, environments := seen()
	unless := func(places ...string) {
		maps.DeleteFunc(encoded, func(_, from string) bool {
			return slices.ContainsFunc(places, func(place string) bool { return strings.HasPrefix(from, place+", ") })
		})
	}
	unless("command", "healthcheck") // of the container, as the files say
	shown("a command line", commandLines)
	unless("shell", "secret of the environment", "config of the environment", "declared setting") // which the operator's shell has
	shown("an environment", environments)
	if !strings.Contains(environments, d.state) {
		t.Error("no environment of a process was seen")
	}
}

// harmlessText is what a container may print and nobody has to hide: what the operator's manual says.
func harmlessText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withoutPrefixes are lines of logs without the container's name.
func withoutPrefixes(logs string) string {
	var text strings.Builder
	for line := range strings.Lines(logs) {
		_, said, _ := strings.Cut(line, "| ")
		text.WriteString(said)
	}
	return text.String()
}

// processes looks at the command lines of all processes, and at the environments that hold a mark, until it is asked what it has
// seen.
func processes(mark string) (seen func() (commandLines, environments string)) {
	lines, environments := map[string]bool{}, map[string]bool{}
	stop, stopped := make(chan struct{}), make(chan struct{})
	look := func(file, mark string, into map[string]bool) {
		paths, _ := filepath.Glob("/proc/[0-9]*/" + file)
		for _, path := range paths {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), mark) { // else it has ended
				into[string(data)] = true
			}
		}
	}
	go func() {
		defer close(stopped)
		for {
			look("cmdline", "", lines)
			look("environ", mark, environments)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() (string, string) {
		close(stop)
		<-stopped
		return strings.Join(slices.Collect(maps.Keys(lines)), "\n"), strings.Join(slices.Collect(maps.Keys(environments)), "\n")
	}
}
