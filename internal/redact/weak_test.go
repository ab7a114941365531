package redact

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// legitimate is output that a stack with common passwords gives, and that has to stay as it is.
const legitimate = `ok    config             wrote stack/.env, stack/secrets/db_password
run   rollout            postgres: replacing 1 container, start-first
 Container shop-production-postgres-1  Healthy
 Container shop-production-web-1  Started
postgres-1 | 2026-01-31 10:00:00 UTC [1] LOG:  database system is ready to accept connections
postgres-1 | FATAL:  password authentication failed for user "postgres"
postgres-1 | running as admin; test 1234 of 12345
web-1      | connecting to postgres://postgres@postgres:5432/postgres
web-1      | GET /admin/secret 200 in 12ms, see https://docs.example/test
Error: rollout: postgres: not healthy after 2m: exit code 1
  hint: docker exec shop-production-postgres-1 pg_isready -U postgres
image postgres:16 is older than postgres:17
POSTGRES_USER=postgres POSTGRES_DB=postgres image=postgres service: postgres
"Image": "postgres", "service": "admin", "COMPOSE_PROJECT_NAME": "shop-production"
{"service":"postgres","state":"healthy","image":"registry/postgres:16"}
chmod 600 /srv/shop/secrets/db_password
the secret postgres, a token test, the password admin
https://postgres:5432/ and tcp://db:1234
`

// common passwords of test stacks, with the names that the stack itself has.
func redactorOfAStack() *Redactor {
	r := New()
	r.Add("postgres", "admin", "test", "secret", "1234", "web", "a", "12345", "changeme", "shop-production", "shop-production-x8KqLm2vTz", "pa$postgres", "secret-76409")
	r.Ordinary("Shop-Production", "web", "postgres", "registry/postgres")
	r.Keys("PIN")
	return r
}

func TestCaseG7LegitimateOutputStaysAsItIs(t *testing.T) {
	r := redactorOfAStack()
	for line := range strings.Lines(legitimate) {
		if got := r.String(line); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
	for size := 1; size < 40; size++ {
		var out bytes.Buffer
		w := r.Writer(&out)
		for rest := legitimate; rest != ""; rest = rest[min(size, len(rest)):] {
			pass(t, w, rest[:min(size, len(rest))])
		}
		if err := w.Flush(); err != nil || out.String() != legitimate {
			t.Fatalf("in pieces of %d: %q, %v", size, out.String(), err)
		}
	}
}

// TestTheTextsOfThisRepositoryStayAsTheyAre in front of many secrets: manuals, programs, scripts and compose files are what logs and errors
// quote. They have words that look like digits of every alphabet, and all that is escaped somewhere.
func TestTheTextsOfThisRepositoryStayAsTheyAre(t *testing.T) {
	r := New()
	for kind, secret := range secretsOf {
		if kind != "a JSON file" && kind != "dollars" { // "client": and a variable that is not set are pieces of these
			r.Add(secret)
		}
	}
	for i := range 40 {
		r.Add(noise(20 + i))
	}
	texts, lines := 0, 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == ".git" || entry.Name() == "redact") {
				return fs.SkipDir // where the secrets themselves are written
			}
			return err
		}
		switch filepath.Ext(path) {
		case ".md", ".go", ".sh", ".yaml", ".yml", ".json", ".sum":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts++
		var out bytes.Buffer
		w := r.Writer(&out)
		for line := range strings.Lines(string(text)) {
			pass(t, w, line)
			lines++
		}
		if err := w.Flush(); err != nil || out.String() != string(text) {
			at := strings.Index(out.String(), Replacement)
			t.Errorf("%s: not as it is: %v, %q", path, err, out.String()[max(0, at-80):min(out.Len(), at+80)])
		}
		return nil
	})
	if err != nil || texts < 100 || lines < 10000 {
		t.Errorf("%d texts of %d lines: %v", texts, lines, err)
	}
}

// values is where the same passwords stand as values.
var values = map[string]string{
	"POSTGRES_PASSWORD=postgres\n":                           "POSTGRES_PASSWORD=[redacted]\n",
	"PGPASSWORD=admin PGUSER=admin":                          "PGPASSWORD=[redacted] PGUSER=admin",
	`{"password": "postgres", "user": "postgres"}`:           `{"password": "[redacted]", "user": "postgres"}`,
	`{\"Password\":\"1234\"}`:                                `{\"Password\":\"[redacted]\"}`,
	"postgres://postgres:postgres@postgres/postgres":         "postgres://postgres:[redacted]@postgres/postgres",
	"host=db password=test user=test":                        "host=db password=[redacted] user=test",
	"db_password: 'secret'":                                  "db_password: '[redacted]'",
	"mysql --password admin -u admin":                        "mysql --password [redacted] -u admin",
	"mysql --password=admin -u admin":                        "mysql --password=[redacted] -u admin",
	"PIN=1234 POINT=1234":                                    "PIN=[redacted] POINT=1234",
	"API_KEY=a, b":                                           "API_KEY=[redacted], b",
	"TOKEN=shop-production":                                  "TOKEN=[redacted]",
	"it was shop-production-x8KqLm2vTz":                      "it was [redacted]",
	"and tion-x8KqLm2vTz in part":                            "and [redacted] in part",
	`msg="The \"postgres\" variable is not set. Defaulting"`: `msg="The [redacted]. Defaulting"`,
}

func TestCaseG7ACommonPasswordIsHiddenWhereItStandsAsAValue(t *testing.T) {
	r := redactorOfAStack()
	for text, want := range values {
		if got := r.String(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
		for at := range text {
			var out bytes.Buffer
			w := r.Writer(&out)
			pass(t, w, text[:at], text[at:])
			if err := w.Flush(); err != nil || out.String() != want {
				t.Errorf("split at %d: %q, %v", at, out.String(), err)
			}
		}
	}
}

func TestAWordToldLaterIsNoSecretFromThenOn(t *testing.T) {
	r := New()
	r.Add("freshtrack")
	if got := r.String("freshtrack is up"); got != "[redacted] is up" {
		t.Errorf("got %q", got)
	}
	r.Ordinary("freshtrack")
	if got := r.String("freshtrack is up, PASSWORD=freshtrack"); got != "freshtrack is up, PASSWORD=[redacted]" {
		t.Errorf("got %q", got)
	}
}
