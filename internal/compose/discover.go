package compose

import (
	"fmt"
	"maps"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// What a stack declares by hand can be told from its model, mostly: which service is the database, what migrates it, where it
// answers. What follows from several candidates is not guessed: it stays empty, and a sentence says what would settle it.

// JobMigrates is the value of JobLabel on the job that applies migrations; any other value on a job says that it does not.
const JobMigrates = "migrate"

// DatabaseLabel on a service says which database it is: "postgres".
const DatabaseLabel = "slipway.database"

// Database is what a model tells about its database.
type Database struct {
	Kind    string   // "postgres"; empty for any other
	Service string   // that runs it
	Volume  string   // the volume's key in the model, or the folder of the host
	Job     string   // that applies migrations
	Writers []string // services that depend on it
}

// Database finds the one PostgreSQL of the stack, or takes the named service, and what belongs to it. unsure has a sentence for
// what could not be told.
func (m *Model) Database(service string) (found Database, unsure []string) {
	var servers []string
	for _, s := range m.Up() {
		if s.Name == service || service == "" && s.postgres() {
			servers = append(servers, s.Name)
		}
	}
	switch {
	case len(servers) > 1:
		unsure = append(unsure, fmt.Sprintf("which of %s is the database: name it under x-slipway: database: service:", strings.Join(servers, ", ")))
	case len(servers) == 1:
		found.Service = servers[0]
		server := m.Services[found.Service]
		if found.Volume = server.postgresData(); !server.postgres() {
			found.Volume = ""
		} else if found.Volume == "" {
			unsure = append(unsure, fmt.Sprintf("where %s keeps its data, so that it is not backed up: give it a named volume", found.Service))
		} else {
			found.Kind = "postgres"
		}
		for _, s := range m.Up() {
			if _, depends := s.DependsOn[found.Service]; depends && !s.OneShot {
				found.Writers = append(found.Writers, s.Name)
			}
		}
	}
	job, doubt := m.migration(found)
	if doubt != "" {
		unsure = append(unsure, doubt)
	}
	found.Job = job
	return found, unsure
}

// migration is the job that is labelled so, else the only one that needs the database.
func (m *Model) migration(of Database) (job, unsure string) {
	var labelled, needing []string
	for _, name := range slices.Sorted(maps.Keys(m.Services)) {
		s := m.Services[name]
		label, marked := s.Labels[JobLabel]
		switch {
		case !s.Job || m.scheduled(name):
		case label == JobMigrates:
			labelled = append(labelled, name)
		case !marked && s.needs(of):
			needing = append(needing, name)
		}
	}
	if len(labelled) == 0 {
		labelled = needing
	}
	if len(labelled) > 1 {
		return "", fmt.Sprintf("which of the jobs %s applies migrations: give it the label %s: %s", strings.Join(labelled, ", "), JobLabel, JobMigrates)
	}
	return strings.Join(labelled, ""), ""
}

func (m *Model) scheduled(job string) bool {
	triggers := m.Jobs[job].Triggers
	return triggers != nil && len(triggers.Schedule) > 0
}

// needs reports whether the service waits for the database's service.
func (s Service) needs(of Database) bool {
	_, depends := s.DependsOn[of.Service]
	return of.Service != "" && depends
}

// postgresImages are the last words of the names of images that run PostgreSQL.
var postgresImages = []string{"postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "pgvector"}

// postgres reports whether the service runs a PostgreSQL: its label, else its image says so.
func (s Service) postgres() bool {
	if label, has := s.Labels[DatabaseLabel]; has {
		return label == "postgres"
	}
	image, _, _ := strings.Cut(s.Image, "@")
	name, _, _ := strings.Cut(path.Base(image), ":")
	return slices.Contains(postgresImages, name)
}

// postgresData is the volume or the folder that holds the data: that which is mounted at PGDATA or above it.
func (s Service) postgresData() string {
	homes := []string{"/var/lib/postgresql/data", "/bitnami/postgresql/data", "/home/postgres/pgdata/data"}
	if set := s.Environment["PGDATA"]; set != nil && *set != "" {
		homes = []string{*set}
	}
	for _, mount := range s.Writes() {
		for _, home := range homes {
			if target := path.Clean(mount.Target); target != home && !strings.HasPrefix(home, target+"/") {
				continue
			}
			if mount.Type == types.VolumeTypeBind {
				return mount.Source
			}
			return mount.Source
		}
	}
	return ""
}

// Endpoint is where a service answers from outside.
type Endpoint struct{ Name, URL string }

// Endpoints are the ports that services with a healthcheck publish, under the URL that the healthcheck itself asks where it asks
// one, else as tcp.
func (m *Model) Endpoints() []Endpoint {
	var found []Endpoint
	for _, s := range m.Up() {
		var own []Endpoint
		for _, p := range s.Published() {
			if s.HasHealthcheck() && !s.OneShot && s.Replicas() > 0 && p.Fixed() && p.Proto == "tcp" {
				own = append(own, Endpoint{Name: s.Name + "-" + strconv.Itoa(p.First), URL: s.url(p)})
			}
		}
		if len(own) == 1 {
			own[0].Name = s.Name
		}
		found = append(found, own...)
	}
	return found
}

// Unasked has a sentence for each service that publishes a port and has no healthcheck.
func (m *Model) Unasked() []string {
	var lines []string
	for _, s := range m.Up() {
		if len(s.Published()) > 0 && !s.HasHealthcheck() && !s.OneShot {
			lines = append(lines, fmt.Sprintf("whether %s is well: the compose files give it no healthcheck", s.Name))
		}
	}
	return lines
}

var (
	httpURL = regexp.MustCompile(`http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d+))?((?:/[^\s"'|;&<>$]*)?)`)
	// An answer of curl counts only if curl fails for one that is not well; with a header or a method it is asked for something else.
	failing   = regexp.MustCompile(`\bwget\b|\bcurl\b.*\s(-[a-zA-Z]*f[a-zA-Z]*|--fail)\s`)
	otherwise = regexp.MustCompile(`\s(-H|-X|-d|-u|--header|--request|--data|--user|--post-data)\b`)
)

// url is what is asked of a published port.
func (s Service) url(p Published) string {
	host := p.Address
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	at := net.JoinHostPort(host, strconv.Itoa(p.First))
	test := strings.Join(s.HealthCheck.Test, " ")
	asked := httpURL.FindStringSubmatch(test)
	if asked == nil || !failing.MatchString(test) || otherwise.MatchString(test) {
		return "tcp://" + at
	}
	if port := asked[1]; port != strconv.Itoa(p.Target) && (port != "" || p.Target != 80) {
		return "tcp://" + at
	}
	if asked[2] == "" {
		asked[2] = "/"
	}
	return "http://" + at + asked[2]
}
