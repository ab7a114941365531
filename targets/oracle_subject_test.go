//go:build engine

package targets_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway/checkpoints"
)

// subject is a project on the engine that Compose and Slipway are asked about.
type subject struct {
	dir, state, project string
	image               string // the prefix of the run's images
	words               *strings.Replacer
	scene               scene // as it was written last
}

// newSubject is a project that nothing is deployed of yet.
func newSubject(t *testing.T, image string) (*subject, error) {
	name := "sw-oracle-" + strings.ToLower(rand.Text()[:8])
	dir := filepath.Join(work, "oracle", name)
	s := &subject{dir: filepath.Join(dir, "stack"), state: filepath.Join(dir, "state"), project: name, image: image}
	random := make([]byte, 2)
	_, _ = rand.Read(random) // never fails
	pairs := []string{"<PROJECT>", name, "<IMAGE>", image, "<SUBNET>", fmt.Sprintf("10.%d.%d", 200+random[0]%50, random[1])}
	for _, token := range []string{"<PORT1>", "<PORT2>", "<PORT3>", "<PORT4>"} {
		pairs = append(pairs, token, fmt.Sprint(freePort(t)))
	}
	s.words = strings.NewReplacer(pairs...)
	return s, os.MkdirAll(s.dir, 0o700)
}

// write brings the files of a scene into the project's folder; those that are the same stay as they are.
func (s *subject) write(next scene) error {
	text, err := next.yaml()
	if err != nil {
		return err
	}
	declared, err := json.Marshal(tree{"Name": s.project, "Dir": ".", "Destinations": []tree{
		{"Name": "local", "Files": []string{"compose.yaml"}, "EnvFile": ".env", "Profiles": next.On},
	}})
	if err != nil {
		return err
	}
	binaries, err := demoBinaries()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(filepath.Join(binaries, "v1"))
	if err != nil {
		return err
	}
	all := map[string][]byte{"compose.yaml": []byte(s.words.Replace(text)), "stack.json": declared, "app/program": program}
	for name, content := range next.Files {
		all[name] = []byte(s.words.Replace(content))
	}
	for name, content := range all {
		path := filepath.Join(s.dir, name)
		if before, err := os.ReadFile(path); err == nil && bytes.Equal(before, content) {
			continue
		}
		mode := fs.FileMode(0o644)
		switch name {
		case ".env":
			mode = 0o600
		case "app/program":
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := checkpoints.WriteFile(path, content, mode); err != nil {
			return err
		}
	}
	if s.scene.Own != next.Own {
		version := map[string]string{"v1": "1", "v2": "2"}[next.Own]
		if got := s.run("docker", "tag", s.image+"/demo:"+version, s.project+"/own:1"); got.code != 0 {
			return fmt.Errorf("tag an image: %s", got)
		}
	}
	s.scene = next.clone()
	if next.Drift != "" {
		return s.drift(strings.Fields(next.Drift))
	}
	return nil
}

// drift does to a container of a service what somebody might do by hand.
func (s *subject) drift(act []string) error {
	ids, _, err := s.containers()
	if err != nil || len(ids[act[1]]) == 0 {
		return err
	}
	id := ids[act[1]][0]
	argv := map[string][]string{
		"stop": {"stop", "-t", "1", id}, "rm": {"rm", "-f", id}, "disconnect": {"network", "disconnect", s.project + "_default", id},
	}[act[0]]
	if got := s.run("docker", argv...); got.code != 0 && act[0] != "disconnect" { // it may be in no such network
		return fmt.Errorf("docker %s: %s", argv[0], got)
	}
	return nil
}

// run runs a command as an operator would in the project's folder.
func (s *subject) run(name string, args ...string) result {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "STATE_DIR="+s.state)
	if name == "docker" {
		cmd.Env = append(cmd.Env, "COMPOSE_PROJECT_NAME="+s.project, "COMPOSE_PROFILES="+strings.Join(s.scene.On, ","))
	}
	run := &started{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &run.stdout, &run.stderr
	if err := cmd.Start(); err != nil {
		return result{code: -1, stderr: err.Error()}
	}
	return run.wait()
}

func (s *subject) mage(args ...string) result {
	binaries, err := demoBinaries()
	if err != nil {
		return result{code: -1, stderr: err.Error()}
	}
	return s.run(filepath.Join(binaries, "mage"), args...)
}

// deploy deploys what is written. Preflight is left out where it has its own turn: it looks at the machine, too.
func (s *subject) deploy(preflight bool) result {
	skip := "-skip=prerequisites,verify"
	if !preflight {
		skip += ",preflight"
	}
	return s.mage("deploy", skip, "-passes=1", "-timeout=60s", "-prune")
}

// found is a container of the project.
type found struct{ id, service string }

// containers are the ids of the replicas of each service, and all containers by their names.
func (s *subject) containers() (ids map[string][]string, present map[string]found, err error) {
	got := s.run("docker", "ps", "-a", "--no-trunc", "--filter", "label=com.docker.compose.project="+s.project, "--format",
		`{{.ID}} {{.Names}} {{.Label "com.docker.compose.service"}} {{.Label "com.docker.compose.oneoff"}} {{.Label "com.docker.compose.hook"}}`)
	if got.code != 0 {
		return nil, nil, fmt.Errorf("list the containers: %s", got)
	}
	ids, present = map[string][]string{}, map[string]found{}
	for _, line := range strings.Split(strings.TrimSpace(got.stdout), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		present[fields[1]] = found{id: fields[0], service: fields[2]}
		if len(fields) == 4 && fields[3] == "False" {
			ids[fields[2]] = append(ids[fields[2]], fields[0])
		}
	}
	for _, list := range ids {
		slices.Sort(list)
	}
	return ids, present, nil
}

// remove takes away everything of the project: it is the test's own.
func (s *subject) remove(t *testing.T) {
	removeProject(t, s.project, s.project+"/own:1")
	for _, ref := range strings.Fields(s.run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout) {
		if strings.HasPrefix(ref, s.project) {
			s.run("docker", "image", "rm", "-f", ref)
		}
	}
	if err := os.RemoveAll(filepath.Dir(s.dir)); err != nil {
		t.Errorf("clean up: %v", err)
	}
}
