package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

// forms are the ways in which programs print a value, or hand it on.
var forms = map[string]func(string) string{
	"as it is":                func(s string) string { return s },
	"JSON":                    func(s string) string { return jsonText(s, true) },
	"JSON that spares HTML":   func(s string) string { return jsonText(s, false) },
	"JSON in JSON":            func(s string) string { return jsonText(jsonText(s, true), true) },
	"JSON in JSON in JSON":    func(s string) string { return jsonText(jsonText(jsonText(s, true), true), true) },
	"Go":                      func(s string) string { return strings.Trim(fmt.Sprintf("%q", s), `"`) },
	"Go in ASCII":             func(s string) string { return strings.Trim(fmt.Sprintf("%+q", s), `"`) },
	"query of a URL":          url.QueryEscape,
	"path of a URL":           url.PathEscape,
	"user of a URL":           func(s string) string { return strings.TrimPrefix(url.UserPassword("", s).String(), ":") },
	"URL, small letters":      func(s string) string { return lowerEscapes(url.QueryEscape(s)) },
	"every byte of a URL":     func(s string) string { return eachByte(s, "%%%02X") },
	"URL in JSON":             func(s string) string { return jsonText(url.PathEscape(s), true) },
	"HTML":                    html.EscapeString,
	"HTML by number":          func(s string) string { return eachRune(s, "&#x%x;") },
	"HTML in JSON":            func(s string) string { return jsonText(html.EscapeString(s), true) },
	"shell, in single quotes": func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	"shell, in both quotes":   func(s string) string { return strings.ReplaceAll(s, "'", `'"'"'`) },
	"shell, in double quotes": func(s string) string {
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
	},
	"shell, printf %q":        shellWord,
	"shell, in JSON":          func(s string) string { return jsonText(strings.ReplaceAll(s, "'", `'\''`), true) },
	"YAML, in single quotes":  func(s string) string { return strings.ReplaceAll(s, "'", "''") },
	"CSV":                     func(s string) string { return strings.ReplaceAll(s, `"`, `""`) },
	"docker compose config":   func(s string) string { return strings.ReplaceAll(s, "$", "$$") },
	"compose config, as JSON": func(s string) string { return jsonText(strings.ReplaceAll(s, "$", "$$"), true) },
	"hexadecimal":             func(s string) string { return hex.EncodeToString([]byte(s)) },
	"hexadecimal, capitals":   func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"hexadecimal, wrapped":    func(s string) string { return wrap(hex.EncodeToString([]byte("xy"+s+"z")), 60, "\n") },
	"base64":                  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 of URLs":          func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 behind one byte":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(":" + s + "@host")) },
	"base64 behind two bytes": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("a:" + s + "\n")) },
	"base64 in JSON":          func(s string) string { return jsonText(base64.StdEncoding.EncodeToString([]byte("abcd"+s)), true) },
	"base64 in a URL":         func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("user:" + s))) },
	"base64, wrapped at 64":   func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(long+s+long)), 64, "\n") },
	"base64, wrapped at 76": func(s string) string {
		return wrap(base64.StdEncoding.EncodeToString([]byte("a"+long+s+long)), 76, "\r\n")
	},
	"base64, wrapped at 20":      func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 20, "\n") },
	"base64, wrapped at 37":      func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(long+s)), 37, "\n") },
	"hexadecimal, wrapped at 32": func(s string) string { return wrap(hex.EncodeToString([]byte(s)), 32, "\n") },
	"base64, wrapped, indented": func(s string) string {
		return wrap(base64.StdEncoding.EncodeToString([]byte("ab"+long+s)), 64, "\n    ")
	},
	"base64, wrapped, in JSON": func(s string) string {
		return jsonText(wrap(base64.StdEncoding.EncodeToString([]byte(long+s)), 76, "\n"), true)
	},
	"base64 in one row of 1,000": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(long, 20) + s + long))
	},
}

// long is as much that a secret behind it stands on both sides of a break.
const long = "nothing of this is a secret, it may be read"

func jsonText(s string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	if err := encoder.Encode(s); err != nil {
		panic(err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	return text[1 : len(text)-1]
}

func lowerEscapes(s string) string {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' {
			s = s[:i] + strings.ToLower(s[i:i+3]) + s[i+3:]
		}
	}
	return s
}

func eachByte(s, format string) (text string) {
	for i := range len(s) {
		text += fmt.Sprintf(format, s[i])
	}
	return text
}

func eachRune(s, format string) (text string) {
	for _, r := range s {
		text += fmt.Sprintf(format, r)
	}
	return text
}

// shellWord is what printf %q of bash prints of ASCII.
func shellWord(s string) (text string) {
	for _, r := range s {
		if strings.ContainsRune(" !\"#$&'()*,;<>?[\\]^`{|}~", r) {
			text += `\`
		}
		text += string(r)
	}
	return text
}

func wrap(s string, columns int, end string) (text string) {
	for ; len(s) > columns; s = s[columns:] {
		text += s[:columns] + end
	}
	return text + s
}

// secretsOf is how real secrets look: generated, chosen by people, with everything that has to be escaped, of several lines.
var secretsOf = map[string]string{
	"generated":         "x8KqLm2vTz0RbN4cWd7sYf1G",
	"of 48 letters":     "Yb3kP0vZr8Qm1xN6tJ4cW9sLd2hGf7aUe5oTiRqXwEyKzBnM",
	"hexadecimal":       "3f9a0c17be52d846a9e0f1b2c3d4e5f6",
	"base64":            "q83vEjRWeJq83vEjRWeJ/+8zYw==",
	"just long enough":  "h7#Kq2",
	"of eleven":         "hunter2plus",
	"punctuation":       canary,
	"quotes":            `it's "so" ''quoted'' \'here\'`,
	"dollars":           "pa$$word$HOME${X}y",
	"backslashes":       `C:\new\table\x41\\share\`,
	"percents":          "100%25 sure %zz%41%",
	"entities":          "a&amp;b<c>&#39;d&lt;",
	"blanks":            "correct horse battery staple",
	"plus":              "1+1 = 2+0 & more",
	"not ASCII":         "pässwörd-mit-Ümläuten-€-😀",
	"one letter":        strings.Repeat("a", 40),
	"a pattern":         strings.Repeat("abc", 30),
	"of two lines":      "first-Line-8841\nsecond-Line-7719",
	"a PEM block":       pem,
	"a token":           "ghp_R4nd0mL00k1ngT0kenOf36Characters00",
	"a JSON file":       "{\n  \"private_key_id\": \"0f1e2d3c\",\n  \"client\": \"a<b>&c\"\n}",
	"of 300 characters": strings.Repeat("Kx7-", 20) + "end of the first" + strings.Repeat("q0_Z", 51),
}

const pem = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ
qgtzJ6GR3eqoYSW9b9UMvkBpZODSctWSNGj3P7jRFDO5VoTwCQAWbFnOjDfH5Ulg
p2PKSQnSJP3AJLQ
-----END PRIVATE KEY-----
`

// leaks is the longest piece of a secret that a text still shows: of a third of it or more, in this form.
func leaks(out, encoded string) string {
	piece := max(len(encoded)/3, 4)
	for at := 0; at+piece <= len(encoded); at++ {
		if strings.Contains(out, encoded[at:at+piece]) {
			return fmt.Sprintf("bytes %d to %d of %d", at, at+piece, len(encoded))
		}
	}
	return ""
}

func TestASecretIsHiddenInEveryFormThatProgramsPrint(t *testing.T) {
	for kind, secret := range secretsOf {
		r := New()
		r.Add(secret)
		for form, encode := range forms {
			encoded := encode(strings.Trim(secret, "\r\n"))
			for _, frame := range [][2]string{{"", ""}, {"it is ", " here\n"}, {`{"value":"`, `"}`}, {"--password='", "'"}, {"web-1  | x=", "\n"}, {"postgres://app:", "@db:5432/app"}} {
				text := frame[0] + encoded + frame[1]
				if got := r.String(text); !strings.Contains(got, Replacement) || strings.Contains(got, encoded) {
					t.Errorf("a secret %q, %s, in %q: it is shown", kind, form, frame)
				}
			}
		}
	}
}

func TestCaseG7NoPieceOfASecretIsLeftAtEitherEnd(t *testing.T) {
	for kind, secret := range secretsOf {
		r := New()
		r.Add(secret)
		for _, form := range []string{"as it is", "JSON", "query of a URL", "HTML", "hexadecimal, capitals"} {
			encoded := forms[form](strings.Trim(secret, "\r\n"))
			if got := r.String("<" + encoded + ">"); got != "<"+Replacement+">" {
				t.Errorf("a secret %q, %s: of it is left: %s", kind, form, leaks(got, encoded))
			}
		}
	}
}

func TestEachLineOfASecretIsHiddenBehindAPrefix(t *testing.T) {
	r := New()
	r.Add(pem)
	lines := strings.Split(strings.TrimSpace(pem), "\n")
	for _, line := range lines[1 : len(lines)-1] {
		for _, text := range []string{"web-1  | " + line, "  " + line + `\n`, line[:min(len(line), 40)], line[len(line)-min(len(line), 40):], base64.StdEncoding.EncodeToString([]byte(line))} {
			if got := r.String(text); !strings.Contains(got, Replacement) || leaks(got, line) != "" {
				t.Errorf("a line of %d bytes is shown", len(line))
			}
		}
	}
	if text := "-----BEGIN PRIVATE KEY-----"; r.String(text) != text {
		t.Errorf("the frame is hidden: %q", r.String(text))
	}
}

func TestStringHidesAnyHalf(t *testing.T) {
	for _, length := range []int{12, 13, 16, 24, 31, 48, 63, 64, 65, 200, 5000} {
		secret := noise(length)
		r := New()
		r.Add(secret)
		half := min((length+1)/2, telling)
		for at := 0; at+half <= length; at++ {
			if got := r.String("<" + secret[at:at+half] + ">"); got != "<"+Replacement+">" {
				t.Errorf("half of %d from byte %d: %s", length, at, got)
			}
		}
		if got := r.String(secret[:half-1]); got != secret[:half-1] {
			t.Errorf("less than half of %d was hidden: %s", length, got)
		}
	}
}

// noise is text that repeats nothing, the same in each run.
func noise(length int) string {
	random := rand.New(rand.NewPCG(1, uint64(length))) //nolint:gosec // no secret
	text := make([]byte, length)
	for i := range text {
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[random.IntN(62)]
	}
	return string(text)
}

// FuzzForms holds each form against a secret of any kind: none comes out, whole and in whatever pieces.
func FuzzForms(f *testing.F) {
	for _, secret := range secretsOf {
		f.Add(secret, "it is ", " here", uint16(20))
	}
	f.Add("000\x00\x7f\xff\"\x00\x00\x7f\xff\"", "0", "00000", uint16(26)) // no zero byte stands between two rows of digits
	f.Fuzz(func(t *testing.T, secret, before, after string, split uint16) {
		secret = strings.Trim(secret, "\r\n")
		if len(secret)+len(before)+len(after) > 300 || isWeak(secret, nil) || strings.Contains(Replacement, secret) {
			return
		}
		r := New()
		r.Add(secret)
		for _, form := range []string{"as it is", "JSON", "user of a URL", "query of a URL", "HTML", "docker compose config", "hexadecimal, capitals", "base64 behind one byte"} {
			encoded := forms[form](secret)
			text := before + " " + encoded + " " + after
			want := r.String(text)
			if !strings.Contains(want, Replacement) {
				t.Errorf("%s: nothing is hidden", form)
			}
			if strings.Contains(want, encoded) && !strings.Contains(before+" "+after, encoded) {
				t.Errorf("%s: it came out", form)
			}
			at := int(split) % (len(text) + 1)
			var out bytes.Buffer
			w := r.Writer(&out)
			pass(t, w, text[:at], text[at:])
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("%s, split at %d: %q, want %q", form, at, out.String(), want)
			}
		}
	})
}
