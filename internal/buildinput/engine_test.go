//go:build engine

package buildinput

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	random "math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/checkpoints"
)

// inImage are the paths that a build of `COPY . /` puts into its result.
func inImage(t *testing.T, context, dockerfile string) []string {
	t.Helper()
	cmd := exec.Command("docker", "buildx", "build", "-q", "-f", dockerfile, "-o", "type=tar,dest=-", context)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var paths []string
	for archive := tar.NewReader(bytes.NewReader(out)); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(paths)
			return paths
		}
		if err != nil {
			t.Fatal(err)
		}
		if name := path.Clean(header.Name); name != "." {
			paths = append(paths, name)
		}
	}
}

func TestContextsHoldExactlyWhatBuildKitTakesAlong(t *testing.T) {
	const all = "FROM scratch\nCOPY . /\n"
	tree := files{
		"Dockerfile": all, "main.go": "x", "run.sh": "x", "vendor/lib/x.go": "x", "vendor/lib/x.js": "x", "vendor/keep": "x", "logs/a.log": "x",
		"empty/": "", "deep/er/empty/": "", "link": "->nowhere", "out": "->../outside", "in": "->vendor", ".env": "x", ".deploy/key": "x",
	}
	type layout struct {
		name          string
		tree          files
		ignored, file string
	}
	layouts := []layout{
		{"nothing ignored", tree, "", ".dockerignore"},
		{"all ignored", tree, "*", ".dockerignore"},
		{"all ignored, and an empty ignore file of the Dockerfile's own", tree, "", "Dockerfile.dockerignore"},
		{"folders and exceptions", tree, "vendor\n!vendor/keep\n!**/*.go\n**/*.log\n/.deploy/\n", ".dockerignore"},
		{"an allow list", tree, "*\n!main.go\n!vendor/lib\n!empty\n!link\n", ".dockerignore"},
		{"content of folders", tree, "vendor/*\ndeep/**\n.d*\n", ".dockerignore"},
		{"an ignore file of the Dockerfile's own", tree, "vendor\n", "Dockerfile.dockerignore"},
		{"build files", tree, "Dockerfile\n.dockerignore\n", ".dockerignore"},
	}
	for seed := range uint64(16) {
		r := random.New(random.NewPCG(seed, 1))
		layouts = append(layouts, layout{"at random", randomTree(r), randomIgnoreFile(r), ".dockerignore"})
	}
	for _, l := range layouts {
		dir := t.TempDir()
		plant(t, dir, l.tree)
		plant(t, dir, files{"Dockerfile": all})
		if l.file != ".dockerignore" {
			plant(t, dir, files{".dockerignore": "*"})
		}
		plant(t, dir, files{l.file: l.ignored})
		context, err := openContext(dir, filepath.Join(dir, "Dockerfile.dockerignore"))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := context.entries(nil)
		if err != nil {
			t.Fatal(err)
		}
		if theirs := inImage(t, dir, filepath.Join(dir, "Dockerfile")); !slices.Equal(sortedCopy(ours), theirs) {
			t.Errorf("%s, %q: we take %q, BuildKit %q", l.name, l.ignored, sortedCopy(ours), theirs)
		}
	}
}

// built builds web as Compose does and returns the image's id.
func built(t *testing.T, root, project string) string {
	t.Helper()
	for _, argv := range [][]string{
		{"docker", "compose", "-p", project, "-f", filepath.Join(root, compose), "build", "-q", "web"},
		{"docker", "image", "inspect", "-f", "{{.Id}}", project + "-web"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = root // buildx lets Compose read a Dockerfile outside of the context only below its own folder
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, out)
		}
		if argv[1] == "image" {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}

// A change of a layout, and what follows: whether BuildKit makes another image.
type change struct {
	name    string
	make    func(dir string) error
	another bool
	noInput bool // nothing that is read changes
}

func write(name, content string) func(string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644))
	}
}

func mode(name string, mode os.FileMode) func(string) error {
	return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
}

func remove(name string) func(string) error {
	return func(dir string) error { return os.RemoveAll(filepath.Join(dir, name)) }
}

func link(name, target string) func(string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		return errors.Join(os.RemoveAll(path), os.Symlink(target, path))
	}
}

