package targets_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/joho/godotenv"
	"go.yaml.in/yaml/v4"
)

// model is what the played Compose understands of the compose files. They are written as JSON, and kept in a release as YAML.
type model struct {
	Name     string                    `json:"name"`
	Services map[string]map[string]any `json:"services"`
	Volumes  map[string]any            `json:"volumes,omitempty"`
	Secrets  map[string]map[string]any `json:"secrets,omitempty"`
}

// compose does what one `docker compose` command does.
func (w *world) compose(dir string, args []string) error {
	said := append([]string{"compose"}, args...)
	if args[0] == "--profile" {
		args = args[2:]
	}
	verb := plain(args)[0]
	if verb == "version" {
		fmt.Println("5.6.0")
		return nil
	}
	profiles := strings.Split(os.Getenv("COMPOSE_PROFILES"), ",")
	if verb != "config" { // a service that is named is there, whatever its profile
		profiles = []string{"*"}
	}
	m, err := resolve(slices.Contains(args, "--no-interpolate"), profiles)
	if err != nil {
		return err
	}
	if verb != "config" {
		if err := record(dir, said); err != nil {
			return err
		}
	}
	names := plain(args)[1:]
	switch verb {
	case "config":
		if slices.Contains(args, "--services") {
			fmt.Println(strings.Join(slices.Sorted(maps.Keys(m.Services)), "\n"))
			return nil
		}
		return json.NewEncoder(os.Stdout).Encode(m)
	case "build", "pull":
		for _, name := range names {
			w.Images[m.image(name)] = "sha256:" + w.id()
		}
	case "run": // OPTIONS --name NAME SERVICE ARG…
		if slices.Contains(args, "--rm") {
			fmt.Println("played by", strings.Join(names[1:], " "))
			return nil
		}
		w.create(m, names[1], names[0], 0)
	case "exec", "stop":
		fmt.Println("played by", names[0])
	case "up":
		w.up(m, args)
	case "down":
		w.Containers = slices.DeleteFunc(w.Containers, func(c *container) bool { return !c.OneOff })
	default:
		return fmt.Errorf("this docker does not know: compose %s", strings.Join(args, " "))
	}
	return nil
}

// up brings services to their number of containers: by an image's other id or on demand with new ones.
func (w *world) up(m model, args []string) {
	scale := map[string]int{}
	var names []string
	for i := 1; i < len(args); i++ {
		switch name, count, _ := strings.Cut(args[min(i+1, len(args)-1)], "="); {
		case args[i] == "--scale":
			scale[name], _ = strconv.Atoi(count)
			i++
		case args[i] == "--pull":
			i++
		case !strings.HasPrefix(args[i], "-"):
			names = append(names, args[i])
		}
	}
	for _, name := range names {
		if !slices.Contains(args, "--no-recreate") {
			w.Containers = slices.DeleteFunc(w.Containers, func(c *container) bool {
				return c.Service == name && !c.OneOff && (slices.Contains(args, "--force-recreate") || c.ImageID != w.Images[c.Image])
			})
		}
		for number := 1; number <= max(scale[name], 1); number++ {
			if full := fmt.Sprintf("%s-%s-%d", m.Name, name, number); !slices.ContainsFunc(w.Containers, func(c *container) bool { return c.Name == full }) {
				w.create(m, name, full, number)
			}
		}
	}
}

// create makes a container and the volumes of its service. One without a number is a one-off, which ends at once.
func (w *world) create(m model, service, name string, number int) {
	image := m.image(service)
	c := &container{
		ID: w.id(), Name: name, Service: service, Image: image, ImageID: w.Images[image], Status: "running",
		Number: number, OneOff: number == 0,
	}
	if c.OneOff {
		c.Status = "exited"
	}
	w.Containers = append(w.Containers, c)
	mounts, _ := m.Services[service]["volumes"].([]any)
	for _, mount := range mounts {
		volume := fmt.Sprintf("%s_%s", m.Name, mount.(map[string]any)["source"])
		if !slices.Contains(w.Volumes, volume) {
			w.Volumes = append(w.Volumes, volume)
		}
	}
}

