package buildinput

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"slipway/checkpoints"
)

// files are the files of a layout. A name that ends in / is an empty folder, content that begins with -> a link.
type files map[string]string

func plant(t *testing.T, dir string, layout files) {
	t.Helper()
	for name, content := range layout {
		path := filepath.Join(dir, name)
		var err error
		switch target, link := strings.CutPrefix(content, "->"); {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				break
			}
			if link {
				err = os.Symlink(target, path)
			} else {
				err = os.WriteFile(path, []byte(content), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkout plants a layout in a folder of its own and loads its shop/compose.yaml.
func checkout(t *testing.T, layout files, env ...string) (root string, project *types.Project) {
	t.Helper()
	root = t.TempDir()
	plant(t, root, layout)
	return root, load(t, root, env...)
}

func load(t *testing.T, root string, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "shop", "compose.yaml")},
		cli.WithName("demo"), cli.WithEnv(env), cli.WithResolvedPaths(true), cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func inputsOf(t *testing.T, root string, project *types.Project, state ...string) []checkpoints.Input {
	t.Helper()
	inputs, err := Inputs(project, []string{"web"}, root, state...)
	if err != nil {
		t.Fatal(err)
	}
	return inputs
}

func namesOf(inputs []checkpoints.Input) string {
	var names []string
	for _, input := range inputs {
		names = append(names, input.Name)
	}
	return strings.Join(names, " ")
}

// changed are the names of the inputs in which two sets differ.
func changed(before, after []checkpoints.Input) string {
	old := map[string]string{}
	for _, input := range before {
		old[input.Name] = input.Digest
	}
	var names []string
	for _, input := range after {
		if old[input.Name] != input.Digest {
			names = append(names, input.Name)
		}
		delete(old, input.Name)
	}
	for name := range old {
		names = append(names, "-"+name)
	}
	return strings.Join(names, " ")
}
