package slipway_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"slipway"
)

// project writes a Compose project into a folder called shop.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shop has a web service, a database and a migration, under the names that people give them.
const shop = `
services:
  web:
    build: .
    ports: ["127.0.0.1:${PORT:-8000}:80"]
    environment: {URL: "${PUBLIC_URL:?address of the shop}", LEVEL: "${LEVEL:-info}"}
    healthcheck: {test: "curl -fsS http://localhost/ready || exit 1"}
    depends_on: [db]
    secrets: [db_password]
  db:
    image: ${POSTGRES_IMAGE:-postgres:17-alpine}
    volumes: ["pg:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD, pg_isready]}
  schema: {build: ., profiles: [jobs], depends_on: [db]}
volumes: {pg: {}}
secrets: {db_password: {file: secrets/db_password}}
`

func TestDiscoverReadsAPlainStack(t *testing.T) {
	found, unsure, err := slipway.Discover(slipway.Stack{Dir: project(t, map[string]string{"compose.yaml": shop})})
	if err != nil || len(unsure) > 0 || len(found.Destinations) != 1 {
		t.Fatalf("%+v, %q, %v", found, unsure, err)
	}
	d := found.Destinations[0]
	if d.Name != "local" || !slices.Equal(d.Files, []string{"compose.yaml"}) || d.EnvFile != "" {
		t.Errorf("%s: %q, %q", d.Name, d.Files, d.EnvFile)
	}
	want := slipway.Database{Kind: "postgres", Service: "db", Volume: "pg", Job: "schema", Writers: []string{"web"}}
	if !reflect.DeepEqual(d.Database, want) {
		t.Errorf("database %+v", d.Database)
	}
	if want := []slipway.Endpoint{{Name: "web", URL: "http://127.0.0.1:8000/ready"}}; !slices.Equal(d.Endpoints, want) {
		t.Errorf("endpoints %+v", d.Endpoints)
	}
	var settings []string
	for _, s := range d.Settings {
		settings = append(settings, s.Key+"|"+s.Question+"|"+s.File)
	}
	if want := []string{"DB_PASSWORD|The secret db_password|secrets/db_password", "PUBLIC_URL|address of the shop|"}; !slices.Equal(settings, want) {
		t.Errorf("settings %q", settings)
	}
}

