package settings

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slipway/internal/composelint"
)

// model is what docker compose config --no-interpolate --format json printed for a stack of two services.
const model = `{"name":"shop","services":{
 "web":{"image":"web:${TAG:-1}","environment":{"DOMAIN":"${DOMAIN:?the domain of the shop}","A":"$$not","B":"${STRIPE_API_KEY?say \"it\"}","C":"${LEVEL:-info} ${REGION:?}","D":"$PLAIN"}},
 "db":{"image":"db","command":["--tag","${DOMAIN:?again}"],"environment":["SMTP_PASSWORD=${SMTP_PASSWORD:?the mail password}"]}},
 "secrets":{"db-password":{"name":"shop_db-password","file":"/srv/shop/secrets/db_password"},
  "jwt":{"file":"/srv/shop/secrets/jwt"},"outside":{"file":"/etc/shop/key"},
  "given":{"environment":"LICENCE"},"variable":{"file":"${WHERE}/x"},"external":{"name":"x","external":true}}}`

func TestRequiredFindsWhatNobodyDeclared(t *testing.T) {
	found, err := Required([]byte(model), "/srv/shop", []Setting{{Key: "DOMAIN"}, {Key: "JWT_SECRET", File: "secrets/jwt", Generate: 32}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range found {
		line := s.Key + ": " + s.Question
		if s.File != "" {
			line += " in " + s.File
		}
		if s.IsSecret() {
			line += " (secret)"
		}
		got = append(got, line)
	}
	want := []string{
		"DB_PASSWORD: The secret db-password in secrets/db_password (secret)",
		"LICENCE: The secret given (secret)",
		"OUTSIDE: The secret outside in /etc/shop/key (secret)",
		"REGION: REGION",
		`SMTP_PASSWORD: the mail password (secret)`,
		`STRIPE_API_KEY: say "it" (secret)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestRequiredTellsOfAModelItCannotRead(t *testing.T) {
	if _, err := Required([]byte("no json"), ".", nil); err == nil || !strings.Contains(err.Error(), "read the compose model") {
		t.Errorf("got %v", err)
	}
}

func TestValuesFindsEverySecretEvenInABrokenFile(t *testing.T) {
	declared := []Setting{{Key: "PIN", Secret: true}, {Key: "X", File: "other/file"}}
	for name, env := range map[string]string{
		"sound":  "PIN=canary-one\nDB_PASSWORD='canary two'\nDOMAIN=shop.firm.de\nURL=postgres://app:canary-three@db/app\n",
		"broken": "\ufeffPIN=canary-one # c\r\nexport DB_PASSWORD = \"canary two\"\r\nDOMAIN=shop.firm.de\r\nURL=postgres://app:canary-three@db/app\r\nOPEN_KEY='canary-four\r\ncanary five\r\n",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, ".env"), env, 0o644)
		write(t, filepath.Join(dir, "secrets/a"), "canary-six\n", 0o600)
		write(t, filepath.Join(dir, "other/file"), "canary-seven", 0o600)
		got, err := Values(dir, filepath.Join(dir, ".env"), nil, declared, composelint.Named{Secrets: []string{filepath.Join(dir, "secrets/a")}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"canary-one", "canary two", "canary-three", "canary-six\n", "canary-seven"}
		if name == "broken" {
			want = append(want, "canary-four", "canary five")
		}
		for _, value := range want {
			if !slices.Contains(got, value) {
				t.Errorf("%s: %q is not among the secrets", name, value)
			}
		}
		if slices.Contains(got, "shop.firm.de") {
			t.Errorf("%s: the domain is among the secrets", name)
		}
	}
}

func TestValuesOfAStackWithoutSecretsIsEmpty(t *testing.T) {
	dir := t.TempDir()
	if got, err := Values(dir, filepath.Join(dir, ".env"), nil, []Setting{{Key: "X", File: "secrets/x"}}, composelint.Named{Secrets: []string{filepath.Join(dir, "none")}}); len(got) > 0 || err != nil {
		t.Errorf("%d values, %v", len(got), err)
	}
}

// TestCaseG7OnlyWhatIsNamedAsASecretIsLearned has a README and a placeholder in secrets/.
func TestCaseG7OnlyWhatIsNamedAsASecretIsLearned(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("secrets/README.md"), "This folder holds the secrets of the deployment.\n", 0o644)
	write(t, path("secrets/db.example"), "put the password here\n", 0o644)
	write(t, path("secrets/declared"), "canary-one", 0o600)
	write(t, path("elsewhere/named"), "canary-two", 0o600)
	write(t, path("web.env"), "SMTP_PASSWORD=pa$canary\nTITLE=the shop\nLICENCE=canary-five\n", 0o600)
	got, err := Values(dir, path(".env"), nil, []Setting{{Key: "X", File: "secrets/declared"}},
		composelint.Named{Secrets: []string{path("elsewhere/named")}, EnvFiles: []string{path("web.env")}, Variables: []string{"LICENCE"}})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := []string{"canary-five", "canary-one", "canary-two", "pa", "pa$canary"}; !slices.Equal(slices.Compact(got), want) {
		t.Errorf("got %q", got)
	}
}

// TestCaseF7ASecretThatIsAPipeIsAnErrorAtOnce would wait for ever for somebody to write into it.
func TestCaseF7ASecretThatIsAPipeIsAnErrorAtOnce(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, named := range map[string]composelint.Named{"secret": {Secrets: []string{pipe}}, "env_file": {EnvFiles: []string{pipe}}} {
		_, err := Values(dir, filepath.Join(dir, ".env"), nil, nil, named)
		if err == nil || err.Error() != pipe+": is not a regular file" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, read := range []func() error{
		func() error { _, err := Values(dir, pipe, nil, nil, composelint.Named{}); return err },
		func() error { _, err := ReadEnvFile(pipe, nothing); return err },
		func() error {
			_, _, err := Collect(dir, []Setting{{Key: "X", File: "pipe"}}, open(t, filepath.Join(dir, ".env")), nothing)
			return err
		},
	} {
		var refusal *RefusedError
		if err := read(); !errors.As(err, &refusal) || len(refusal.Problems) != 1 {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestCaseG8ASecretFileAndAVariableOfOneNameAreBothAskedFor has them from the compose file and from the declaration.
func TestCaseG8ASecretFileAndAVariableOfOneNameAreBothAskedFor(t *testing.T) {
	const both = `{"services":{"db":{"environment":{"A":"${DB_PASSWORD:?}"}}},"secrets":{"db-password":{"file":"/srv/shop/secrets/db_password"}}}`
	for name, c := range map[string]struct {
		declared []Setting
		want     string
	}{
		"nothing declared":  {nil, "DB_PASSWORD|DB_PASSWORD secrets/db_password"},
		"variable declared": {[]Setting{{Key: "DB_PASSWORD"}}, "DB_PASSWORD secrets/db_password"},
		"file declared":     {[]Setting{{Key: "DB_PASSWORD", File: "secrets/db_password"}}, "DB_PASSWORD"},
		"both declared":     {[]Setting{{Key: "DB_PASSWORD", File: "secrets/db_password"}, {Key: "DB_PASSWORD"}}, ""},
	} {
		found, err := Required([]byte(both), "/srv/shop", c.declared)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range found {
			got = append(got, strings.TrimSpace(s.Key+" "+s.File))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	dir := t.TempDir()
	found, _ := Required([]byte(strings.ReplaceAll(both, "/srv/shop", dir)), dir, nil)
	_, missing, err := Collect(dir, found, open(t, filepath.Join(dir, ".env")), nothing)
	if got := strings.Join(missing, ", "); got != "DB_PASSWORD, DB_PASSWORD (secrets/db_password)" || err != nil {
		t.Errorf("missing: %s, %v", got, err)
	}
	plan, _, err := Collect(dir, found, open(t, filepath.Join(dir, ".env")), environment(map[string]string{"DB_PASSWORD": canary}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Apply(now); err != nil {
		t.Fatal(err)
	}
	if read(t, filepath.Join(dir, ".env")) != "DB_PASSWORD="+canary+"\n" || read(t, filepath.Join(dir, "secrets/db_password")) != canary {
		t.Error("one of them was not written")
	}
}

func TestSummaryShowsNoSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	write(t, path, "API_SECRET=canary-one\nDOMAIN=shop.firm.de\nDATABASE=postgres://app:canary-two@db/app\n", 0o600)
	write(t, filepath.Join(dir, "secrets/db_password"), "canary-three", 0o600)
	plan, _, err := Collect(dir, append(slices.Clone(shop), Setting{Key: "DATABASE"}), open(t, path), nothing)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := plan.WriteSummary(&out); err != nil {
		t.Fatal(err)
	}
	want := `  DOMAIN       shop.firm.de  (present)
  JWT_SECRET   generated     (generated)
  DB_PASSWORD  set           (present, secrets/db_password)
  API_SECRET   set           (present)
  LEVEL        info          (default)
  DATABASE     set           (present)
`
	if out.String() != want {
		t.Errorf("the summary is\n%s", out.String())
	}
	if got := plan.Secrets(); len(got) != 4 || !slices.Contains(got, "canary-two") {
		t.Errorf("%d secrets", len(got))
	}
}
