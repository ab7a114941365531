package settings

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/joho/godotenv"
)

// canary stands in every bad env file; no error may hold it.
const canary = "cAnArY7zQ"

func TestReadEnvFileRefusesWhatIsNotReadAlike(t *testing.T) {
	for name, c := range map[string]struct{ content, why string }{
		"byte order mark":               {"\xef\xbb\xbfA=" + canary + "\n", "byte order mark"},
		"Windows line ends":             {"A=1\r\nB=" + canary + "\r\n", "Windows line ends"},
		"old Macintosh line ends":       {"A=1\rB=" + canary + "\r", "line ends"},
		"zero byte":                     {"A=" + canary + "\x00\n", "zero byte"},
		"Latin 1":                       {"A=1\nB=" + canary + "\xe9\n", "not UTF-8"},
		"open single quote":             {"A='" + canary + "\n", "A: its quote is never closed"},
		"open double quote":             {"A=\"" + canary + "\nB=1\n", "A: its quote is never closed"},
		"quote closed by another's":     {"A='" + canary + "\nB='2'\n", "A: its quote is not closed in its line"},
		"dollar":                        {"A=pa$" + canary + "\n", "A: holds a $"},
		"dollar in double quotes":       {"A=\"pa$" + canary + "\"\n", "A: holds $, ` or \\ in double quotes"},
		"two dollars":                   {"A=$$" + canary + "\n", "A: holds a $"},
		"default":                       {"A=${X:-" + canary + "}\n", "A: holds a $"},
		"required":                      {"A=${X:?" + canary + "}\n", "A: holds a $"},
		"backslash":                     {"A=" + canary + "\\n\n", "A: holds a character"},
		"backslash in double quotes":    {"A=\"C:\\" + canary + "\"\n", "A: holds $, ` or \\"},
		"quote in single quotes":        {"A='" + canary + "\\'b'\n", "A: ends with a backslash"},
		"backslash before the quote":    {"A='" + canary + "\\'\n", "A: ends with a backslash"},
		"backtick":                      {"A=`" + canary + "`\n", "A: holds a character"},
		"semicolon":                     {"A=" + canary + ";ls\n", "A: holds a character"},
		"ampersand":                     {"A=" + canary + "&\n", "A: holds a character"},
		"tilde":                         {"A=~/" + canary + "\n", "A: holds a character"},
		"quotes in the middle":          {"A=x\"" + canary + "\"\n", "A: holds a character"},
		"space without quotes":          {"A=a " + canary + "\n", "A: holds a space"},
		"space after the equals sign":   {"A= " + canary + "\n", "A: has a space after ="},
		"space before the equals sign":  {"A =" + canary + "\n", "the name before ="},
		"colon in place of equals":      {"A: " + canary + "\n", "neither KEY=value nor a comment"},
		"text behind the quotes":        {"A='a'" + canary + "\n", "A: something follows its closing quote"},
		"comment stuck to the quotes":   {"A='a'#" + canary + "\n", "A: something follows its closing quote"},
		"comment behind nothing":        {"A= #" + canary + "\n", "A: is blank with a comment"},
		"comment behind a tab":          {"A=a\t#" + canary + "\n", "A: holds a space"},
		"keys inside an open quote":     {"A=\"`\n" + canary + "=$1\n\"x\n", "A: its quote is not closed in its line"},
		"keys inside a bad value":       {"A=\"`\n" + canary + "=$1\n\"\n", "A: holds $, ` or \\"},
		"two comments":                  {"A=a #" + canary + " #c\n", "A: is not read alike"},
		"name with a hyphen":            {"A-B=" + canary + "\n", "the name before ="},
		"name with a dot":               {"A.B=" + canary + "\n", "the name before ="},
		"name that starts with a digit": {"1A=" + canary + "\n", "the name before ="},
		"no name":                       {"=" + canary + "\n", "the name before ="},
		"name alone":                    {canary + "\n", "neither KEY=value nor a comment"},
		"set":                           {"set A=" + canary + "\n", "the name before ="},
		"name that bash owns":           {"UID=" + canary + "\n", "UID: bash keeps this name"},
		"the same key twice":            {"A=1\nB=2\nexport A=" + canary + "\n", ".env:3: A: is already set in line 1"},
		"no-break space":                {"A=" + canary + "\u00a0\n", "A: holds a character"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), ".env")
			write(t, path, c.content, 0o600)
			_, err := ReadEnvFile(path)
			refused(t, err, c.why)
			if read(t, path) != c.content {
				t.Error("the file was changed")
			}
		})
	}
}

// refused checks that the error is one clear sentence without the canary.
func refused(t *testing.T, err error, why string) {
	t.Helper()
	var refusal *RefusedError
	if !errors.As(err, &refusal) {
		t.Fatalf("the error is %v", err)
	}
	if text := err.Error(); !strings.Contains(text, why) {
		t.Errorf("the error is %q, want %q", strings.ReplaceAll(text, canary, "CANARY"), why)
	}
	if text := fmt.Sprint(err, refusal.Hints()); strings.Contains(text, canary) || strings.Contains(text, canary[:5]) {
		t.Error("the error holds the value")
	}
	if len(refusal.Problems) != 1 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%d problems are named", len(refusal.Problems))
	}
}

