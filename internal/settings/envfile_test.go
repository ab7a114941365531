package settings

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/joho/godotenv"
	"github.com/sirupsen/logrus"

	"slipway/internal/composelint"
	"slipway/internal/regular"
)

// canary stands in every bad env file; no error may hold it.
const canary = "cAnArY7zQ"

func TestReadEnvFileRefusesWhatComposeCannotRead(t *testing.T) {
	for name, c := range map[string]struct{ content, why string }{
		"zero byte":                  {"A=" + canary + "\x00\n", "zero byte"},
		"Latin 1":                    {"A=1\nB=" + canary + "\xe9\n", ".env:2: B: is not UTF-8"},
		"open single quote":          {"A='" + canary + "\n", "A: its quote is never closed"},
		"open double quote":          {"A=\"" + canary + "\nB=1\n", "A: its quote is never closed"},
		"backslash before the quote": {"A='" + canary + "\\'\n", "A: its quote is never closed"},
		"required and not set":       {"A=${X:?" + canary + "}\n", "A: needs a variable that is not set"},
		"no variable":                {"A=${" + canary + " x}\n", "A: holds a ${ that begins no variable"},
		"no variable in quotes":      {"A=1\nB=\"${1" + canary + "}\"\n", ".env:2: B: holds a ${ that begins no variable"},
		"bash's way of a quote":      {"A='" + canary + "'\\''s'\n", "A: something follows its closing quote"},
		"name with a slash":          {"A/B=" + canary + "\n", "the name before ="},
		"no name":                    {"=" + canary + "\n", "the name before ="},
		"a sentence":                 {"my secret " + canary + "\n", "neither KEY=value nor a comment"},
		"a name alone at the end":    {canary, "neither KEY=value nor a comment"},
		"set":                        {"set A=" + canary + "\n", "the name before ="},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), ".env")
			write(t, path, c.content, 0o600)
			if values, err := composeReads(path, nil); err == nil && utf8.ValidString(values["B"]) && values[""] == "" && name != "zero byte" {
				t.Errorf("Compose reads it: %d values", len(values))
			}
			_, err := ReadEnvFile(path, nothing)
			refused(t, err, c.why)
			if read(t, path) != c.content {
				t.Error("the file was changed")
			}
		})
	}
}

// composeReads asks Compose's library as Compose does.
func composeReads(path string, environment map[string]string) (map[string]string, error) {
	return dotenv.GetEnvFromFile(environment, []string{path})
}

// TestCaseG6UsualLinesAreReadAsComposeReadsThem has what bash, or godotenv, reads in another way.
func TestCaseG6UsualLinesAreReadAsComposeReadsThem(t *testing.T) {
	given := map[string]string{"X": "x y", "UID": "7"}
	for content, want := range map[string]string{
		"N=a b\n":                         "a b",
		"N=a&b;c|d\n":                     "a&b;c|d",
		"N=a # why\n":                     "a",
		"N= a\n":                          "a",
		"N = a\n":                         "a",
		"N: a\n":                          "a",
		"N=${X}\n":                        "x y",
		"N=${NOT:-def}\n":                 "def",
		"N=\"${X}!\"\n":                   "x y!",
		"N='${X}'\n":                      "${X}",
		"N=${UID}\n":                      "7",
		"N=a$ $1\n":                       "a$ $1",
		"B=b\nN=${B}b\n":                  "bb",
		"N=~/x\n":                         "~/x",
		"N=(a)\n":                         "(a)",
		"N=C:\\path\n":                    `C:\path`,
		"N=\"a\\nb\"\n":                   "a\nb",
		"N='it\\'s'\n":                    "it's",
		"N=a\r\n":                         "a",
		"N='a'\r\nB=1\r\n":                "a",
		"\ufeffN=a\n":                     "a",
		"N=a\nB=1\nN=b\n":                 "b",
		"#\xe9t\xe9\nN=a\n":               "a",
		"N='a' B=1\n":                     "a",
		"export N=a\n":                    "a",
		"N=\n":                            "",
		"N=pa$$word!x'y\n":                "pa$word!x'y",
		"N='pa$word!x\\'y'\n":             "pa$word!x'y",
		"N=x\"y\"\n":                      `x"y"`,
		"N='-----B\nline=1\n-----E'\nB=1": "-----B\nline=1\n-----E",
	} {
		path := filepath.Join(t.TempDir(), ".env")
		write(t, path, "UID=1000\nA.B-C=1\nX\n"+content, 0o600)
		if strings.HasPrefix(content, "\ufeff") {
			write(t, path, content, 0o600)
		}
		compose, err := composeReads(path, given)
		if err != nil || compose["N"] != want {
			t.Errorf("%q: Compose reads %q, %v", content, compose["N"], err)
		}
		file, err := ReadEnvFile(path, environment(given))
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		if got, found := file.Get("N"); got != want || !found {
			t.Errorf("%q: read %q, %v", content, got, found)
		}
		if string(file.Encode()) != read(t, path) {
			t.Errorf("%q is written as %q", content, file.Encode())
		}
		if err := file.Set("N", "new $1"); err != nil {
			t.Errorf("%q: %v", content, err)
		}
		write(t, path, string(file.Encode()), 0o600)
		after, err := composeReads(path, given)
		if compose["N"] = "new $1"; err != nil || !maps.Equal(after, compose) {
			t.Errorf("%q: after Set Compose reads %v, %v", content, after, err)
		}
	}
}

// TestCaseG6AnyPasswordHasAFormThatArrives follows the remedies with passwords of all kinds.
func TestCaseG6AnyPasswordHasAFormThatArrives(t *testing.T) {
	letters := []rune("aZ09 \t\n'\"$`\\#=!~*?{}[]()<>|&;:,.-_@%+^/üß€漢nrt0")
	random := rand.New(rand.NewPCG(3, 4))
	passwords := []string{`pa$word!x'y`, `${X}`, `'"$`, `\`, `a\`, `\$`, `$$`, `\"`, `\n`, `\0123`, "'`"}
	for range 2000 {
		value := make([]rune, 1+random.IntN(9))
		for i := range value {
			value[i] = letters[random.IntN(len(letters))]
		}
		passwords = append(passwords, string(value))
	}
	for _, want := range passwords {
		// "write the value in double quotes, with a \ before each ", $ and \ in it"
		line := `P="` + regexp.MustCompile(`["$\\]`).ReplaceAllString(want, `\$0`) + "\"\n"
		got, err := dotenv.Parse(strings.NewReader(line))
		if err != nil || got["P"] != want {
			t.Errorf("%q in double quotes arrives as %q, %v", want, got["P"], err)
		}
		file, err := ParseEnv(".env", []byte(line), nothing)
		if err != nil {
			t.Fatalf("%q: %v", want, err)
		}
		if value, _ := file.Get("P"); value != want || len(file.Warnings(nil)) > 0 {
			t.Errorf("%q is read as %q, %v", want, value, file.Warnings(nil))
		}
		// "where a $ belongs to the value, write it as $$"
		if strings.ContainsAny(want, "\n#'\"") || strings.TrimSpace(want) != want {
			continue
		}
		got, err = dotenv.Parse(strings.NewReader("P=" + strings.ReplaceAll(want, "$", "$$") + "\n"))
		if err != nil || got["P"] != want {
			t.Errorf("%q with $$ arrives as %q, %v", want, got["P"], err)
		}
	}
}

// TestCaseG6ASurpriseIsAWarningWithARemedyThatKeepsTheValue follows each remedy.
func TestCaseG6ASurpriseIsAWarningWithARemedyThatKeepsTheValue(t *testing.T) {
	for content, c := range map[string]struct{ why, mended, arrives string }{
		"P=pa$" + canary + "\n":       {"P: holds a $ that Compose takes for a variable", "P=pa$$" + canary + "\n", "pa$" + canary},
		"P=\"pa${" + canary + "}\"\n": {"P: holds a $ that Compose takes for a variable", "P=\"pa$${" + canary + "}\"\n", "pa${" + canary + "}"},
		"P=$B\nB=" + canary + "\n":    {"P: holds a $ that Compose takes for a variable", "B=" + canary + "\nP=$B\n", canary},
		"P='a'" + canary + "\n":       {"P: something follows its closing quote", "P='a" + canary + "'\n", "a" + canary},
		"P='a'" + canary + "='b'\n":   {"P: something follows its closing quote", "P='a\\'" + canary + "=\\'b'\n", "a'" + canary + "='b"},
		"P=1\nP=" + canary + "\n":     {"P: is set again in line 2", "P=" + canary + "\n", canary},
	} {
		file, err := ParseEnv(".env", []byte(content), nothing)
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		warnings := file.Warnings(nil)
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0].String(), ".env:1: "+c.why) || strings.Contains(warnings[0].String()+warnings[0].Remedy, canary) {
			t.Errorf("%q: the warnings are %v", content, warnings)
		}
		if file, err = ParseEnv(".env", []byte(c.mended), nothing); err != nil || len(file.Warnings(nil)) > 0 {
			t.Errorf("%q: still %v", c.mended, err)
		} else if got, _ := file.Get("P"); got != c.arrives {
			t.Errorf("%q arrives as %q", c.mended, got)
		}
	}
	for _, quiet := range []string{"P='pa$word'\n", "P=pa$$word\n", "P=\"pa\\$word\"\n", "P=${X:-}\n", "B=1\nP=$B # c\n", "P='a' # $c\n", "# $x\n", "P=a b\n"} {
		if file, err := ParseEnv(".env", []byte(quiet), nothing); err != nil || len(file.Warnings(nil)) > 0 {
			t.Errorf("%q: %v", quiet, err)
		}
	}
}

// TestCaseG6AnOpenEnvFileIsAWarningWhereItHoldsASecret has modes that were refused.
func TestCaseG6AnOpenEnvFileIsAWarningWhereItHoldsASecret(t *testing.T) {
	for _, c := range []struct {
		content string
		mode    os.FileMode
		secret  map[string]bool
		warns   bool
	}{
		{"DB_PASSWORD=" + canary + "\n", 0o644, nil, true},
		{"URL=postgres://app:" + canary + "@db/app\n", 0o604, nil, true},
		{"PIN=" + canary + "\n", 0o644, map[string]bool{"PIN": true}, true},
		{"PIN=" + canary + "\n", 0o644, nil, false},
		{"PORT=80\nDB_PASSWORD=\n", 0o644, nil, false},
		{"DB_PASSWORD=" + canary + "\n", 0o640, nil, false},
		{"DB_PASSWORD=" + canary + "\n", 0o600, nil, false},
	} {
		path := filepath.Join(t.TempDir(), ".env")
		write(t, path, c.content, c.mode)
		warnings := open(t, path).Warnings(c.secret)
		if !c.warns {
			if len(warnings) > 0 {
				t.Errorf("%04o: %v", c.mode, warnings)
			}
			continue
		}
		if len(warnings) != 1 || warnings[0].Remedy != "chmod 600 "+path || !strings.Contains(warnings[0].Why, fmt.Sprintf("has mode %04o", c.mode)) {
			t.Errorf("%04o: %v", c.mode, warnings)
		}
	}
}

func TestReadingAnEnvFilePrintsNothingOfIt(t *testing.T) {
	var log bytes.Buffer
	logrus.SetOutput(&log)
	defer logrus.SetOutput(os.Stderr)
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, "A=pa$"+canary+"\n", 0o600)
	open(t, path)
	_, err := Values(filepath.Dir(path), path, nil, nil, composelint.Named{})
	if err != nil || log.Len() > 0 {
		t.Errorf("%d bytes, %v", log.Len(), err)
	}
}

func TestWriteNeverLeavesASecretOpenAndKeepsAGroupsAccess(t *testing.T) {
	for before, after := range map[os.FileMode]os.FileMode{0o644: 0o600, 0o640: 0o640, 0o660: 0o660, 0o600: 0o600, 0o444: 0o600} {
		path := filepath.Join(t.TempDir(), ".env")
		write(t, path, "A=1\n", before)
		file := open(t, path)
		if err := file.Set("DB_PASSWORD", canary); err != nil {
			t.Fatal(err)
		}
		backup, err := file.Write(now)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, backup} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != after {
				t.Errorf("%04o: %s: %v, %v", before, name, info.Mode(), err)
			}
		}
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

func TestReadEnvFileRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("large"), strings.Repeat("#", regular.Limit+1), 0o600)
	write(t, path("full/x"), "", 0o600)
	if err := errors.Join(os.Mkdir(path("dir"), 0o700), os.Symlink("/dev/zero", path("device"))); err != nil {
		t.Fatal(err)
	}
	for name, why := range map[string]string{"large": "larger than 16 MiB", "dir": "is a directory", "full": "is a directory", "device": "is not a regular file"} {
		_, err := ReadEnvFile(path(name), nothing)
		refused(t, err, why)
		var refusal *RefusedError
		if errors.As(err, &refusal) && (len(refusal.Hints()) > 0) != (name == "dir") {
			t.Errorf("%s: the remedy is %q", name, refusal.Hints())
		}
	}
}

func TestReadEnvFileListsAllProblemsAtOnce(t *testing.T) {
	_, err := ParseEnv(".env", []byte("A=${\nB=1\nD E\nC='x\nE=1\n"), nothing)
	want := ".env:1: A: holds a ${ that begins no variable\n  .env:3: the line is neither KEY=value nor a comment\n" +
		"  .env:4: C: its quote is never closed"
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
		if text := string(value); !strings.Contains(text, "`") && !strings.HasSuffix(text, `\`) && !(strings.Contains(text, "'") && strings.Contains(text, `"`)) {
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
		canary + "'`":       "cannot be written",
		canary + "\x00":     "control character",
		"\xff" + canary:     "control character",
		"\ufeff" + canary:   "control character",
	} {
		file := &EnvFile{path: ".env", lookup: nothing}
		refused(t, file.Set("KEY", value), why)
		if len(file.Encode()) > 0 {
			t.Error("something was written")
		}
	}
	for _, key := range []string{"", "A-B", "1A", "A B", "A\n"} {
		refused(t, (&EnvFile{path: ".env", lookup: nothing}).Set(key, canary), "is no name")
	}
}

func TestSetKeepsOrderAndComments(t *testing.T) {
	file, err := ParseEnv(".env", []byte(handmade), nothing)
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

// FuzzParseEnv puts a secret anywhere into a file: reading never panics, an error or a warning never holds the secret, and
// what is accepted is read as Compose reads it, and written back byte for byte.
func FuzzParseEnv(f *testing.F) {
	f.Add("A=1\nB='", "'\n#c\n", "B")
	f.Add("A=\"", "\nC=\"x", "A")
	f.Add("export A=", " # c", "A")
	f.Add("A: ", "", "")
	f.Add("\xef\xbb\xbfA=$", "\r\n", "A")
	f.Add("", "=1\n", "")
	f.Add("A='a'", "='b' C=1\n", "C")
	f.Add("A='it'\\''", "'", "A")
	f.Add(handmade+"\nX=", "", "X")
	f.Fuzz(func(t *testing.T, before, after, key string) {
		data := []byte(before + canary + after)
		file, err := ParseEnv(".env", data, nothing)
		said := fmt.Sprint(err)
		if err == nil {
			said = fmt.Sprint(file.Warnings(nil))
		}
		// As a key it is no secret, and an error may name it.
		named := regexp.MustCompile(canary + `[\pL\pN_.\[\]-]*[ \t\v\f\r\x{85}\x{a0}]*[=:]`).Match(data)
		if strings.Contains(said, canary) && !named {
			t.Errorf("what is said of %q holds the value", data)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(file.Encode(), data) {
			t.Errorf("%q is written as %q", data, file.Encode())
		}
		compose, err := dotenv.Parse(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(file.values, compose) {
			t.Errorf("%q is read as %q, Compose reads %q", data, file.values, compose)
		}
		keys := slices.Sorted(maps.Keys(compose))
		if got := slices.Sorted(slices.Values(file.Keys())); !slices.Equal(got, keys) {
			t.Errorf("%q has the keys %q, Compose finds %q", data, got, keys)
		}
		if file.Set(key, canary) == nil {
			again, err := ParseEnv(".env", file.Encode(), nothing)
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
	if _, err := ParseEnv(".env.production.example", []byte(data), nothing); err != nil {
		t.Error(err)
	}
}

func TestAStatementThatIsPrintedShowsNoValue(t *testing.T) {
	if shown := fmt.Sprint(statement{raw: "TOKEN=hunter2\n", line: 3, key: "TOKEN", text: "hunter2"}); shown != "line 3: TOKEN" {
		t.Errorf("a statement is printed as %q", shown)
	}
}
