package buildinput

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCaseB5WhatMustNotBeInAnImageIsNamed(t *testing.T) {
	layout := files{
		compose: "services: {web: {build: .}}", "shop/Dockerfile": "FROM scratch", "shop/.deploy/key": "", "shop/.env": "",
		"shop/secrets/db": "", "shop/secrets/README.md": "",
	}
	sensitive := []string{"shop/.deploy", "shop/.env", "shop/secrets/", "shop/.env.still-to-be-written", "shop/secrets2", "elsewhere"}
	for ignored, want := range map[string]string{
		"":  ".deploy .env .env.still-to-be-written secrets secrets2",
		"*": "", "**": "", ".*\nsecrets*": "", ".deploy\n.env*\n/secrets/\nsecrets2/**": "",
		".deploy/\n.env":                    ".env.still-to-be-written secrets secrets2",
		"**/.*\nsecrets/*\nsecrets2/*":      "",
		".*\nsecrets2\nsecrets/db":          "secrets",           // another secret may come
		".*\nsecrets*\n!secrets/db":         "secrets/db",        // the exception takes it along
		".*\nsecrets*\n!**/*.md":            "secrets/README.md", // perhaps on purpose: the caller decides
		".*\nsecrets*\n!secrets/new":        "",                  // not there, and no secret that anybody named
		"*\n!.env":                          ".env",
		"*\n!.*\n":                          ".deploy .env .env.still-to-be-written",
		"*\n!secrets\nsecrets/d?":           "secrets",
		"*\n!.env.still-to-be-written":      ".env.still-to-be-written",
		"# .env\n*\n!secrets2\nsecrets2/**": "",
	} {
		root, project := checkout(t, layout)
		if ignored != "" {
			plant(t, root, files{"shop/.dockerignore": ignored})
		}
		var paths []string
		for _, path := range sensitive {
			paths = append(paths, filepath.Join(root, path))
		}
		found, err := Exposed(project, []string{"web"}, paths)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		ignoreFile := filepath.Join(root, "shop", ".dockerignore")
		for _, exposure := range found {
			lines = append(lines, exposure.Line)
			if want := (Exposure{filepath.Join(root, "shop", exposure.Line), "web", ignoreFile, exposure.Line}); exposure != want {
				t.Errorf("%q: %+v, want %+v", ignored, exposure, want)
			}
		}
		if got := strings.Join(sortedCopy(lines), " "); got != want {
			t.Errorf("%q: %q, want %q", ignored, got, want)
		}
		plant(t, root, files{"shop/.dockerignore": ignored + "\n" + strings.Join(lines, "\n")})
		if found, err := Exposed(project, []string{"web"}, paths); err != nil || found != nil {
			t.Errorf("%q: with the lines added: %v, %v", ignored, found, err)
		}
	}
}

func TestCaseB5EveryContextOfABuildIsLookedAt(t *testing.T) {
	for name, test := range map[string]struct {
		layout files
		want   string
	}{
		"an ignore file beside the Dockerfile": {
			files{
				compose: "services: {web: {build: {context: .., dockerfile: shop/Dockerfile}}}", "shop/Dockerfile": "", ".env": "", ".dockerignore": "*",
				"shop/Dockerfile.dockerignore": "a",
			},
			".env: shop/Dockerfile.dockerignore: .env",
		},
		"an additional context": {
			files{
				compose:               "services: {web: {build: {context: app, additional_contexts: {all: ..}}}}",
				"shop/app/Dockerfile": "", ".env": "",
			},
			".env: .dockerignore: .env",
		},
		"the build of a service whose image is taken": {
			files{
				compose:               "services: {base: {build: ..}, web: {build: {context: app, additional_contexts: {b: 'service:base'}}}}",
				"shop/app/Dockerfile": "", ".env": "", "Dockerfile": "",
			},
			".env: .dockerignore: .env",
		},
		"a context inside of it": {
			files{compose: "services: {web: {build: ../.env/app}}", ".env/app/Dockerfile": ""},
			".env: .env/app/.dockerignore: **",
		},
		"a name with signs of a pattern": {
			files{compose: "services: {web: {build: ..}}", "Dockerfile": "", ".env": "->c[o]n*fig", "c[o]n*fig": ""},
			`.env: .dockerignore: c\[o\]n\*fig`,
		},
		"a link out of the context": {
			files{compose: "services: {web: {build: ..}}", "Dockerfile": "", ".env": "->../outside.env", "../outside.env": ""},
			"",
		},
	} {
		root := filepath.Join(t.TempDir(), "checkout")
		plant(t, root, test.layout)
		project := load(t, root)
		look := func() (string, string) {
			found, err := Exposed(project, []string{"web"}, []string{filepath.Join(root, ".env")})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			ignoreFile := ""
			for _, e := range found {
				lines = append(lines, e.Path+": "+e.IgnoreFile+": "+e.Line)
				ignoreFile = e.IgnoreFile
				if err := appendLine(e.IgnoreFile, e.Line); err != nil {
					t.Fatal(err)
				}
			}
			return strings.ReplaceAll(strings.Join(lines, " "), root+"/", ""), ignoreFile
		}
		if got, _ := look(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if got, _ := look(); got != "" {
			t.Errorf("%s: with the lines added: %q", name, got)
		}
	}
}

func appendLine(file, line string) error {
	old, _ := os.ReadFile(file)
	return os.WriteFile(file, append(old, "\n"+line+"\n"...), 0o644)
}
