package redact

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// carrying are values that carry a secret, as their drivers and programs take them; what is to be found is in @…@.
var carrying = []struct{ key, value string }{
	{"DB_PASSWORD", "«hunter2»"},
	{"DATABASE_URL", "postgres://app:«hunter2»@db/app"},
	{"DATABASE_URL", "postgres://app:«p%zz!9»@db/app"},
	{"DATABASE_URL", "postgres://app:«pa/ss?word#1»@db:5432/app"},
	{"DATABASE_URL", "postgres://app:«123/45»@db:5432/app"},
	{"DATABASE_URL", "postgres://app:«p@ss/w@rd»@db/app?sslmode=require"},
	{"DATABASE_URL", "postgres://app:«[not%an]host»@db:notaport/app"},
	{"DATABASE_URL", "postgresql+asyncpg://app:«hunter2»@db/app"},
	{"DATABASE_URL", "jdbc:postgresql://db/app?user=app&password=«hunter2»&ssl=true"},
	{"DATABASE_URL", "jdbc:oracle:thin:scott/«t1gerlily»@db:1521:orcl"},
	{"DATABASE_URL", "jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=«P4ss;word!»;encrypt=true"},
	{"DATABASE_URL", "host=db port=5432 user=app password=«hunter2» dbname=app"},
	{"DATABASE_URL", `host=db password='«it is\'so»' dbname=app`},
	{"DATABASE_URL", "user=app password = «hunter2»"},
	{"DATABASE_URL", "app:«hunter2»@tcp(db:3306)/app?parseTime=true"},
	{"DATABASE_URL", "app:«p@ss:w/ord»@tcp(db:3306)/app"},
	{"DATABASE_URL", "app:«hunter2»@unix(/run/mysqld.sock)/app"},
	{"DATABASE_URL", "app:«hunter2»@/app"},
	{"DATABASE_URL", "Server=db;Database=app;User Id=sa;Password=«correct horse»;Encrypt=True"},
	{"DATABASE_URL", `Server=db;Pwd="«semi;colon ""q""»";User Id=sa`},
	{"DATABASE_URL", "Driver={ODBC 18};Server=db;UID=sa;PWD={«a}}b;c»}"},
	{"DATABASE_URL", "AccountName=shop;AccountKey=«q83vEjRWeJq83w==»;EndpointSuffix=core.windows.net"},
	{"MONGO", "mongodb+srv://app:«hunter2»@cluster0.example.net/app?authSource=admin"},
	{"MONGO", "mongodb://app:«hunter2»@a:27017,b:27017/app"},
	{"REDIS", "redis://:«hunter2»@redis:6379/0"},
	{"REDIS", "redis:6379,password=«hunter2»,ssl=False"},
	{"AMQP", "amqps://app:«hunter2»@rabbit/%2f"},
	{"SMTP", "smtp://joe%40firm.de:«hunter2»@mail:587"},
	{"PROXY", "app:«hunter2»@proxy.firm.de:3128"},
	{"PROXY", "http://app:«hunter2»@10.0.0.7:3128"},
	{"HOOK", "https://example.com/hook?channel=1&token=«t0ken-9f8e»"},
	{"HOOK", "https://example.com/hook?api_key=«t0ken-9f8e»&x=1#top"},
	{"REPO", "https://«ghp_R4nd0mL00k1ng»@github.com/firm/shop.git"},
	{"REPO", "https://«ghp_R4nd0mL00k1ng»:x-oauth-basic@github.com/firm/shop.git"},
	{"REPO", "git+https://x-access-token:«ghp_R4nd0mL00k1ng»@github.com/firm/shop"},
	{"REPO", "https://oauth2:«glpat-R4nd0m»@gitlab.com/firm/shop"},
	{"SENTRY", "https://«3f9a0c17be52d846a9e0»@o1.ingest.sentry.io/7"},
	{"CMD", "redis-server --requirepass «hunter2» --appendonly yes"},
	{"CMD", "mysql -h db --password=«hunter2» -e 'select 1'"},
	{"CMD", "curl -H 'Authorization: Bearer «eyJhbGciOiJIUzI1NiJ9.e30»' http://web"},
	{"JSON", `{"user": "app", "password": "«hun\"ter2»", "port": 5432}`},
	{"CONFIG", "server:\n  user: app\n  password: «hunter2»\n  port: 80"},
	{"CONFIG", "[db]\npassword = «hunter2»\n"},
	{"MOUNT", "username=app,password=«hunter2»,vers=3.0"},
}