func (w *world) id() string {
	w.Made++
	return fmt.Sprintf("%064x", w.Made)
}

func (m model) image(service string) string { return fmt.Sprint(m.Services[service]["image"]) }

// labels are those that Compose puts on a container.
func (c *container) labels() map[string]string {
	oneOff := "False"
	if c.OneOff {
		oneOff = "True"
	}
	const prefix = "com.docker.compose."
	return map[string]string{
		prefix + "project": strings.TrimSuffix(c.Name, fmt.Sprintf("-%s-%d", c.Service, c.Number)), prefix + "service": c.Service,
		prefix + "container-number": strconv.Itoa(c.Number), prefix + "oneoff": oneOff,
	}
}

// inspected is what the engine says of a container. All have run since long ago, so that nobody has to wait for them to come
// of age, and have a healthcheck, which an exec plays and the engine itself runs once in ten years.
func (c *container) inspected() map[string]any {
	return map[string]any{
		"Id": c.ID, "Name": "/" + c.Name, "Image": c.ImageID, "Created": "2026-01-01T00:00:00Z",
		"State":      map[string]any{"Status": c.Status, "StartedAt": "2026-01-01T00:00:00Z", "Health": map[string]any{"Status": "healthy"}},
		"HostConfig": map[string]any{"RestartPolicy": map[string]any{"Name": "no"}},
		"NetworkSettings": map[string]any{
			"Networks": map[string]any{c.labels()["com.docker.compose.project"] + "_default": map[string]any{}},
		},
		"Config": map[string]any{
			"Image": c.Image, "Labels": c.labels(), "Healthcheck": map[string]any{
				"Test": []string{"CMD", "/app", "healthcheck"}, "Interval": 10 * 365 * 24 * time.Hour,
			},
		},
	}
}

// resolve reads the files of COMPOSE_FILE, later ones over earlier ones, leaves out what the profiles do not select, and puts
// in the settings.
func resolve(raw bool, profiles []string) (model, error) {
	var m model
	var dir string
	merged := map[string]any{}
	for _, path := range strings.Split(os.Getenv("COMPOSE_FILE"), ":") {
		data, err := os.ReadFile(path)
		if err != nil {
			return m, err
		}
		var file map[string]any
		if err := yaml.Unmarshal(data, &file); err != nil {
			return m, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		merge(merged, file)
		if dir == "" {
			dir = filepath.Dir(path)
		}
	}
	data, err := json.Marshal(merged)
	if err != nil {
		return m, err
	}
	if !raw {
		if data, err = interpolate(data); err != nil {
			return m, err
		}
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	m.Name = os.Getenv("COMPOSE_PROJECT_NAME")
	maps.DeleteFunc(m.Services, func(_ string, service map[string]any) bool {
		wanted, has := service["profiles"].([]any)
		return has && profiles[0] != "*" && !slices.Contains(profiles, fmt.Sprint(wanted[0]))
	})
	for _, service := range m.Services {
		if build, has := service["build"].(map[string]any); has {
			build["context"] = below(dir, build["context"])
		}
	}
	for _, secret := range m.Secrets {
		secret["file"] = below(dir, secret["file"])
	}
	return m, nil
}

func below(dir string, path any) string {
	if text := fmt.Sprint(path); filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(dir, fmt.Sprint(path))
}

func merge(into, from map[string]any) {
	for key, value := range from {
		under, isMap := into[key].(map[string]any)
		over, both := value.(map[string]any)
		if isMap && both {
			merge(under, over)
		} else {
			into[key] = value
		}
	}
}

// interpolate puts settings in the place of ${KEY}: of the environment, else of the env file.
func interpolate(data []byte) ([]byte, error) {
	file, err := godotenv.Read(strings.Split(os.Getenv("COMPOSE_ENV_FILES"), ",")...)
	if err != nil {
		return nil, err
	}
	text, err := template.Substitute(string(data), func(key string) (string, bool) {
		if value, ok := os.LookupEnv(key); ok {
			return value, true
		}
		value, ok := file[key]
		return value, ok
	})
	return []byte(text), err
}
