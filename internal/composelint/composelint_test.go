package composelint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"slipway/internal/regular"
)

// written makes a folder of files and returns it.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, content string) (string, []File) {
	t.Helper()
	path := filepath.Join(written(t, map[string]string{"compose.yaml": content}), "compose.yaml")
	files, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, files
}

func lookup(values map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		value, set := values[key]
		return value, set
	}
}

const rewrites = `
x-env: &shared
  ZERO: 0755
services:
  labels:
    image: a
    environment:
      <<: *shared
      RELEASE: 2026-01-31
      STAMP: 2026-01-31T10:00:00Z
      VERSION: 1.10
      HEX: 0x1F
      EXP: 1e3
      UNDER: 1_000
      BIG: 1000000.0
      YES: True
      PLUS: +1
      OCTAL: 0o17
      DB_PASSWORD: 0123
      FINE: 1.1
      PORT: 8080
      BOOL: true
      SAYS: yes
      QUOTED: "1.10"
      SINGLE: '2026-01-31'
      BLOCK: |-
        0755
      TEXT: v1.10
      EMPTY:
      NULL1: null
      TIME: 12:30:45
    labels: {since: 2026-01-31}
    sysctls: {net.core.somaxconn: 01000}
    logging: {driver: json-file, options: {max-file: 010}}
    deploy: {labels: {edition: 1.0}}
    build:
      context: .
      args:
        GO: 1.20
networks:
  n: {driver_opts: {mtu: 01450}, labels: {x: 0.50}}
`

// TestCaseJ8AValueThatYAMLRewritesIsNamedWithItsPlace holds what is said of each against what Compose's library makes of it.
func TestCaseJ8AValueThatYAMLRewritesIsNamedWithItsPlace(t *testing.T) {
	path, files := read(t, rewrites)
	got := map[string]Rewritten{}
	for _, r := range Rewrites(files) {
		got[r.Key] = r
	}
	arrives := arriving(t, path)
	lines := strings.Split(rewrites, "\n")
	for key, want := range arrives {
		line := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, key+": ") })
		text := regexp.MustCompile(regexp.QuoteMeta(key) + `: ([^ },|]*)`).FindStringSubmatch(lines[max(line, 0)])
		if line < 0 || text == nil || strings.HasPrefix(text[1], `"`) || strings.HasPrefix(text[1], `'`) || text[1] == "" || text[1] == "null" {
			if r, found := got[key]; found {
				t.Errorf("%s is named: %s", key, r)
			}
			continue
		}
		r, found := got[key]
		delete(got, key)
		switch {
		case found != (text[1] != want):
			t.Errorf("%s: %q arrives as %q, and it is said: %s", key, text[1], want, r)
		case found && (r.Line != line+1 || r.File != path):
			t.Errorf("%s: the place is %s:%d, not line %d", key, r.File, r.Line, line+1)
		case found && key == "DB_PASSWORD":
			if r.Written != "" || r.Arrives != "" || strings.Contains(r.String(), "123") {
				t.Errorf("a secret is shown: %s", r)
			}
		case found && (r.Written != text[1] || r.Arrives != want):
			t.Errorf("%s: %q, not %q", key, r.String(), want)
		}
	}
	if len(got) > 0 {
		t.Errorf("Compose knows nothing of %v", slices.Collect(maps.Keys(got)))
	}
}

