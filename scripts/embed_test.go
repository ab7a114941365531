package scripts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"slipway/scripts"
)

func TestUnpackWritesEveryScriptForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "scripts")
	if err := scripts.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".sh") && !strings.HasPrefix(path, "plugins.") {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		if string(got) != string(want) {
			t.Errorf("%s differs from the script of the checkout", path)
		}
		info, err := os.Stat(filepath.Join(dir, path))
		if err == nil && info.Mode() != 0o700 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnpackRepairsWhatDiffersAndTouchesNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := scripts.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	changed, loose, same := filepath.Join(dir, "deploy.sh"), filepath.Join(dir, "lib", "output.sh"), filepath.Join(dir, "health-check.sh")
	if err := os.WriteFile(changed, []byte("exit 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(same, long, long); err != nil {
		t.Fatal(err)
	}
	if err := scripts.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("deploy.sh")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(changed); err != nil || string(got) != string(want) {
		t.Errorf("deploy.sh was not repaired: %v", err)
	}
	if info, err := os.Stat(loose); err != nil || info.Mode() != 0o700 {
		t.Errorf("output.sh has mode %v: %v", info.Mode(), err)
	}
	if info, err := os.Stat(same); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("health-check.sh was written again: %v", err)
	}
	entries, err := filepath.Glob(filepath.Join(dir, ".unpack-*"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func TestUnpackSaysWhereItCannotWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := scripts.Unpack(filepath.Join(file, "scripts")); err == nil || !strings.Contains(err.Error(), "unpack the scripts") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheOldestVersionsAreStated(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{
		"engine": scripts.Oldest().Engine, "Compose": scripts.Oldest().Compose, "buildx": scripts.Oldest().Buildx,
		"Compose with buildx": scripts.Oldest().ComposeWithBuildx,
	} {
		if major, minor, ok := strings.Cut(version, "."); !ok || major == "" || minor == "" {
			t.Errorf("the oldest %s is %q", name, version)
		}
	}
}

func TestTheDocumentationStatesTheOldestVersions(t *testing.T) {
	t.Parallel()
	oldest := scripts.Oldest()
	for page, lines := range map[string][]string{
		"compatibility.md": {
			"| Docker engine | " + oldest.Engine + " |",
			"| Compose | " + oldest.Compose + " |",
			"| buildx | " + oldest.Buildx + ", beside Compose " + oldest.ComposeWithBuildx + " and newer;",
		},
		"scripts.md": {
			"the Docker engine, " + oldest.Engine + " or newer",
			"its Compose plugin, " + oldest.Compose + " or newer",
			"its buildx plugin, " + oldest.Buildx + " or newer, for Compose " + oldest.ComposeWithBuildx + " and newer",
		},
	} {
		text, err := os.ReadFile(filepath.Join("..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(string(text), line) {
				t.Errorf("docs/%s does not say %q", page, line)
			}
		}
	}
}

func TestNoTwoFilesOfFunctionsGiveTheSameNameToTwo(t *testing.T) {
	t.Parallel()
	named, of := regexp.MustCompile(`(?m)^([a-z_0-9]+)\(\)`), map[string]string{}
	paths, err := filepath.Glob("lib/*.sh")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range named.FindAllStringSubmatch(string(text), -1) {
			if other, taken := of[found[1]]; taken {
				t.Errorf("%s is a function of %s and of %s: deploy.sh has the one that comes later", found[1], other, path)
			}
			of[found[1]] = path
		}
	}
}
