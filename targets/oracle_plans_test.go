//go:build engine

package targets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/release"
)

// wanted is what Compose would do to a service.
type wanted struct{ create, recreate, remove, start, stop bool }

// composePlan is what `docker compose up -d` would do.
type composePlan struct {
	services  map[string]wanted
	recreates map[string][]string // the ids of the containers that make way for another one, by service
	networks  bool                // makes a network
	other     []string
}

var recreated = regexp.MustCompile(`^[0-9a-f]{12}_`)

// asksCompose reads the events of a dry run. As JSON they are what Compose's own code says of each container, and the words are
// constants of its API; a word that is not known here is an error, and not overlooked. The hashes in the labels would tell less:
// Compose compares images, networks, volumes and the containers of other services beside them.
func (s *subject) asksCompose() (composePlan, error) {
	_, present, err := s.containers()
	if err != nil {
		return composePlan{}, err
	}
	act := []string{"up", "-d"}
	if s.scene.hooks() { // a dry run would begin them, and fails; create plans the same containers
		act = []string{"create"}
	}
	files, err := s.asRelease()
	if err != nil {
		return composePlan{}, err
	}
	got := s.run("docker", slices.Concat([]string{"compose", "--progress", "json"}, files, []string{"--dry-run"}, act)...)
	if got.code != 0 {
		return composePlan{}, &composeRefuses{got}
	}
	plan := composePlan{services: map[string]wanted{}, recreates: map[string][]string{}}
	for _, line := range strings.Split(got.stderr+"\n"+got.stdout, "\n") {
		var event struct{ ID, Text string }
		if json.Unmarshal([]byte(line), &event) != nil || event.ID == "" {
			continue
		}
		kind, name, _ := strings.Cut(event.ID, " ")
		switch kind {
		case "Container":
			service := s.serviceOf(recreated.ReplaceAllString(name, ""), present)
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
				if c, is := present[name]; is {
					plan.recreates[service] = append(plan.recreates[service], c.id)
				}
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

// asRelease is what makes Compose read the release that a deployment of the files would be: what is mounted of the checkout is there
// from another place. Files that do not resolve are Compose's own to refuse.
func (s *subject) asRelease() (flags []string, err error) {
	project := compose.Project{Name: s.project, Dir: s.dir, Files: []string{"compose.yaml"}, EnvFile: ".env", Profiles: s.scene.On}
	model, err := project.Model(context.Background())
	if err != nil {
		return nil, nil //nolint:nilerr // as said
	}
	store := release.Store{Dir: s.state}
	if err := os.MkdirAll(store.Dir, 0o700); err != nil {
		return nil, err
	}
	made, err := store.Capture(context.Background(), release.Request{
		Project: project, Model: model, About: release.Release{ID: "oracle"}, Hide: func(_, text string) string { return text },
	})
	if err == nil {
		err = store.Begin(made)
	}
	flags = []string{"--project-directory", s.dir, "-f", store.Definition("oracle.unfinished")}
	if regular(filepath.Join(s.dir, ".env")) {
		flags = append(flags, "--env-file", filepath.Join(s.dir, ".env"))
	}
	return flags, err
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
func (s *subject) serviceOf(container string, present map[string]found) string {
	if c, is := present[container]; is {
		return c.service
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
