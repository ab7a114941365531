package preflight

import (
	"encoding/json"
	"testing"
)

// What an engine judges must touch nothing of a project: no name, no network, no volume, no other container, no secret.
func TestARehearsalTouchesNothingOfTheProject(t *testing.T) {
	model, _ := stack(t, `web: {image: x, container_name: edge, build: ./app, ports: ["80:80"], networks: [front], volumes: ["data:/d"], depends_on: [db],
    environment: {PASSWORD: hunter2}, secrets: [password], labels: {a: b}, links: [db], volumes_from: [db], ipc: "service:db", pid: host,
    cap_add: [CHOWN], logging: {options: {tag: "a$$b"}}, deploy: {mode: replicated, resources: {limits: {memory: 10m}}}},
  db: {image: x, environment: {A: b}, volumes: ["data:/d"]}, off: {image: x, scale: 0, cap_add: [CHOWN]}`, "app/Dockerfile", "secrets/password")
	parts := map[string]Part{}
	for name, service := range model.Services {
		part, err := Judged(model, service)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) > 0 {
			parts[name] = part
		}
	}
	file, err := Rehearsal("p", parts)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"services":{"web":{"cap_add":["CHOWN"],"command":["none"],"deploy":{"resources":{"limits":{"memory":"10485760"}}},` +
		`"image":"slipway-rehearsal:p","labels":{"slipway.rehearsal":"p"},"logging":{"options":{"tag":"a$$b"}},"network_mode":"none","pid":"host","pull_policy":"never"}}}`
	if string(file) != want || !json.Valid(file) {
		t.Errorf("%s\nwant\n%s", file, want)
	}
}