func TestReadEnvFileRefusesWhatIsNoPrivateFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("group"), "A="+canary+"\n", 0o640)
	write(t, path("all"), "A="+canary+"\n", 0o644)
	write(t, path("run"), "A="+canary+"\n", 0o700)
	write(t, path("large"), strings.Repeat("#", largestEnvFile+1), 0o600)
	if err := os.Mkdir(path("dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", path("device")); err != nil {
		t.Fatal(err)
	}
	for name, why := range map[string]string{
		"group": "has mode 0640", "all": "has mode 0644", "run": "has mode 0700",
		"large": "larger than 1 MiB", "dir": "is a directory", "device": "is not a regular file",
	} {
		_, err := ReadEnvFile(path(name))
		refused(t, err, why)
		var refusal *RefusedError
		if strings.HasPrefix(why, "has mode") && errors.As(err, &refusal) && refusal.Hints()[0] != "chmod 600 "+path(name) {
			t.Errorf("%s: the remedy is %q", name, refusal.Hints())
		}
	}
}

func TestReadEnvFileListsAllProblemsAtOnce(t *testing.T) {
	_, err := ParseEnv(".env", []byte("A=$x\nB=1\nB=2\nD\nC='x\nE=1\n"))
	want := ".env:1: A: holds a $ without quotes: put it in single quotes\n  .env:3: B: is already set in line 2\n" +
		"  .env:4: the line is neither KEY=value nor a comment\n  .env:5: C: its quote is never closed"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

const handmade = `# the shop's settings
DOMAIN=shop.firm.de

export LEVEL=info   # or debug
BLANK=
PLAIN=a:b/c,d=e@f%g+h-i_j.k#l
SINGLE='pa$word "quoted" \n  '	# secret
DOUBLE="it's here"
KEY='-----BEGIN-----
line=1
-----END-----'
  INDENTED=ü
ZEROS=007`

func TestEnvFileReadsAsGodotenvComposeAndBashDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, handmade, 0o600)
	file := open(t, path)
	if got := strings.Join(file.Keys(), " "); got != "DOMAIN LEVEL BLANK PLAIN SINGLE DOUBLE KEY INDENTED ZEROS" {
		t.Errorf("the keys are %s", got)
	}
	if !bytes.Equal(file.Encode(), []byte(handmade)) {
		t.Errorf("it is written as %s", file.Encode())
	}
	agree(t, path, file)
}

