package composelint

import (
	"context"
	"io"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/sirupsen/logrus"
)

// asked is what a model asks for: its variables, whether they are required, and the sources of its secrets.
func asked(model map[string]any) map[string]any {
	found := map[string]any{}
	for name, variable := range template.ExtractVariables(model, nil) {
		found["variable "+name] = variable.Required
	}
	secrets, _ := model["secrets"].(map[string]any)
	for name, entry := range secrets {
		secret, _ := entry.(map[string]any)
		for _, key := range []string{"file", "environment"} {
			if source, has := secret[key].(string); has {
				found[key+" of secret "+name] = source
			}
		}
	}
	return found
}

func TestTheFilesAskForWhatTheUnresolvedModelAsksFor(t *testing.T) {
	logrus.SetOutput(io.Discard)
	const compose, override, part = "shop/compose.yaml", "shop/override.yaml", "shop/part/more.yaml"
	for name, test := range map[string]struct {
		files   map[string]string
		partial bool
	}{
		"nothing":  {files: map[string]string{compose: "services: {web: {image: a}}"}},
		"required": {files: map[string]string{compose: "services: {web: {image: 'a:${TAG:?which one}', command: ['$A', '$$B', \"${C:-${D:?d}}\"], ports: ['${PORT}:80']}}"}},
		"secrets": {files: map[string]string{compose: "services: {web: {image: a, secrets: [x, y]}}\n" +
			"secrets: {x: {file: ./x}, y: {environment: Y}, z: {file: '${Z}/z'}, e: {external: true}, abs: {file: /run/abs}}"}},
		"anchors": {files: map[string]string{compose: "x-app: &app {image: 'a:${A}'}\nx-secret: &secret {file: x}\nservices: {web: {<<: *app, command: '${B?}'}}\nsecrets: {x: *secret}"}},
		"override": {files: map[string]string{
			compose: "services: {web: {image: 'a:${A:?}'}}\nsecrets: {x: {file: ./x}}", override: "services: {web: {command: '${B}'}}\nsecrets: {x: {file: ./other}}",
		}},
		"include": {files: map[string]string{
			compose: "include: [part/more.yaml]\nservices: {web: {image: a}}", part: "services: {job: {image: 'b:${B:?}'}}\nsecrets: {p: {file: ./p}}",
		}},
		"include of many": {files: map[string]string{
			compose: "include: [{path: [part/more.yaml, part/again.yaml], project_directory: .}]\nservices: {web: {image: a}}",
			part:    "services: {job: {image: b}}\nsecrets: {p: {file: ./p}}", "shop/part/again.yaml": "services: {job: {command: '${C}'}}",
		}},
		"an include that is not there":   {partial: true, files: map[string]string{compose: "include: ['${WHERE}/more.yaml']\nservices: {web: {image: a}}"}},
		"an include from elsewhere":      {partial: true, files: map[string]string{compose: "include: ['https://example.com/shop.git']\nservices: {web: {image: a}}"}},
		"extends":                        {partial: true, files: map[string]string{compose: "services: {web: {extends: {file: part/more.yaml, service: job}}}", part: "services: {job: {image: 'b:${B:?}'}}"}},
		"extends of the same file":       {files: map[string]string{compose: "services: {web: {extends: {service: base}}, base: {image: 'a:${A:?}'}}"}},
		"a reset":                        {partial: true, files: map[string]string{compose: "services: {web: {image: a}}\nsecrets: {x: {file: ./x}}", override: "secrets: {x: !reset null}"}},
		"a secret in the home directory": {partial: true, files: map[string]string{compose: "services: {web: {image: a}}\nsecrets: {x: {file: ~/x}}"}},
	} {
		dir := written(t, test.files)
		paths := []string{filepath.Join(dir, compose)}
		if test.files[override] != "" {
			paths = append(paths, filepath.Join(dir, override))
		}
		files, err := Read(paths...)
		if err != nil {
			t.Fatal(err)
		}
		ours, all := Asking(files)
		if all == test.partial {
			t.Errorf("%s: the files tell all: %v", name, all)
		}
		if !all {
			continue
		}
		options, err := cli.NewProjectOptions(paths, cli.WithName("shop"), cli.WithInterpolation(false), cli.WithResolvedPaths(true))
		if err != nil {
			t.Fatal(err)
		}
		model, err := options.LoadModel(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, want := asked(ours), asked(model); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the files ask for\n%v, and the model for\n%v", name, got, want)
		}
	}
}
