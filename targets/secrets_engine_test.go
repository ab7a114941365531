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
// have for one: «NAME» in a text stands for that of this name.
var scattered = map[string]string{
	"compose.yaml": `
include: [part/compose.yaml]
x-shared: &shared
  ANCHORED_SECRET: "«anchored»"
x-notes: {api_key: "«extension»"}
services:
  web:
    image: @P/demo:1
    command: ["tell", "-hold", "--api-key", "«flag»", "--password=«argument»"]
    env_file: [web.env]
    labels: {deploy.token: "«label»"}
    build: {context: app, args: {BUILD_TOKEN: "«build argument»"}}
    environment:
      <<: *shared
      TELL: /told
      DB_PASSWORD: "«inline»"
      FROM_ENV_FILE_TOKEN: ${OF_ENV_FILE_TOKEN}
      INTERPOLATED: postgres://app:${QUIET}@db/app
      FROM_SHELL_TOKEN:
      BROKEN_URL: postgres://app:%zz«URL that does not parse»@db/app
      QUERY: https://api/?page=1&access_token=«query»&sort=up
      LIBPQ: host=db user=app password=«libpq» dbname=app
      LIBPQ_QUOTED: host=db password='«libpq in quotes»' dbname=app
      MYSQL: app:«MySQL»@tcp(db:3306)/app
      JDBC: jdbc:postgresql://db/app?user=app&password=«JDBC»
      ADO: Server=db;User Id=app;Password=«ADO»;Encrypt=true
      TOKEN_AS_USER: https://«token as user»@github.com/firm/shop
      OAUTH: https://«token with a word»:x-oauth-basic@github.com/firm/shop
      HEADER: "Authorization=Bearer «header»"
      AS_JSON: '{"user": "app", "password": "«JSON»"}'
      LICENCE: ${LICENCE}
    healthcheck: {test: ["CMD", "/program", "tell", "--token=«healthcheck»"], interval: 1s, retries: 100, start_period: 0s}
    volumes: ["./told:/told:ro"]
    configs: [{source: written, target: /written}]
    secrets: [file, lines, given]
  child:
    extends: {file: base.yaml, service: base}
  tool:
    image: @P/demo:1
    profiles: [tools]
    environment: {TOOL_SECRET: "«inactive profile»"}
  job:
    image: @P/demo:1
    profiles: [jobs]
    command: ["job"]
    environment: {JOB_SECRET: "«job»"}
configs:
  written: {content: "[db]\nuser = app\npassword = «content»\n"}
secrets:
  file: {file: ./secrets/file}
  lines: {file: ./elsewhere/lines.pem}
  given: {environment: GIVEN}
`,
	"base.yaml":           "services: {base: {image: '@P/demo:1', command: [hold], environment: {BASE_SECRET: '«extended»'}}}\n",
	"part/compose.yaml":   "services: {part: {image: '@P/demo:1', command: [hold], environment: {PART_SECRET: '«included»'}}}\n",
	"web.env":             "WEB_TOKEN=«service's env file»\n",
	".env":                "OF_ENV_FILE_TOKEN=«env file»\nQUIET=«interpolated»\n",
	"secrets/file":        "«secret file»\n",
	"elsewhere/lines.pem": "-----BEGIN PRIVATE KEY-----\n«first line»\n«second line»\n-----END PRIVATE KEY-----\n",
}

// TestNoTargetShowsASecret wherever it comes from and in whatever form a container prints it.
func TestNoTargetShowsASecret(t *testing.T) {
	secrets := map[string]string{}
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
	files := map[string]string{}
	for name, text := range scattered {
		files[name] = fill(text)
	}
	shell := []string{fill("FROM_SHELL_TOKEN=«shell»"), fill("GIVEN=«secret of the environment»"), fill("LICENCE=«declared setting of the environment»")}
	var told strings.Builder
	encoded := map[string]string{}
	lines := 0
	for name, secret := range secrets {
		for form, encode := range secretForms {
			text := encode(secret)
			encoded[text] = name + ", " + form
			lines++
			fmt.Fprintf(&told, "%s-begin <%s> end\n", strings.ReplaceAll(form, " ", "-"), text)
		}
	}
	files["told"] = told.String()

	d := newDemo(t, files)
	d.image("demo:1")
	d.env = append(d.env, shell...)
	d.settings = []map[string]any{{"Key": "LICENCE", "Secret": true}}
	shown := func(where, text string) {
		for _, secret := range slices.Sorted(maps.Keys(encoded)) {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret: that of %s", where, encoded[secret])
			}
		}
	}
	seen := commandLines()
	for _, c := range []struct {
		code int
		args []string
	}{
		{-1, []string{"preflight"}},
		{0, []string{"plan"}},
		{0, []string{"plan", "-json"}},
		{4, []string{"deploy", "-skip=preflight,prerequisites", "-passes=1", "-timeout=8s"}},
		{4, []string{"verify", "-passes=1", "-timeout=5s"}},
		{4, []string{"verify", "-passes=1", "-timeout=5s", "-json"}},
		{0, []string{"status"}},
		{0, []string{"status", "-json"}},
		{0, []string{"history", "-json"}},
		{0, []string{"logs", "web", "-lines=10000"}},
	} {
		got := d.mage(c.args...)
		if c.code >= 0 && got.code != c.code {
			t.Errorf("mage %s: exit %d and not %d: %s", strings.Join(c.args, " "), got.code, c.code, got)
		}
		shown("mage "+strings.Join(c.args, " "), got.stdout+got.stderr)
		if c.args[0] == "logs" && strings.Count(got.stdout, "[redacted]") != lines {
			t.Errorf("of %d lines these came out:\n%s", lines, got.stdout)
		}
		if slices.Contains(c.args, "-json") && !json.Valid([]byte(got.stdout)) {
			t.Errorf("mage %s prints no JSON: %s", strings.Join(c.args, " "), got)
		}
	}
	err := filepath.WalkDir(d.state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		shown(entry.Name(), string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"flag", "argument", "healthcheck"} { // the container's command has them, as the files say
		maps.DeleteFunc(encoded, func(_, from string) bool { return strings.HasPrefix(from, own+", ") })
	}
	shown("a command line", seen())
}

// commandLines looks at those of all processes until it is asked what it has seen.
func commandLines() (seen func() string) {
	lines := map[string]bool{}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range paths {
				if data, err := os.ReadFile(path); err == nil { // else it has ended
					lines[string(data)] = true
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() string {
		close(stop)
		<-stopped
		return strings.Join(slices.Collect(maps.Keys(lines)), "\n")
	}
}