// arriving is what the services, networks and their parts get.
func arriving(t *testing.T, path string) map[string]string {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{path}, cli.WithName("x"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	s := project.Services["labels"]
	for key, value := range s.Environment {
		if value != nil {
			all[key] = *value
		}
	}
	for key, value := range s.Build.Args {
		all[key] = *value
	}
	for _, more := range []map[string]string{s.Labels, s.Sysctls, s.Logging.Options, s.Deploy.Labels, project.Networks["n"].DriverOpts, project.Networks["n"].Labels} {
		maps.Copy(all, more)
	}
	return all
}

func TestCaseJ8TheRemedyArrivesAsItIsWritten(t *testing.T) {
	_, files := read(t, rewrites)
	text := rewrites
	for _, r := range Rewrites(files) {
		if r.Written != "" {
			text = strings.Replace(text, r.Key+": "+r.Written, fmt.Sprintf("%s: %q", r.Key, r.Written), 1)
		}
	}
	path, files := read(t, text)
	if again := Rewrites(files); len(again) != 1 || again[0].Key != "DB_PASSWORD" {
		t.Errorf("after the remedy: %v", again)
	}
	if got := arriving(t, path)["RELEASE"]; got != "2026-01-31" {
		t.Errorf("RELEASE arrives as %q", got)
	}
}

const uses = `name: shop
services:
  web:
    image: "web:$TAG"
    command: ["$$NOT", "${DEFAULT:-d}", "${DEFAULT-d}", "${PLUS:+r}", "${NEEDED:?m}", "${NEEDED?m}"]
    environment:
      A: ${UNSET}
      B: again $UNSET and ${OTHER} ${DEFAULT:-x} $LATER
      C: "${DEFAULT:-${NESTED}}"
      D: "${SET:-${NOTNEEDED}}"
      E: ${SET:+${WHENSET}}
      F: $lower and ${SET} and ${EMPTY}
      $KEY: x
    configs: [c]
    # $COMMENT
configs:
  c:
    content: |
      first
      second $INBLOCK
      $$three
`

// TestCaseC6AVariableThatNobodySetIsNamedOnce holds the names against those of which Compose's library warns.
func TestCaseC6AVariableThatNobodySetIsNamedOnce(t *testing.T) {
	path, files := read(t, uses)
	values := map[string]string{"SET": "1", "EMPTY": "", "NEEDED": "1"}
	got := map[string]int{}
	for _, u := range Unsets(files, lookup(values)) {
		got[u.Name] = u.Line
		if want := fmt.Sprintf("%s is not set; it becomes an empty string: %s line %d", u.Name, path, u.Line); u.String() != want {
			t.Errorf("got %q", u)
		}
	}
	want := map[string]int{"TAG": 4, "UNSET": 7, "OTHER": 8, "LATER": 8, "NESTED": 9, "WHENSET": 11, "lower": 12, "INBLOCK": 20}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if warned := warnings(t, path, values); !slices.Equal(warned, slices.Sorted(maps.Keys(want))) {
		t.Errorf("Compose warns of %v", warned)
	}
}

var ofVariable = regexp.MustCompile(`\\"(\w+)\\" variable is not set`)

// warnings are the names of which Compose's library warns.
func warnings(t *testing.T, path string, values map[string]string) []string {
	t.Helper()
	var log bytes.Buffer
	logrus.SetOutput(&log)
	defer logrus.SetOutput(os.Stderr)
	var env []string
	for key, value := range values {
		env = append(env, key+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{path}, cli.WithName("x"), cli.WithEnv(env))
	if err == nil {
		_, err = options.LoadProject(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, found := range ofVariable.FindAllStringSubmatch(log.String(), -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestAnIncludedFileIsReadAndOneWithValuesOfItsOwnIsNotJudged(t *testing.T) {
	dir := written(t, map[string]string{
		"compose.yaml":   "include: [a/compose.yaml, {path: b/compose.yaml, env_file: b.env}, {path: [c.yaml]}, 'https://x.invalid/y.git', d/compose.yaml]\n",
		"a/compose.yaml": "services: {a: {image: $A, env_file: a.env}}\nsecrets: {s: {file: ./s.txt}}\n",
		"b/compose.yaml": "services: {b: {image: $B, environment: {V: 1.10}}}\n",
		"c.yaml":         "services: {c: {image: $C}}\n",
		"d/compose.yaml": "include: [../compose.yaml]\nservices: {d: {image: $D}}\n",
		"d/.env":         "D=1\n",
	})
	files, err := Read(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range Unsets(files, lookup(nil)) {
		names = append(names, u.Name)
	}
	if got := strings.Join(names, " "); got != "A C" {
		t.Errorf("unset: %s", got)
	}
	if found := Rewrites(files); len(found) != 1 || found[0].Key != "V" {
		t.Errorf("rewritten: %v", found)
	}
	named := Names(files, lookup(nil))
	if !slices.Equal(named.Secrets, []string{filepath.Join(dir, "a/s.txt")}) || !slices.Equal(named.EnvFiles, []string{filepath.Join(dir, "a/a.env")}) {
		t.Errorf("named: %+v", named)
	}
}

func TestNamesFindsWhatHoldsSecrets(t *testing.T) {
	path, files := read(t, `
services:
  a: {env_file: one.env, image: "hub/postgres:16", container_name: shop-db}
  b: {env_file: [two.env, {path: "${WHERE}/three.env", required: false}, "${MISSING:?}/x"]}
secrets:
  plain: {file: ./secrets/plain}
  moved: {file: "${WHERE}/moved"}
  absolute: {file: /etc/shop/key}
  given: {environment: LICENCE}
  outside: {external: true}
`)
	dir := filepath.Dir(path)
	got := Names(files, lookup(map[string]string{"WHERE": "w"}))
	want := Named{
		Secrets:   []string{dir + "/secrets/plain", dir + "/w/moved", "/etc/shop/key"},
		Variables: []string{"LICENCE"},
		EnvFiles:  []string{dir + "/one.env", dir + "/two.env", dir + "/w/three.env"},
		Words:     []string{"a", "shop-db", "hub", "postgres", "16", "b"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v", got)
	}
}

func TestReadTellsWhatItCannotReadWithoutItsText(t *testing.T) {
	dir := written(t, map[string]string{"good.yaml": "services: {}\n", "bad.yaml": "a: 'canary\n\tb: [\n"})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := Read(filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "pipe.yaml"), filepath.Join(dir, "none.yaml"))
	if len(files) != 1 || !errors.Is(err, regular.ErrNotRegular) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "bad.yaml is not YAML") {
		t.Errorf("%d files, %v", len(files), err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Error("the error quotes the file")
	}
}

func TestCaseG7AMountedFolderOfSecretsIsNamedWithoutItsReadme(t *testing.T) {
	dir := written(t, map[string]string{
		"compose.yaml":        "services: {a: {volumes: ['./secrets:/run/secrets:ro', 'data:/data', './conf:/conf']}, b: {volumes: [{type: bind, source: ./more/secrets/key, target: /key}]}}\n",
		"secrets/README.md":   "read me",
		"secrets/.gitkeep":    "",
		"secrets/db.example":  "put it here",
		"secrets/db":          "canary",
		"more/secrets/key":    "canary",
		"more/secrets/unused": "canary",
		"conf/app.conf":       "x",
	})
	files, err := Read(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := Names(files, lookup(nil)).Secrets; !slices.Equal(got, []string{dir + "/secrets/db", dir + "/more/secrets/key"}) {
		t.Errorf("got %v", got)
	}
}
