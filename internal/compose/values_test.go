package compose

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const valued = `name: shop
x-shared: &shared
  SHARED_TOKEN: in-an-anchor
services:
  web:
    image: web:1
    command: ["server", "--api-key", "in-a-flag", "--verbose"]
    healthcheck: {test: ["CMD", "check", "--password=in-an-argument"]}
    env_file: [web.env]
    volumes: ["share:/data"]
    labels: {deploy.token: in-a-label}
    environment:
      <<: *shared
      DB_PASSWORD: inline
      URL: ${BASE}/app
      FROM_SHELL:
    extra_hosts: ["token-server:10.0.0.9"]
    logging: {driver: splunk, options: {splunk-token: in-an-option}}
    post_start: [{command: ["x"], environment: {HOOK_SECRET: in-a-hook}}]
    secrets: [given, file]
    build: {context: ., args: {BUILD_TOKEN: in-a-build}}
  tool:
    image: tool
    profiles: [tools]
    environment: {TOOL_SECRET: in-a-profile}
  job:
    image: tool
    profiles: [jobs]
    environment: {JOB_SECRET: in-a-job}
  child:
    extends: {file: base.yaml, service: base}
volumes:
  share: {driver_opts: {type: cifs, o: "username=app,password=in-a-volume", device: //nas/x}}
  unused: {driver_opts: {o: "password=in-an-unused-volume"}}
networks:
  unused: {labels: {unused.token: in-an-unused-network}}
configs:
  unused: {content: "password = in-an-unused-config"}
secrets:
  unused: {environment: UNUSED}
  unused_file: {file: ./unused.txt}
  given: {environment: LICENCE}
  file: {file: ./secret.txt}
`

// TestEveryValueOfTheModelIsTold wherever the files have it, and whatever brings it there.
func TestEveryValueOfTheModelIsTold(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"compose.yaml": valued, "web.env": "WEB_TOKEN=in-an-env-file\n", "secret.txt": "in a file",
		"base.yaml": "services: {base: {image: base, environment: {BASE_SECRET: in-what-it-extends}}}\n",
		".env":      "BASE=https://app:in-a-variable@host\nLICENCE=of-the-env-file\nUNUSED=of-an-unused-secret\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("FROM_SHELL", "of-the-shell")
	model, err := Project{Name: "shop", Dir: dir, Files: []string{"compose.yaml"}}.OwnModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	model.EachValue(func(key, value string) { got[key] = append(got[key], value) })
	for key, value := range map[string]string{
		"SHARED_TOKEN": "in-an-anchor", "api-key": "in-a-flag", "": "--password=in-an-argument", "WEB_TOKEN": "in-an-env-file",
		"deploy.token": "in-a-label", "DB_PASSWORD": "inline", "URL": "https://app:in-a-variable@host/app", "FROM_SHELL": "of-the-shell",
		"splunk-token": "in-an-option", "HOOK_SECRET": "in-a-hook", "BUILD_TOKEN": "in-a-build", "TOOL_SECRET": "in-a-profile",
		"JOB_SECRET": "in-a-job", "BASE_SECRET": "in-what-it-extends", "SECRET": "of-the-env-file", "o": "username=app,password=in-a-volume",
	} {
		if !slices.Contains(got[key], value) {
			t.Errorf("%q is not told under %q; there are %q", value, key, got[key])
		}
	}
	for key, value := range map[string]string{
		"o": "password=in-an-unused-volume", "unused.token": "in-an-unused-network", "": "password = in-an-unused-config", "SECRET": "of-an-unused-secret",
	} {
		if !slices.Contains(got[key], value) {
			t.Errorf("%q, which nobody uses, is not told under %q; there are %q", value, key, got[key])
		}
	}
	if got["token-server"] != nil {
		t.Errorf("the name of a machine stands for a key: %q", got["token-server"])
	}
	if files := model.SecretFiles(); !slices.Equal(files, []string{filepath.Join(dir, "secret.txt"), filepath.Join(dir, "unused.txt")}) {
		t.Errorf("secret files: %q", files)
	}
}