func TestAChangeThatMakesAnotherImageIsAChangeOfTheInputs(t *testing.T) {
	for name, layout := range map[string]struct {
		files   files
		changes []change
	}{
		"case B1: all is copied, and the Dockerfile is ignored": {
			files{
				compose: "services: {web: {build: .}}", "shop/Dockerfile": "FROM scratch\nENV A=1\nCOPY . /x\n", "shop/a": "1", "shop/s.sh": "x",
				"shop/.dockerignore": "Dockerfile\n.dockerignore\n" + "compose.yaml\nignored\n*.log\n", "shop/ignored/x": "1", "shop/link": "->a",
			},
			[]change{
				{"Dockerfile", write("shop/Dockerfile", "FROM scratch\nENV A=2\nCOPY . /x\n"), true, false},
				{"content", write("shop/a", "2"), true, false},
				{"an executable bit", mode("shop/s.sh", 0o755), true, false},
				{"a file that nobody else may read", mode("shop/a", 0o600), true, false},
				{"a link's target", link("shop/link", "s.sh"), true, false},
				{"an empty folder", func(dir string) error { return os.Mkdir(filepath.Join(dir, "shop/empty"), 0o755) }, true, false},
				{"a file that is gone", remove("shop/s.sh"), true, false},
				{"an ignored file", write("shop/ignored/x", "2"), false, true},
				{"a new ignored file", write("shop/y.log", "2"), false, true},
				{"a time", func(dir string) error { return os.Chtimes(filepath.Join(dir, "shop/a"), time.Time{}, time.Unix(1, 0)) }, false, true},
				{"what is ignored", write("shop/.dockerignore", "Dockerfile\n.dockerignore\ncompose.yaml\n*.log\n"), true, false},
			},
		},
		"case B2: a Dockerfile elsewhere with an empty ignore file of its own": {
			files{
				compose:                 "services: {web: {build: {context: app, dockerfile: ../../docker/app.Dockerfile}}}",
				"docker/app.Dockerfile": "FROM scratch\nCOPY a /a\n", "docker/app.Dockerfile.dockerignore": "", "docker/other": "1",
				"shop/app/a": "1", "shop/app/README": "1", "shop/app/.dockerignore": "*\n",
			},
			[]change{
				{"Dockerfile", write("docker/app.Dockerfile", "FROM scratch\nCOPY a /b\n"), true, false},
				{"content", write("shop/app/a", "2"), true, false},
				{"case B7: a file that is not copied", write("shop/app/README", "2"), false, false},
				{"a file beside the Dockerfile", write("docker/other", "2"), false, true},
				{"the ignore file that does not count", write("shop/app/.dockerignore", "a\n"), false, false},
			},
		},
		"a Dockerfile in the compose file": {
			files{compose: "services: {web: {build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY a /a\"}}}", "shop/app/a": "1"},
			[]change{
				{"Dockerfile", write(compose, "services: {web: {build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY a /b\"}}}"), true, false},
				{"content", write("shop/app/a", "2"), true, false},
				{"a label", write(compose, "services: {web: {build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY a /a\", labels: [a=b]}}}"), true, false},
				{"what is no part of a build", write(compose, "services: {web: {environment: {A: b}, build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY a /a\"}}}"), false, true},
			},
		},
		"arguments and a target and a secret": {
			files{
				compose:               "services: {web: {build: {context: app, args: {A: '1'}, target: one, secrets: [s]}}}\nsecrets: {s: {file: ./s}}",
				"shop/app/Dockerfile": "FROM scratch AS one\nARG A\nENV A=$A\nCOPY Dockerfile /\nFROM one AS two\nENV B=1\n", "shop/s": "1",
			},
			[]change{
				{"an argument", write(compose, "services: {web: {build: {context: app, args: {A: '2'}, target: one, secrets: [s]}}}\nsecrets: {s: {file: ./s}}"), true, false},
				{"the target", write(compose, "services: {web: {build: {context: app, args: {A: '1'}, target: two, secrets: [s]}}}\nsecrets: {s: {file: ./s}}"), true, false},
				{"a secret's content", write("shop/s", "2"), false, true},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			project := "sw-buildinput-" + strings.ToLower(rand.Text()[:8])
			images := map[string]bool{}
			t.Cleanup(func() {
				argv := append([]string{"image", "rm", "-f"}, sortedKeys(images)...)
				if out, err := exec.Command("docker", argv...).CombinedOutput(); err != nil {
					t.Errorf("remove the images: %v: %s", err, out)
				}
			})
			look := func(root string) (string, []checkpoints.Input) {
				image := built(t, root, project)
				images[image] = true
				return image, inputsOf(t, root, load(t, root))
			}
			image, inputs := look(plantedAt(t, layout.files))
			if same, again := look(plantedAt(t, layout.files)); same != image || changed(inputs, again) != "" {
				t.Fatalf("another checkout of the same content makes image %s (%q changed), not %s", same, changed(inputs, again), image)
			}
			for _, change := range layout.changes {
				root := plantedAt(t, layout.files)
				if err := change.make(root); err != nil {
					t.Fatal(err)
				}
				got, after := look(root)
				if (got != image) != change.another {
					t.Errorf("%s: another image: %v", change.name, got != image)
				}
				if (changed(inputs, after) == "") != change.noInput {
					t.Errorf("%s: the inputs that changed: %q", change.name, changed(inputs, after))
				}
			}
		})
	}
}

func plantedAt(t *testing.T, layout files) string {
	t.Helper()
	root := t.TempDir()
	plant(t, root, layout)
	return root
}