// agree checks each value of the file against the three that will read it.
func agree(t *testing.T, path string, file *EnvFile) {
	t.Helper()
	first, err := godotenv.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := dotenv.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	script := `set -eu; . "$0"; for key; do printf '%s\0' "${!key}"; done`
	cmd := exec.Command("bash", append([]string{"-c", script, path}, file.Keys()...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v", err)
	}
	third := strings.Split(string(out), "\x00")
	if len(third) != len(file.Keys())+1 {
		t.Fatalf("bash reads %d values", len(third)-1)
	}
	for i, key := range file.Keys() {
		value, _ := file.Get(key)
		if first[key] != value || second[key] != value || third[i] != value {
			t.Errorf("%s is %q; godotenv reads %q, Compose %q, bash %q", key, value, first[key], second[key], third[i])
		}
	}
}

func TestSetWritesAnyValueSoThatAllReadItAlikeOrRefusesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	file := open(t, path)
	letters := []rune("aZ09 \t'\"$`\\#=!~*?{}[]()<>|&;:,.-_@%+^/üß€漢\u00a0\u2003")
	random := rand.New(rand.NewPCG(1, 2))
	written := 0
	for i := range 600 {
		value := make([]rune, random.IntN(8))
		for j := range value {
			value[j] = letters[random.IntN(len(letters))]
		}
		key := fmt.Sprintf("KEY_%d", i)
		err := file.Set(key, string(value))
		if err == nil {
			written++
			continue
		}
		if text := string(value); !strings.Contains(text, "'") && !strings.HasSuffix(text, `\`) {
			t.Errorf("%q is refused: %v", text, err)
		}
	}
	if written < 400 {
		t.Errorf("only %d of 600 values can be written", written)
	}
	if _, err := file.Write(now); err != nil {
		t.Fatal(err)
	}
	agree(t, path, open(t, path))
}

func TestSetRefusesWhatCannotBeWritten(t *testing.T) {
	for value, why := range map[string]string{
		canary + "\nB=1":    "line break",
		canary + "\r":       "line break",
		canary + "\x1b[31m": "control character",
		canary + "'$":       "cannot be written",
		canary + "'\"":      "cannot be written",
		canary + `\`:        "cannot be written",
		canary + "\x00":     "control character",
		"\xff" + canary:     "control character",
		"\ufeff" + canary:   "control character",
	} {
		file := &EnvFile{path: ".env"}
		refused(t, file.Set("KEY", value), why)
		if len(file.Encode()) > 0 {
			t.Error("something was written")
		}
	}
	for _, key := range []string{"", "A-B", "1A", "A B", "A\n", "UID"} {
		refused(t, (&EnvFile{path: ".env"}).Set(key, canary), "is no name")
	}
}

func TestSetKeepsOrderAndComments(t *testing.T) {
	file, err := ParseEnv(".env", []byte(handmade))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]string{{"BLANK", "now set"}, {"NEW", "007"}, {"KEY", "one"}} {
		if err := file.Set(s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Replace(handmade, "BLANK=", "BLANK='now set'", 1)
	want = strings.Replace(want, "'-----BEGIN-----\nline=1\n-----END-----'", "one", 1) + "\nNEW=007\n"
	if got := string(file.Encode()); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestWriteKeepsTheOldFileAndWritesNothingTwice(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env.production")
	first := open(t, path)
	if first.Exists() {
		t.Error("it exists")
	}
	step := func(value string) string {
		t.Helper()
		file := open(t, path)
		if err := file.Set("A", value); err != nil {
			t.Fatal(err)
		}
		backup, err := file.Write(now)
		if err != nil {
			t.Fatal(err)
		}
		return backup
	}
	if backup := step("1"); backup != "" {
		t.Errorf("the first file has a backup %s", backup)
	}
	if backup := step("1"); backup != "" {
		t.Errorf("an unchanged file has a backup %s", backup)
	}
	// Twice within a second: neither backup takes the other's place.
	one, two := step("2"), step("3")
	if one != path+".20261125T160000Z.bak" || two != path+".20261125T160000Z-2.bak" || read(t, one) != "A=1\n" || read(t, two) != "A=2\n" {
		t.Errorf("the backups are %s and %s", one, two)
	}
	for _, name := range []string{path, one, two} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("there are %d files", len(entries))
	}
}

func TestWriteRefusesToOverwriteWhatSomebodyElseWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	for _, before := range []string{"", "A=1\n"} {
		if before != "" {
			write(t, path, before, 0o600)
		}
		file := open(t, path)
		if err := file.Set("B", canary); err != nil {
			t.Fatal(err)
		}
		write(t, path, "A=theirs\n", 0o600)
		_, err := file.Write(now)
		refused(t, err, "was changed by somebody else")
		if got := read(t, path); got != "A=theirs\n" {
			t.Errorf("the file became %q", got)
		}
	}
}

func TestWriteFollowsALink(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real"), "A=1\n", 0o600)
	if err := os.Symlink("real", filepath.Join(dir, ".env")); err != nil {
		t.Fatal(err)
	}
	file := open(t, filepath.Join(dir, ".env"))
	if err := file.Set("A", "2"); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "real")); got != "A=2\n" {
		t.Errorf("the file behind the link is %q", got)
	}
	if target, err := os.Readlink(filepath.Join(dir, ".env")); err != nil || target != "real" {
		t.Errorf("the link is %q, %v", target, err)
	}
}

// FuzzParseEnv puts a secret anywhere into a file: reading never panics, an error never holds the secret, and what is
// accepted is read alike and written back byte for byte.
func FuzzParseEnv(f *testing.F) {
	f.Add("A=1\nB='", "'\n#c\n", "B")
	f.Add("A=\"", "\nC=\"x", "A")
	f.Add("export A=", " # c", "A")
	f.Add("A: ", "", "")
	f.Add("\xef\xbb\xbfA=$", "\r\n", "A")
	f.Add("", "=1\n", "")
	f.Add(handmade+"\nX=", "", "X")
	f.Fuzz(func(t *testing.T, before, after, key string) {
		data := []byte(before + canary + after)
		file, err := ParseEnv(".env", data)
		if err != nil {
			// As a key it is no secret, and an error may name it.
			if strings.Contains(err.Error(), canary) && !strings.HasPrefix(strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), "=") {
				t.Errorf("the error for %q holds the value", data)
			}
			return
		}
		if !bytes.Equal(file.Encode(), data) {
			t.Errorf("%q is written as %q", data, file.Encode())
		}
		first, err := godotenv.UnmarshalBytes(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range file.Keys() {
			if value, _ := file.Get(key); value != first[key] {
				t.Errorf("%q: %s is %q, godotenv reads %q", data, key, value, first[key])
			}
		}
		if file.Set(key, canary) == nil {
			again, err := ParseEnv(".env", file.Encode())
			if err != nil {
				t.Fatalf("%q: after Set: %v", data, err)
			}
			if value, _ := again.Get(key); value != canary {
				t.Errorf("%q: %s is lost", data, key)
			}
		}
	})
}

func TestTheExampleOfTheReferenceStackIsReadAlike(t *testing.T) {
	data := read(t, "../../stack/.env.production.example")
	if _, err := ParseEnv(".env.production.example", []byte(data)); err != nil {
		t.Error(err)
	}
}
