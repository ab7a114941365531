package redact

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
)

const canary = "Qz7!kP$wordy&\"9x<Lm2/Vt"

func TestStringHidesAValueInEveryFormProgramsPrint(t *testing.T) {
	r := New()
	r.Add(canary)
	basic := base64.StdEncoding.EncodeToString([]byte("admin:" + canary + "@host"))
	for name, text := range map[string]string{
		"plain":           "password is " + canary + ".",
		"query":           "?p=" + url.QueryEscape(canary),
		"path":            "/" + url.PathEscape(canary) + "/x",
		"user":            (&url.URL{Scheme: "postgres", User: url.UserPassword("app", canary), Host: "db"}).String(),
		"json":            `{"p":"` + jsonText(canary, true) + `"}`,
		"json, no html":   `{"p":"` + jsonText(canary, false) + `"}`,
		"go":              fmt.Sprintf("%q", canary),
		"hex":             fmt.Sprintf("%x", canary),
		"compose config":  strings.ReplaceAll(canary, "$", "$$"),
		"base64":          base64.StdEncoding.EncodeToString([]byte(canary)),
		"base64 inside":   "Basic " + basic,
		"base64, shifted": base64.URLEncoding.EncodeToString([]byte("ab" + canary + "xyz")),
	} {
		got := r.String(text)
		if got == text || !strings.Contains(got, Replacement) {
			t.Errorf("%s: nothing was hidden in %d bytes", name, len(text))
		}
		for _, piece := range []string{canary[:12], canary[11:], basic[12:30]} {
			if strings.Contains(got, piece) {
				t.Errorf("%s: a half is left", name)
			}
		}
	}
}

func TestStringLeavesWhatIsNotSecret(t *testing.T) {
	r := New()
	r.Add("short", "", "postgresql1")
	for _, text := range []string{"short", "", "the postgresql server", "[redacted]"} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestStringHidesWhatComposeWarningsLeak(t *testing.T) {
	r := New()
	r.Add("pa$word", "longer$fragmentname1")
	got := r.String(`level=warning msg="The \"word\" variable is not set. Defaulting to a blank string."`)
	if strings.Contains(got, "word") {
		t.Errorf("the fragment is left: %s", got)
	}
	if got := r.String("a word about fragmentname1"); got != "a word about "+Replacement {
		t.Errorf("got %q", got)
	}
}

func TestStringHidesEachLineOfASecretOfSeveral(t *testing.T) {
	r := New()
	r.Add("-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nuVbKx0yqfFAKEx==\n-----END KEY-----\n")
	got := r.String("web | -----BEGIN KEY-----\nweb | MIIEowIBAAKCAQEA\nweb | uVbKx0yqfFAKEx==\n")
	if got != "web | -----BEGIN KEY-----\nweb | [redacted]\nweb | [redacted]\n" {
		t.Errorf("got %q", got)
	}
}

// pass writes the parts one after the other.
func pass(t *testing.T, w *Writer, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
			t.Errorf("wrote %d of %d bytes: %v", n, len(part), err)
		}
	}
}

func TestWriterPassesAWholeLineAtOnce(t *testing.T) {
	var out bytes.Buffer
	r := New()
	r.Add(canary)
	w := r.Writer(&out)
	for _, line := range []string{"one\n", "two " + canary + "\n", "three Q\n"} {
		before := out.Len()
		pass(t, w, line)
		if got := out.String()[before:]; got != r.String(line) {
			t.Errorf("passed %q", got)
		}
	}
}

func TestWriterAppliesASecretAddedLater(t *testing.T) {
	var out bytes.Buffer
	r := New()
	w := r.Writer(&out)
	pass(t, w, "before\n")
	r.Add(canary)
	pass(t, w, canary[:10], canary[10:]+"\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "before\n"+Replacement+"\n" {
		t.Errorf("got %q", got)
	}
}

