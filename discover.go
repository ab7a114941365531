package slipway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
	"slipway/internal/settings"
)

// Discover is the stack with whatever its declaration leaves open read from the compose files: see the fields of [Stack] and
// [Destination]. unsure has a sentence for each thing that they do not tell. It asks no engine. Targets do the same with what was
// declared, so that nobody has to call it.
func Discover(stack Stack) (found Stack, unsure []string, err error) {
	if found, err = stack.Located(); err != nil {
		return stack, nil, err
	}
	for i, d := range found.Destinations {
		filled, doubts, err := d.discover(found)
		if err != nil {
			return stack, nil, fmt.Errorf("destination %s: %w", d.Name, err)
		}
		found.Destinations[i] = filled
		for _, doubt := range doubts {
			if !slices.Contains(unsure, doubt) { // most hold for every destination
				unsure = append(unsure, doubt)
			}
		}
	}
	return found, unsure, nil
}

// Located is the stack with its destinations and their files, as far as the names of the files tell.
func (s Stack) Located() (Stack, error) {
	s.Dir = cmp.Or(s.Dir, ".")
	layers, err := layersIn(s.Dir)
	if err != nil {
		return s, err
	}
	s.Destinations = slices.Clone(s.Destinations)
	if len(s.Destinations) == 0 {
		s.Destinations = []Destination{{Name: local}}
		for _, layer := range layers {
			if layer.name != local {
				s.Destinations = append(s.Destinations, Destination{Name: layer.name})
			}
		}
	}
	for i, d := range s.Destinations {
		if s.Destinations[i], err = d.located(s.Dir, layers); err != nil {
			return s, err
		}
	}
	return s, nil
}

// local is the destination of who names none.
const local = "local"

// layer is the compose file of one destination: compose.NAME.yaml.
type layer struct{ name, file string }

var layerFile = regexp.MustCompile(`^(?:docker-)?compose\.([a-z0-9][a-z0-9_-]*)\.ya?ml$`)

// layersIn are the layers in a folder, by name.
func layersIn(dir string) ([]layer, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("the stack's folder: %w", err)
	}
	var layers []layer
	for _, entry := range entries {
		if name := layerFile.FindStringSubmatch(entry.Name()); name != nil && name[1] != "override" && !entry.IsDir() {
			layers = append(layers, layer{name[1], entry.Name()})
		}
	}
	slices.SortFunc(layers, func(a, b layer) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(layers, func(a, b layer) bool { return a.name == b.name }), nil
}

// located fills in the name and the files.
func (d Destination) located(dir string, layers []layer) (Destination, error) {
	d.Name = cmp.Or(d.Name, local)
	own := slices.IndexFunc(layers, func(l layer) bool { return l.name == d.Name })
	if len(d.Files) == 0 {
		said, err := compose.Project{Dir: dir, EnvFile: cmp.Or(d.EnvFile, ".env")}.Said()
		if err != nil {
			return d, err
		}
		switch base := first(dir, cli.DefaultFileNames); {
		case own < 0 && said.Files.Value != "":
			d.Files = compose.Project{Dir: dir}.Split(said.Files.Value)
		case base == "":
			return d, fmt.Errorf("there is no compose file in %s: %s are looked for", shown(dir), strings.Join(cli.DefaultFileNames, ", "))
		case own >= 0:
			d.Files = []string{base, layers[own].file}
		default:
			d.Files = slices.DeleteFunc([]string{base, first(dir, cli.DefaultOverrideFileNames)}, func(name string) bool { return name == "" })
		}
		if d.EnvFile == "" && own >= 0 {
			if name := ".env." + d.Name; first(dir, []string{name, ".env"}) != ".env" {
				d.EnvFile = name
			}
		}
	}
	return d, nil
}

// shown is a folder that a message names.
func shown(dir string) string {
	if dir == "." {
		return "this folder"
	}
	return dir
}

// first is the first of the names that is a file in the folder; empty for none.
func first(dir string, names []string) string {
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return name
		}
	}
	return ""
}

