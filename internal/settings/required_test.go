package settings

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
		got, err := Values(dir, filepath.Join(dir, ".env"), declared)
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
	if got, err := Values(dir, filepath.Join(dir, ".env"), []Setting{{Key: "X", File: "secrets/x"}}); len(got) > 0 || err != nil {
		t.Errorf("%d values, %v", len(got), err)
	}
	write(t, filepath.Join(dir, "secrets"), "a file in its place", 0o600)
	if _, err := Values(dir, "", nil); err == nil || !strings.Contains(err.Error(), "secrets") {
		t.Errorf("the error is %v", err)
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