func TestWriterIsBoundedOnAnEndlessSecret(t *testing.T) {
	var out bytes.Buffer
	r := New()
	r.Add(strings.Repeat("abc", 8))
	w := r.Writer(&out)
	for range 10000 {
		pass(t, w, "abc")
	}
	if len(w.held) > 64 {
		t.Errorf("%d bytes are held back", len(w.held))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != Replacement {
		t.Errorf("%d bytes were written", len(got))
	}
}

func TestWriterReportsTheErrorBehind(t *testing.T) {
	w := New().Writer(failing{})
	if n, err := w.Write([]byte("x\n")); err == nil || n != 0 {
		t.Errorf("wrote %d, %v", n, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fmt.Errorf("closed") }

func TestRedactorServesManyAtOnce(t *testing.T) {
	r := New()
	var out bytes.Buffer
	w := r.Writer(&out)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			r.Add(fmt.Sprintf("%s-%d", canary, i))
			pass(t, w, canary+"\n")
			_ = r.String(canary)
		})
	}
	group.Wait()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), canary) {
		t.Error("the secret was written")
	}
}

func TestSecretKeyKnowsASecretByItsName(t *testing.T) {
	for key, want := range map[string]bool{
		"DB_PASSWORD": true, "PGPASSWORD": true, "jwt_secret": true, "GITHUB_TOKEN": true, "apiKey": true, "SENTRY_DSN": true,
		"TLS_PRIVATE": true, "SMTP_PASSWD": true, "AWS_CREDENTIALS": true, "STACK_SECRET_SERVER_KEY": true, "MYSQL_PWD": true,
		"REDIS_REQUIREPASS": true, "db.password": true, "AWS_ACCESS_KEY_ID": true,
		"SECRETS_UID": false, "TOKEN_TTL": false, "SECRET_NAME": false, "password-file": false, "tokenPath": false, "TOKEN_URL": false,
		"PWD": false, "DOMAIN": false, "STRIPE_PUBLISHABLE_KEY": false, "PUBLIC_KEY": false, "DB_PASSWORD_FILE": false,
		"KEYCLOAK_URL": false, "KEYBOARD": false, "COMPASS_URL": false, "": false,
	} {
		if got := SecretKey(key); got != want {
			t.Errorf("SecretKey(%q) = %v", key, got)
		}
	}
}

// FuzzWriter splits a text with secrets in it anywhere: what comes out is what String makes of the whole text.
func FuzzWriter(f *testing.F) {
	f.Add("the password is hunter2hunter2 here", "hunter2hunter2", uint16(20), uint16(3))
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaa", uint16(7), uint16(1))
	f.Add("PASSWORD=abc, abc \"password\": \"", "abc", uint16(10), uint16(2))
	f.Add("DB_PASSWORD=postgres;postgres://postgres:", "postgres", uint16(14), uint16(5))
	f.Add("ab\ncd\nefgh", "ab\ncd\nef", uint16(3), uint16(6))
	f.Add("", "\n\nabcdef\n\nghijkl", uint16(3), uint16(6))
	f.Add("secret: "+canary+canary[4:]+"\n", canary, uint16(11), uint16(17))
	f.Fuzz(func(t *testing.T, text, secret string, first, second uint16) {
		if strings.Contains(Replacement, secret) || strings.ContainsAny(secret, "[]") {
			return // a secret made of the replacement's own letters
		}
		if len(text)+len(secret) > 300 {
			return // a split needs no long text
		}
		r := New()
		r.Add(secret)
		text += secret + text
		a := int(first) % (len(text) + 1)
		b := a + int(second)%(len(text)-a+1)
		var out bytes.Buffer
		w := r.Writer(&out)
		pass(t, w, text[:a], text[a:b], text[b:])
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if want := r.String(text); out.String() != want {
			t.Errorf("split at %d and %d: %q, want %q", a, b, out.String(), want)
		}
		if !isWeak(secret, nil) && strings.Contains(out.String(), secret) {
			t.Errorf("split at %d and %d: the secret came out", a, b)
		}
	})
}

// BenchmarkWriter shows what a line costs with as many secrets as a large stack has.
func BenchmarkWriter(b *testing.B) {
	r := New()
	for i := range 20 {
		r.Add(fmt.Sprintf("%02d-%s", i, strings.Repeat(string(rune('a'+i)), 30)))
	}
	var out bytes.Buffer
	w := r.Writer(&out)
	line := []byte(strings.Repeat("an ordinary line of a container's log; ", 4) + "\n")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		out.Reset()
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}
