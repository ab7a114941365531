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
	"regexp"
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

// containers are the ids of the replicas of each service, and the services by the names of all containers.
func (s *subject) containers() (ids map[string][]string, services map[string]string, err error) {
	got := s.run("docker", "ps", "-a", "--no-trunc", "--filter", "label=com.docker.compose.project="+s.project, "--format",
		`{{.ID}} {{.Names}} {{.Label "com.docker.compose.service"}} {{.Label "com.docker.compose.oneoff"}} {{.Label "com.docker.compose.hook"}}`)
	if got.code != 0 {
		return nil, nil, fmt.Errorf("list the containers: %s", got)
	}
	ids, services = map[string][]string{}, map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(got.stdout), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		services[fields[1]] = fields[2]
		if len(fields) == 4 && fields[3] == "False" {
			ids[fields[2]] = append(ids[fields[2]], fields[0])
		}
	}
	for _, list := range ids {
		slices.Sort(list)
	}
	return ids, services, nil
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

// wanted is what Compose would do to a service.
type wanted struct{ create, recreate, remove, start, stop bool }

// composePlan is what `docker compose up -d` would do.
type composePlan struct {
	services map[string]wanted
	networks bool // makes a network
	other    []string
}

var recreated = regexp.MustCompile(`^[0-9a-f]{12}_`)

// asksCompose reads the events of a dry run. As JSON they are what Compose's own code says of each container, and the words are
// constants of its API; a word that is not known here is an error, and not overlooked. The hashes in the labels would tell less:
// Compose compares images, networks, volumes and the containers of other services beside them.
func (s *subject) asksCompose() (composePlan, error) {
	_, services, err := s.containers()
	if err != nil {
		return composePlan{}, err
	}
	act := []string{"up", "-d"}
	if s.scene.hooks() { // a dry run would begin them, and fails; create plans the same containers
		act = []string{"create"}
	}
	got := s.run("docker", append([]string{"compose", "--progress", "json", "--dry-run"}, act...)...)
	if got.code != 0 {
		return composePlan{}, &composeRefuses{got}
	}
	plan := composePlan{services: map[string]wanted{}}
	for _, line := range strings.Split(got.stderr+"\n"+got.stdout, "\n") {
		var event struct{ ID, Text string }
		if json.Unmarshal([]byte(line), &event) != nil || event.ID == "" {
			continue
		}
		kind, name, _ := strings.Cut(event.ID, " ")
		switch kind {
		case "Container":
			service := s.serviceOf(recreated.ReplaceAllString(name, ""), services)
			if service == "" {
				plan.other = append(plan.other, event.ID+" "+event.Text)
				continue
			}
			act := plan.services[service]
			switch event.Text {
			case "Creating", "Created":
				act.create = true
			case "Recreate", "Recreated":
				act.recreate = true
			case "Removing", "Removed":
				act.remove = true
			case "Starting", "Started":
				act.start = true
			case "Stopping", "Stopped":
				act.stop = true
			case "Running", "Waiting", "Healthy", "Exited":
			default:
				return plan, fmt.Errorf("unknown event %s", line)
			}
			plan.services[service] = act
		case "Network":
			plan.networks = true
		default:
			plan.other = append(plan.other, event.ID+" "+event.Text)
		}
	}
	return plan, nil
}

// composeFails tells whether Compose cannot bring up either what is written. It would wait in vain for a service that ends by itself.
func (s *subject) composeFails() bool {
	argv := []string{"compose", "up", "-d", "--remove-orphans", "--wait"}
	if slices.ContainsFunc(s.scene.active(), func(name string) bool { return once(s.scene.service(name)) }) {
		argv = argv[:len(argv)-1]
	}
	return s.run("docker", argv...).code != 0
}

// composeRefuses is a scene that Compose itself does not take.
type composeRefuses struct{ got result }

func (e *composeRefuses) Error() string { return "Compose refuses: " + gist(e.got) }

// gist is what a command said, without what is said of every project of the corpus.
func gist(got result) string {
	lines := slices.DeleteFunc(strings.Split(got.stdout+"\n"+got.stderr, "\n"), func(line string) bool {
		return line == "" || strings.Contains(line, "level=warning") || strings.Contains(line, `"level":"warning"`) || strings.Contains(line, `"status":`) && !strings.Contains(line, `"Error"`)
	})
	return fmt.Sprintf("exit %d\n%s", got.code, strings.Join(lines, "\n"))
}

// serviceOf is the service of a container that is there, or would be.
func (s *subject) serviceOf(container string, services map[string]string) string {
	if service, has := services[container]; has {
		return service
	}
	for _, name := range s.scene.names() {
		if given, _ := s.scene.service(name)["container_name"].(string); given != "" && s.words.Replace(given) == container {
			return name
		}
		if rest, is := strings.CutPrefix(container, s.project+"-"+name+"-"); is && strings.Trim(rest, "0123456789") == "" {
			return name
		}
	}
	if strings.HasPrefix(container, s.project+"-included-") {
		return "included"
	}
	return ""
}

// slipwayPlan is what Slipway would do.
type slipwayPlan struct {
	services map[string]checkpoints.Decision
	rollout  bool // runs
	foreseen bool // the services are in the plan: not while an image has still to be built
}

// asksSlipway reads `mage plan -json`. A refusal is a result and no error.
func (s *subject) asksSlipway() (slipwayPlan, result, error) {
	got := s.mage("plan", "-json")
	if got.code != 0 {
		return slipwayPlan{}, got, nil
	}
	var printed struct{ Steps []checkpoints.Decision }
	if err := json.Unmarshal([]byte(got.stdout), &printed); err != nil {
		return slipwayPlan{}, got, fmt.Errorf("read the plan: %w: %s", err, got)
	}
	plan := slipwayPlan{services: map[string]checkpoints.Decision{}, foreseen: true}
	for _, d := range printed.Steps {
		name, service := strings.CutPrefix(d.Step, "rollout.")
		switch {
		case service:
			plan.services[name] = d
		case d.Step == "rollout":
			plan.rollout = d.Run
		case d.Run && (d.Step == "pull" || d.Step == "build"):
			plan.foreseen = false
		}
	}
	plan.foreseen = plan.foreseen || !plan.rollout
	return plan, got, nil
}