func TestDiscoverFindsTheFilesOfEachDestination(t *testing.T) {
	const web = "services: {web: {image: shop}}\n"
	for name, c := range map[string]struct {
		files map[string]string
		stack slipway.Stack
		want  []string // of each destination: its name, its files, its env file
	}{
		"one file":        {map[string]string{"docker-compose.yml": web}, slipway.Stack{}, []string{"local docker-compose.yml "}},
		"with override":   {map[string]string{"compose.yml": web, "compose.override.yml": web}, slipway.Stack{}, []string{"local compose.yml compose.override.yml "}},
		"two names":       {map[string]string{"compose.yaml": web, "docker-compose.yml": web}, slipway.Stack{}, []string{"local compose.yaml "}},
		"a production":    {map[string]string{"compose.yaml": web, "compose.override.yaml": web, "compose.production.yaml": web}, slipway.Stack{}, []string{"local compose.yaml compose.override.yaml ", "production compose.yaml compose.production.yaml .env.production"}},
		"only an .env":    {map[string]string{"compose.yaml": web, "docker-compose.prod.yml": web, ".env": ""}, slipway.Stack{}, []string{"local compose.yaml ", "prod compose.yaml docker-compose.prod.yml "}},
		"both env files":  {map[string]string{"compose.yaml": web, "compose.prod.yaml": web, ".env": "", ".env.prod": ""}, slipway.Stack{}, []string{"local compose.yaml ", "prod compose.yaml compose.prod.yaml .env.prod"}},
		"COMPOSE_FILE":    {map[string]string{"a.yaml": web, "b.yaml": web, ".env": "COMPOSE_FILE=a.yaml:b.yaml\n"}, slipway.Stack{}, []string{"local a.yaml b.yaml "}},
		"declared files":  {map[string]string{"a.yaml": web, "compose.yaml": web}, slipway.Stack{Destinations: []slipway.Destination{{Name: "x", Files: []string{"a.yaml"}}}}, []string{"x a.yaml "}},
		"declared places": {map[string]string{"compose.yaml": web, "compose.b.yaml": web, "compose.c.yaml": web}, slipway.Stack{Destinations: []slipway.Destination{{Name: "b"}}}, []string{"b compose.yaml compose.b.yaml .env.b"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.stack.Dir = project(t, c.files)
			found, _, err := slipway.Discover(c.stack)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range found.Destinations {
				got = append(got, d.Name+" "+strings.Join(d.Files, " ")+" "+d.EnvFile)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestDiscoverTellsTheDatabaseAndItsMigrationOrSaysWhatWouldSettleIt(t *testing.T) {
	const volumes = "\nvolumes: {pg: {}, more: {}}\n"
	for name, c := range map[string]struct {
		services string
		want     slipway.Database
		unsure   string
	}{
		"none":            {`web: {image: shop}`, slipway.Database{}, ""},
		"mysql":           {`db: {image: "mysql:9", volumes: ["pg:/var/lib/mysql"]}`, slipway.Database{}, ""},
		"in a registry":   {`db: {image: "docker.io/library/postgres:17@sha256:` + strings.Repeat("0", 64) + `", volumes: ["pg:/var/lib/postgresql/data"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
		"with extensions": {`db: {image: "postgis/postgis:16-3.4", volumes: ["pg:/var/lib/postgresql/data"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
		"from 18 on":      {`db: {image: "postgres:18", volumes: ["pg:/var/lib/postgresql"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
		"PGDATA":          {`db: {image: postgres, environment: {PGDATA: /srv/pg}, volumes: ["more:/var/lib/postgresql/data", "pg:/srv"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
		"bind":            {`db: {image: postgres, volumes: ["/srv/pg:/var/lib/postgresql/data"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "/srv/pg"}, ""},
		"label":           {`db: {image: own, labels: {slipway.database: postgres}, volumes: ["pg:/var/lib/postgresql/data"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
		"read only":       {`db: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}, b: {image: "postgres", labels: {slipway.database: "no"}, volumes: ["pg:/var/lib/postgresql/data:ro"]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
		"no volume":       {`db: {image: postgres}`, slipway.Database{Service: "db"}, "where db keeps its data"},
		"two":             {`a: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}, b: {image: postgres, volumes: ["more:/var/lib/postgresql/data"]}`, slipway.Database{}, "which of a, b is the database"},
		"off":             {`a: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}, b: {image: postgres, profiles: [old]}`, slipway.Database{Kind: "postgres", Service: "a", Volume: "pg"}, ""},
		"label on a job":  {`web: {image: shop}, m: {image: shop, profiles: [jobs], labels: {slipway.job: migrate}}`, slipway.Database{Job: "m"}, ""},
		"two jobs":        {`db: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}, m: {image: x, profiles: [jobs], depends_on: [db]}, n: {image: x, profiles: [jobs], depends_on: [db]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, "which of the jobs m, n applies migrations"},
		"one does not":    {`db: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}, m: {image: x, profiles: [jobs], depends_on: [db]}, n: {image: x, profiles: [jobs], depends_on: [db], labels: {slipway.job: seed}}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg", Job: "m"}, ""},
		"another's job":   {`db: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}, tidy: {image: x, profiles: [jobs]}`, slipway.Database{Kind: "postgres", Service: "db", Volume: "pg"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, unsure, err := slipway.Discover(slipway.Stack{Dir: project(t, map[string]string{"compose.yaml": "services: {" + c.services + "}" + volumes})})
			if err != nil {
				t.Fatal(err)
			}
			if got := found.Destinations[0].Database; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if said := strings.Join(unsure, "; "); c.unsure == "" && said != "" || !strings.HasPrefix(said, c.unsure) {
				t.Errorf("unsure: %q, want %q", said, c.unsure)
			}
		})
	}
}

// What nobody finds has to be declared; who migrates it and who writes to it is found all the same.
func TestDiscoverFindsJobAndWritersOfADatabaseThatIsDeclared(t *testing.T) {
	const text = `
services:
  db: {image: mariadb, volumes: ["data:/var/lib/mysql"]}
  web: {image: shop, depends_on: [db]}
  schema: {image: shop, profiles: [jobs], depends_on: [db]}
volumes: {data: {}}
x-slipway: {database: {kind: mariadb, service: db, volume: data}}
`
	found, unsure, err := slipway.Discover(slipway.Stack{Dir: project(t, map[string]string{"compose.yaml": text})})
	if err != nil || len(unsure) > 0 {
		t.Fatalf("%q, %v", unsure, err)
	}
	want := slipway.Database{Kind: "mariadb", Service: "db", Volume: "data", Job: "schema", Writers: []string{"web"}}
	if got := found.Destinations[0].Database; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestDiscoverTakesTopLevelJobsButNotThoseOfASchedule(t *testing.T) {
	const text = `
services: {db: {image: postgres, volumes: ["pg:/var/lib/postgresql/data"]}}
jobs:
  migrate: {image: x, depends_on: [db], triggers: {manual: true}}
  report: {image: x, depends_on: [db], triggers: {schedule: ["0 3 * * *"]}}
volumes: {pg: {}}
`
	found, unsure, err := slipway.Discover(slipway.Stack{Dir: project(t, map[string]string{"compose.yaml": text})})
	if err != nil || len(unsure) > 0 || found.Destinations[0].Database.Job != "migrate" {
		t.Errorf("%+v, %q, %v", found.Destinations, unsure, err)
	}
}

func TestDiscoverAsksWhatTheHealthcheckAsks(t *testing.T) {
	const checked = ", healthcheck: {test: "
	for service, want := range map[string]string{
		`ports: ["8080:80"]`: "",
		`ports: ["8080:80"]` + checked + `[CMD, program, check]}`:                                             "tcp://127.0.0.1:8080",
		`ports: ["8080:80"]` + checked + `[CMD, curl, -f, "http://localhost"]}`:                               "http://127.0.0.1:8080/",
		`ports: ["8080:80"]` + checked + `[CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:80/live?deep=1"]}`: "http://127.0.0.1:8080/live?deep=1",
		`ports: ["8080:80"]` + checked + `"curl --fail http://localhost/up || exit 1"}`:                       "http://127.0.0.1:8080/up",
		`ports: ["8080:80"]` + checked + `"curl http://localhost/up"}`:                                        "tcp://127.0.0.1:8080", // 500 would do
		`ports: ["8080:80"]` + checked + `"curl -f -H 'Host: x' http://localhost/up"}`:                        "tcp://127.0.0.1:8080",
		`ports: ["8080:80"]` + checked + `"curl -f http://localhost:9180/up"}`:                                "tcp://127.0.0.1:8080",
		`ports: ["8080:80"]` + checked + `"curl -kf https://localhost/up"}`:                                   "tcp://127.0.0.1:8080",
		`ports: ["8080:80"]` + checked + `[NONE]}`:                                                            "",
		`ports: ["10.0.0.1:8080:80"]` + checked + `"curl -f http://localhost/"}`:                              "http://10.0.0.1:8080/",
		`ports: ["[::1]:8080:80"]` + checked + `"curl -f http://localhost/"}`:                                 "http://[::1]:8080/",
		`ports: ["80"]` + checked + `"curl -f http://localhost/"}`:                                            "", // the engine chooses
		`ports: ["8080-8090:80"]` + checked + `"curl -f http://localhost/"}`:                                  "",
		`ports: ["53:53/udp"]` + checked + `"curl -f http://localhost/"}`:                                     "",
		`profiles: [off], ports: ["8080:80"]` + checked + `"curl -f http://localhost/"}`:                      "",
		`scale: 0, ports: ["8080:80"]` + checked + `"curl -f http://localhost/"}`:                             "",
		`ports: ["8080:80", "9090:90"]` + checked + `"curl -f http://localhost:90/m"}`:                        "tcp://127.0.0.1:8080 http://127.0.0.1:9090/m",
	} {
		t.Run(service, func(t *testing.T) {
			found, _, err := slipway.Discover(slipway.Stack{Dir: project(t, map[string]string{"compose.yaml": "services: {web: {image: shop, " + service + "}}"})})
			if err != nil {
				t.Fatal(err)
			}
			var urls []string
			for _, e := range found.Destinations[0].Endpoints {
				urls = append(urls, e.URL)
			}
			if got := strings.Join(urls, " "); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// said is what the compose files cannot tell, in one of them.
const said = `
x-slipway:
  domain: DOMAIN
  firewall: true
  settings:
    - {key: DOMAIN, question: Domain of the shop, validate: fqdn}
    - {key: db_password, generate: 32, file: secrets/db_password}
  database: {migrations: "migrations/*.sql", writers: [web, worker]}
  endpoints: [{name: shop, url: "https://${PUBLIC_URL:-x.eu}/$$x", ready: ok}]
  links: [{name: shop, url: "https://x.eu/"}]
services: {worker: {image: worker}}
`

func TestWhatStandsInTheComposeFileGoesBeforeWhatIsFoundAndBehindWhatIsDeclared(t *testing.T) {
	dir := project(t, map[string]string{"compose.yaml": shop, "compose.override.yaml": said})
	found, _, err := slipway.Discover(slipway.Stack{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	d := found.Destinations[0]
	want := slipway.Database{Kind: "postgres", Service: "db", Volume: "pg", Job: "schema", Migrations: "migrations/*.sql", Writers: []string{"web", "worker"}}
	if d.Domain != "DOMAIN" || !d.Firewall || !reflect.DeepEqual(d.Database, want) || len(d.Links) != 1 {
		t.Errorf("%+v", d)
	}
	if len(d.Endpoints) != 1 || d.Endpoints[0].URL != "https://unset.invalid/$$x" {
		t.Errorf("endpoints %+v", d.Endpoints)
	}
	if s := d.Settings[0]; s.Validate == nil || s.Validate("http://x") == nil || s.Validate("x.eu") != nil {
		t.Errorf("%+v is not held to a domain", s)
	}
	if len(d.Settings) != 3 || d.Settings[1].Generate != 32 {
		t.Errorf("settings %+v", d.Settings)
	}

	declared := slipway.Destination{Domain: "HOST", Database: slipway.Database{Job: "worker"}, Settings: []slipway.Setting{{Key: "DOMAIN"}}, Endpoints: []slipway.Endpoint{}}
	found, _, err = slipway.Discover(slipway.Stack{Dir: dir, Destinations: []slipway.Destination{declared}})
	if err != nil {
		t.Fatal(err)
	}
	d = found.Destinations[0]
	if d.Domain != "HOST" || d.Database.Job != "worker" || d.Database.Service != "db" || d.Settings[0].Question != "" || len(d.Endpoints) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestAMistakeInTheComposeFileIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"x-slipway: {domian: X}":                           `x-slipway: unknown field "domian"; there are settings, domain,`,
		"x-slipway: {settings: [{key: A, validate: tel}]}": `validate: "tel" is none of port, fqdn, email, url, nonblank`,
		"x-slipway: {endpoints: {}}":                       "x-slipway: cannot unmarshal",
	} {
		_, _, err := slipway.Discover(slipway.Stack{Dir: project(t, map[string]string{"compose.yaml": "services: {web: {image: x}}\n" + text})})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := slipway.Discover(slipway.Stack{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "there is no compose file in") {
		t.Error(err)
	}
}

func TestWithoutTargetsNothingCanBeSelectedOrRun(t *testing.T) {
	if err := slipway.To("production"); err == nil || !strings.Contains(err.Error(), "mage:import") {
		t.Error(err)
	}
}