// discover fills in what the content of the files tells, with a stand-in for each setting that has no value yet.
func (d Destination) discover(stack Stack) (filled Destination, unsure []string, err error) {
	dir, err := filepath.Abs(stack.Dir)
	if err != nil {
		return d, nil, fmt.Errorf("the stack's folder: %w", err)
	}
	project := compose.Project{Dir: dir, Files: d.Files, EnvFile: d.EnvFile, Profiles: d.Profiles}
	said, err := project.Said()
	if err != nil {
		return d, nil, err
	}
	project.Name = cmp.Or(d.Project, said.Name.Value, stack.Name, project.DefaultName())
	if d.Profiles == nil {
		project.Profiles = strings.FieldsFunc(said.Profiles.Value, func(r rune) bool { return r == ',' || r == ' ' })
	}
	ctx := context.Background()
	raw, err := project.Uninterpolated(ctx)
	if err != nil {
		return d, nil, err
	}
	required, err := settings.Required(raw, dir, nil)
	if err != nil {
		return d, nil, err
	}
	for _, setting := range required {
		if _, set := os.LookupEnv(setting.Key); setting.File == "" && !set {
			project.Env = append(project.Env, setting.Key+"=unset.invalid")
		}
	}
	model, err := project.OwnModel(ctx)
	if err != nil {
		return d, nil, err
	}
	_, unsure = model.Database(d.Database.Service)
	if filled, err = d.Filled(model.Project); err != nil {
		return d, nil, err
	}
	if len(d.Endpoints) == 0 {
		unsure = append(unsure, model.Unasked()...)
	}
	for _, found := range required {
		if !slices.ContainsFunc(filled.Settings, func(s Setting) bool { return s.File == found.File && (s.File != "" || s.Key == found.Key) }) {
			filled.Settings = append(filled.Settings, Setting{Key: found.Key, Question: found.Question, Secret: found.Secret, File: found.File})
		}
	}
	return filled, unsure, nil
}

// Filled is the destination with what a resolved Compose project tells: what stands under x-slipway:, then what follows from its
// services.
func (d Destination) Filled(project *types.Project) (Destination, error) {
	said, err := extension(project)
	if err != nil {
		return d, err
	}
	model := compose.NewModel(project)
	declares := func(setting Setting) bool {
		return slices.ContainsFunc(d.Settings, func(s Setting) bool { return s.Key == setting.Key })
	}
	d.Settings = append(slices.Clone(d.Settings), slices.DeleteFunc(said.Settings, declares)...)
	d.Domain = cmp.Or(d.Domain, said.Domain)
	d.Authority = cmp.Or(d.Authority, said.Authority)
	d.Firewall = d.Firewall || said.Firewall
	if d.Links == nil {
		d.Links = said.Links
	}
	if d.Endpoints == nil {
		d.Endpoints = said.Endpoints
	}
	if d.Endpoints == nil {
		for _, e := range model.Endpoints() {
			d.Endpoints = append(d.Endpoints, Endpoint{Name: e.Name, URL: e.URL})
		}
	}
	d.Database = d.Database.or(said.Database)
	found, _ := model.Database(d.Database.Service)
	switch {
	case d.Database.Kind == "" || d.Database.Kind == found.Kind:
		d.Database = d.Database.or(Database{Kind: found.Kind, Service: found.Service, Volume: found.Volume, Job: found.Job, Writers: found.Writers})
	case d.Database.Service == found.Service: // of another kind, and declared: who migrates it and who writes to it follow all the same
		d.Database = d.Database.or(Database{Job: found.Job, Writers: found.Writers})
	}
	return d, nil
}

// or is the database with the fields that it leaves empty taken from another.
func (d Database) or(other Database) Database {
	d.Kind, d.Service, d.Volume = cmp.Or(d.Kind, other.Kind), cmp.Or(d.Service, other.Service), cmp.Or(d.Volume, other.Volume)
	d.Job, d.Migrations = cmp.Or(d.Job, other.Job), cmp.Or(d.Migrations, other.Migrations)
	if d.Writers == nil {
		d.Writers = other.Writers
	}
	if d.Copy == nil {
		d.Copy = other.Copy
	}
	return d
}

// said is what may stand under x-slipway: in a compose file: the fields of Destination of these names, as Compose spells names.
type said struct {
	Settings          []Setting
	Domain, Authority string
	Firewall          bool
	Database          Database
	Endpoints         []Endpoint
	Links             []Link
}

// extension reads x-slipway: of a project.
func extension(project *types.Project) (said, error) {
	var found said
	data, err := json.Marshal(project.Extensions["x-slipway"])
	if err != nil {
		return found, fmt.Errorf("x-slipway: %w", err)
	}
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&found); err != nil {
		return found, fmt.Errorf("x-slipway: %s; there are settings, domain, authority, firewall, database, endpoints and links, with the fields that docs/adopt.md lists",
			strings.TrimPrefix(err.Error(), "json: "))
	}
	// Compose has filled in the settings already.
	for i := range found.Endpoints {
		found.Endpoints[i].URL, found.Endpoints[i].Via = literal(found.Endpoints[i].URL), literal(found.Endpoints[i].Via)
	}
	for i := range found.Links {
		found.Links[i].URL = literal(found.Links[i].URL)
	}
	return found, nil
}

func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }
