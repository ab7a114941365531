package buildinput

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestASecondCheckoutHasTheSameInputs(t *testing.T) {
	layout := files{
		compose: "services:\n  web:\n    build:\n      context: app\n      dockerfile: ${ROOT}/docker/Dockerfile\n" +
			"      additional_contexts: {assets: ../assets}\n      ssh: [key=../id, other=../id2]\n      secrets: [token]\n" +
			"      shm_size: 64m\n      ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}\n      extra_hosts: [a=1.2.3.4, b=1.2.3.5]\n" +
			"      cache_from: [type=registry]\n      platforms: [linux/amd64]\n      entitlements: [network.host]\n      network: none\n" +
			"      provenance: mode=max\n      pull: true\n      x-key: ${ROOT}\n" +
			"secrets: {token: {file: ./token}}\n",
		"docker/Dockerfile": "FROM scratch", "shop/app/a": "a", "assets/a": "->a",
	}
	first := t.TempDir()
	second := filepath.Join(t.TempDir(), "much", "deeper")
	through := filepath.Join(t.TempDir(), "through")
	if err := os.Symlink(second, through); err != nil {
		t.Fatal(err)
	}
	plant(t, first, layout)
	plant(t, second, layout)
	want := inputsOf(t, first, load(t, first, "ROOT="+first))
	for _, root := range []string{second, through} {
		if got := inputsOf(t, root, load(t, root, "ROOT="+root)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s changed", changed(want, got))
		}
	}
}

func TestTheBuildDefinitionIsAnInput(t *testing.T) {
	template := "services:\n  web:\n    build:\n      context: app\n      args: [A=1, FROM_ENV]\n      target: x\n" +
		"      secrets: [token]\n      labels: {l: '1'}\nsecrets: {token: {file: ./token}}\n"
	layout := files{compose: template, "shop/app/Dockerfile": "", "shop/token": "one"}
	root, project := checkout(t, layout, "FROM_ENV=1")
	before := inputsOf(t, root, project)
	for name, test := range map[string]struct {
		from, to string
		env      string
		want     string
	}{
		"nothing":                    {"", "", "FROM_ENV=1", ""},
		"an argument":                {"A=1", "A=2", "FROM_ENV=1", "build of web"},
		"an argument's environment":  {"", "", "FROM_ENV=2", "build of web"},
		"the target":                 {"target: x", "target: y", "FROM_ENV=1", "build of web"},
		"a label":                    {"l: '1'", "l: '2'", "FROM_ENV=1", "build of web"},
		"a secret's source":          {"file: ./token", "file: ./token2", "FROM_ENV=1", "build of web"},
		"the image's name":           {"  web:\n", "  web:\n    image: other\n", "FROM_ENV=1", "build of web"},
		"the platform":               {"  web:\n", "  web:\n    platform: linux/arm64\n", "FROM_ENV=1", "build of web"},
		"what is no part of a build": {"  web:\n", "  web:\n    environment: {X: y}\n", "FROM_ENV=1", ""},
	} {
		plant(t, root, files{compose: strings.Replace(template, test.from, test.to, 1)})
		if got := changed(before, inputsOf(t, root, load(t, root, test.env))); got != test.want {
			t.Errorf("%s: %q changed, want %q", name, got, test.want)
		}
	}
	plant(t, root, files{compose: template, "shop/token": "two"})
	if got := changed(before, inputsOf(t, root, load(t, root, "FROM_ENV=1"))); got != "" {
		t.Errorf("the content of a secret: %q changed", got)
	}
}
