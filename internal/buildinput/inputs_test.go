package buildinput

import (
	"path/filepath"
	"strings"
	"testing"
)

const compose = "shop/compose.yaml"

func TestInputsAreWhatBuildKitReads(t *testing.T) {
	for name, test := range map[string]struct {
		layout files
		want   string
	}{
		"case B1: the Dockerfile and the ignore file, though both are ignored": {
			files{
				compose: "services: {web: {build: .}}", "shop/Dockerfile": "FROM scratch", "shop/main.go": "package main",
				"shop/.dockerignore": "Dockerfile\n.dockerignore\ncompose.yaml\n",
			},
			"build of web shop/.dockerignore shop/Dockerfile shop/main.go",
		},
		"case B2: a Dockerfile outside of the context, with an ignore file of its own": {
			files{
				compose: "services: {web: {build: {context: app, dockerfile: ../docker/app.Dockerfile}}}", "shop/app/a": "",
				"shop/app/b": "", "shop/app/.dockerignore": "a", "shop/docker/app.Dockerfile": "FROM scratch",
				"shop/docker/app.Dockerfile.dockerignore": "b", "shop/docker/other": "",
			},
			"build of web shop/app/.dockerignore shop/app/a shop/docker/app.Dockerfile shop/docker/app.Dockerfile.dockerignore",
		},
		"case B2: an empty ignore file beside the Dockerfile counts": {
			files{
				compose: "services: {web: {build: app}}", "shop/app/Dockerfile": "", "shop/app/a": "",
				"shop/app/.dockerignore": "*", "shop/app/Dockerfile.dockerignore": "",
			},
			"build of web shop/app/.dockerignore shop/app/Dockerfile shop/app/Dockerfile.dockerignore shop/app/a",
		},
		"an ignore file of another Dockerfile does not": {
			files{
				compose: "services: {web: {build: {context: app, dockerfile: other}}}", "shop/app/Dockerfile": "", "shop/app/a": "",
				"shop/app/other": "", "shop/app/Dockerfile.dockerignore": "a", "shop/app/.dockerignore": "*",
			},
			"build of web shop/app/.dockerignore shop/app/other",
		},
		"a Dockerfile in the compose file": {
			files{
				compose:      "services: {web: {build: {context: app, dockerfile_inline: FROM scratch}}}",
				"shop/app/a": "", "shop/app/.dockerignore": "Dockerfile*\n.dockerignore", "shop/app/Dockerfile": "",
				"shop/app/Dockerfile.dockerignore": "a",
			},
			"build of web shop/app/.dockerignore shop/app/a",
		},
		"a Dockerfile in lower case": {
			files{
				compose: "services: {web: {build: app}}", "shop/app/dockerfile": "",
				"shop/app/dockerfile.dockerignore": "*",
			},
			"build of web shop/app/dockerfile shop/app/dockerfile.dockerignore",
		},
		"a linked Dockerfile and where it leads": {
			files{
				compose: "services: {web: {build: app}}", "shop/app/Dockerfile": "->docker/real", "shop/app/docker/real": "",
				"shop/app/.dockerignore": "*",
			},
			"build of web shop/app/.dockerignore shop/app/Dockerfile shop/app/docker/real",
		},
		"exceptions, empty folders and links": {
			files{
				compose: "services: {web: {build: app}}", "shop/app/Dockerfile": "", "shop/app/vendor/lib/x.go": "",
				"shop/app/vendor/lib/x.js": "", "shop/app/vendor/keep": "", "shop/app/logs/a.log": "", "shop/app/empty/": "",
				"shop/app/link": "->nowhere", "shop/app/linked": "->../docs", "shop/docs/x": "",
				"shop/app/.dockerignore": "vendor\n!vendor/keep\n!**/*.go\n**/*.log\n.dockerignore\n",
			},
			"build of web shop/app/.dockerignore shop/app/Dockerfile shop/app/empty shop/app/link shop/app/linked shop/app/logs " +
				"shop/app/vendor shop/app/vendor/keep shop/app/vendor/lib shop/app/vendor/lib/x.go",
		},
		"additional contexts, each with an ignore file of its own": {
			files{
				compose: "services: {web: {build: {context: app, additional_contexts: {assets: ../assets, alpine: " +
					"'docker-image://alpine:3.20', src: 'https://example.com/src.git#main'}}}}",
				"shop/app/Dockerfile": "", "assets/a": "", "assets/b": "", "assets/.dockerignore": "b",
			},
			"assets/.dockerignore assets/a build of web shop/app/Dockerfile",
		},
		"the build of a service whose image is taken": {
			files{
				compose: "services: {base: {build: base, profiles: [never]}, web: {build: {context: app, " +
					"additional_contexts: {base: 'service:base'}}}}",
				"shop/app/Dockerfile": "", "shop/base/Dockerfile": "",
			},
			"build of base build of web shop/app/Dockerfile shop/base/Dockerfile",
		},
		"case A1: a job of the top level": {
			files{compose: "jobs: {web: {build: app, triggers: {manual: true}}}", "shop/app/Dockerfile": ""},
			"build of web shop/app/Dockerfile",
		},
		"a context beside the root": {
			files{compose: "services: {web: {build: ../../" + "beside}}", "../beside/Dockerfile": ""},
			"../beside/Dockerfile build of web",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "checkout")
			plant(t, root, test.layout)
			if got := namesOf(inputsOf(t, root, load(t, root))); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCaseG3RemoteContextsCountByReference(t *testing.T) {
	for _, context := range []string{
		"https://example.com/app.git", "https://example.com/app.git#main:sub", "https://example.com/app.tar.gz", "git@example.com:me/app.git",
		"ssh://git@example.com/me/app.git", "git://example.com/app", "github.com/me/app", "http://example.com/app.git",
	} {
		root, project := checkout(t, files{compose: "services: {web: {build: {context: '" + context + "', dockerfile: sub/Dockerfile}}}"})
		inputs := inputsOf(t, root, project)
		if got := namesOf(inputs); got != "build of web" {
			t.Errorf("%s: %s", context, got)
		}
		build := *project.Services["web"].Build
		build.Context += "x"
		*project.Services["web"].Build = build
		if changed(inputs, inputsOf(t, root, project)) != "build of web" {
			t.Errorf("%s: another reference is no change", context)
		}
		if found, err := Exposed(project, []string{"web"}, []string{filepath.Join(root, "shop")}); err != nil || found != nil {
			t.Errorf("%s: %v, %v", context, found, err)
		}
	}
	root, project := checkout(t, files{compose: "services: {web: {build: {context: 'https://example.com/app.git', dockerfile: " +
		"'${ROOT}/my.Dockerfile'}}}"}, "ROOT=/nowhere")
	if _, err := Inputs(project, []string{"web"}, root); err == nil || err.Error() != "build of web: there is no Dockerfile /nowhere/my.Dockerfile" {
		t.Errorf("a Dockerfile of ours for a remote context: %v", err)
	}
}

func TestOwnStateIsNoInput(t *testing.T) {
	root, project := checkout(t, files{
		compose: "services: {web: {build: .}}", "shop/Dockerfile": "", "shop/.deploy/key": "k", "shop/deep/.deploy/x": "",
	})
	want := "build of web shop/Dockerfile shop/compose.yaml shop/deep"
	for _, state := range []string{"shop/.deploy", "shop/.deploy/"} {
		got := namesOf(inputsOf(t, root, project, filepath.Join(root, state), filepath.Join(root, "shop/deep/.deploy"), "/nowhere"))
		if got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestWhatABuildLacksIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		layout files
		want   string
	}{
		"a Dockerfile":  {files{compose: "services: {web: {build: app}}", "shop/app/": ""}, "build of web: there is no Dockerfile ROOT/shop/app/Dockerfile"},
		"the context":   {files{compose: "services: {web: {build: {context: app, dockerfile: ../D}}}", "shop/D": ""}, "build of web: there is no folder ROOT/shop/app"},
		"no folder":     {files{compose: "services: {web: {build: {context: app, dockerfile: ../D}}}", "shop/D": "", "shop/app": ""}, "build of web: ROOT/shop/app is not a folder"},
		"a build":       {files{compose: "services: {web: {image: x}}"}, "web has no build section"},
		"a service":     {files{compose: "services: {other: {image: x}}"}, "no service and no job is called web"},
		"a good ignore": {files{compose: "services: {web: {build: app}}", "shop/app/Dockerfile": "", "shop/app/.dockerignore": "a[\n"}, "build of web: read ROOT/shop/app/.dockerignore: syntax error in pattern"},
	} {
		root, project := checkout(t, test.layout)
		_, err := Inputs(project, []string{"web"}, root)
		if want := strings.ReplaceAll(test.want, "ROOT", root); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