func TestASecretIsFoundInWhateverCarriesIt(t *testing.T) {
	for _, c := range carrying {
		before, rest, _ := strings.Cut(c.value, "«")
		secret, after, _ := strings.Cut(rest, "»")
		want := strings.NewReplacer(`\'`, "'", `\"`, `"`, `""`, `"`, "}}", "}").Replace(secret)
		if got := Secrets(c.key, before+secret+after); !slices.Contains(got, want) {
			t.Errorf("%s=%s: found %q", c.key, c.value, got)
		}
	}
}

// TestWhatCarriesNoSecretTeachesNone since what is learned is hidden wherever it stands.
func TestWhatCarriesNoSecretTeachesNone(t *testing.T) {
	for _, value := range []string{
		"", "firm.de", "postgres://app@db/app", "postgres://db/%zz", "https://git@github.com/firm/shop.git", "ssh://deploy@host",
		"http://web:3000/@scope/pkg@1.0", "http://localhost:8080/a@b", "https://registry.example/firm/app:1.0@sha256:3f9a0c17be52d846",
		"registry:5000/firm/app:1.0@sha256:3f9a0c17be52d846", "git@github.com:firm/shop.git", "mailto:support@firm.de",
		"npm:package@1.2.3", "joe@firm.de", "redis-server --appendonly yes --save 60 1", "host=db user=app dbname=app sslmode=require",
		"Server=db;Database=app;Integrated Security=true", "password=$DB_PASSWORD", "--password ${DB_PASSWORD}", "password={{ .Values.password }}",
		"--password-file /run/secrets/db", "tls-key=/certs/server.key", "PATH=/usr/bin:/bin", "basic authentication is off", "a token bearer of news",
		`{"user": "app", "password_file": "/run/secrets/db"}`, "rs=0:di=01;34:ln=01;36", "user:\n  name: app\n", "12:30@noon",
	} {
		if got := Secrets("VALUE", value); got != nil {
			t.Errorf("%s: found %q", value, got)
		}
	}
}

// FuzzCarried puts a password into each kind of connection string, written as its driver asks for it.
func FuzzCarried(f *testing.F) {
	for _, secret := range secretsOf {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		if len(secret) < Shortest || strings.TrimSpace(secret) != secret || !utf8.ValidString(secret) || strings.ContainsFunc(secret, unicode.IsControl) {
			return
		}
		word := !strings.ContainsAny(secret, " ;&,'\"`{}<>$@=#?\\/") && !strings.ContainsFunc(secret, unicode.IsSpace)
		for kind, value := range map[string]string{
			"URL":              (&url.URL{Scheme: "postgres", User: url.UserPassword("app", secret), Host: "db:5432", Path: "/app"}).String(),
			"query":            "jdbc:postgresql://db/app?user=app&password=" + url.QueryEscape(secret) + "&ssl=true",
			"libpq, quoted":    "host=db password='" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(secret) + "' dbname=app",
			"ADO, quoted":      `Server=db;Password="` + strings.ReplaceAll(secret, `"`, `""`) + `";Encrypt=true`,
			"ODBC":             "Server=db;PWD={" + strings.ReplaceAll(secret, "}", "}}") + "};Encrypt=true",
			"JSON":             `{"password":"` + jsonText(secret, true) + `"}`,
			"libpq, a word":    "host=db password=" + secret + " dbname=app",
			"MySQL, a word":    "app:" + secret + "@tcp(db:3306)/app",
			"URL, a word":      "postgres://app:" + secret + "@db/app",
			"a flag, one word": "tool --password " + secret + " --verbose",
		} {
			if strings.HasSuffix(kind, "word") && (!word || secret[0] == '-') || strings.HasPrefix(secret, "/") || reference.MatchString(secret) {
				continue
			}
			if got := Carried(value); !slices.Contains(got, secret) {
				t.Errorf("%s: not found in %q: %q", kind, value, got)
			}
		}
	})
}
