package buildinput

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAFolderIsEnteredOnlyIfAnExceptionReachesIntoIt(t *testing.T) {
	for pattern, want := range map[string]bool{
		"a": false, "a/b": false, "a/b/c": true, "a/b/c/d": true, "x/b/c": false, "*/b/c": true, "a/*/*": true, "*": false, "*.md": false,
		"a/x*/c": false, "a/[b-c]/d": true, "**/c": true, "a/**": true, "x/**": false, "a**": true, "a/b/**": true, `a\b/b/c`: false,
	} {
		if got := reaches(strings.Split(pattern, "/"), []string{"a", "b"}); got != want {
			t.Errorf("!%s reaches below a/b: %v", pattern, got)
		}
	}
}

// randomIgnoreFile is a few patterns, with exceptions, that fit many paths of randomTree.
func randomIgnoreFile(random *rand.Rand) string {
	elements := []string{"a", "b", "c", "*", "**", "?", "[ab]", "a*", "*b"}
	var lines []string
	for range 1 + random.IntN(5) {
		var pattern []string
		for range 1 + random.IntN(3) {
			pattern = append(pattern, elements[random.IntN(len(elements))])
		}
		line := strings.Join(pattern, "/")
		if random.IntN(3) == 0 {
			line = "!" + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n") + "\n"
}

func randomTree(random *rand.Rand) files {
	tree, folders := files{}, []string{"."}
	for range 12 {
		name := path.Join(folders[random.IntN(len(folders))], []string{"a", "b", "c", "ab"}[random.IntN(4)])
		if _, taken := tree[name]; taken || slices.Contains(folders, name) {
			continue
		}
		if random.IntN(2) == 0 {
			tree[name] = "x"
		} else {
			folders = append(folders, name)
			tree[name+"/"] = ""
		}
	}
	return tree
}

func TestNothingIsMissedByNotEnteringIt(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		plant(t, dir, randomTree(random))
		ignoreFile := randomIgnoreFile(random)
		plant(t, dir, files{"../" + filepath.Base(dir) + ".ignore": ignoreFile})
		context, err := openContext(dir, dir+".ignore")
		if err != nil {
			t.Fatal(err)
		}
		got, err := context.entries(nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		err = filepath.WalkDir(dir, func(found string, _ fs.DirEntry, err error) error {
			rel, _ := filepath.Rel(dir, found)
			if err != nil || rel == "." {
				return err
			}
			ignored, _, err := context.ignore.judge(rel)
			for ; !ignored && rel != "."; rel = path.Dir(rel) {
				want[rel] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(sortedKeys(want)) != fmt.Sprint(sortedCopy(got)) {
			t.Errorf("seed %d, %q: %v, want %v", seed, ignoreFile, sortedCopy(got), sortedKeys(want))
		}
	}
}

func sortedCopy(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func sortedKeys(set map[string]bool) []string {
	var list []string
	for key := range set {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
