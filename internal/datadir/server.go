package datadir

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a version as far as it decides who can read whose data.
type Version struct {
	Major, Minor int
	whole        bool // nothing is known, or of interest, but the major
}

func (v Version) String() string {
	if v.whole {
		return strconv.Itoa(v.Major)
	}
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}

func (v Version) compare(other Version) int {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor))
}

var number = regexp.MustCompile(`([0-9]+)(?:\.([0-9]+))?`)

// versionIn is the first version in a text. From PostgreSQL 10 on it is the major alone: 17.5 reads what 17.0 wrote.
func versionIn(text string) (Version, bool) {
	parts := number.FindStringSubmatch(text)
	if parts == nil {
		return Version{}, false
	}
	version := Version{whole: parts[2] == ""}
	version.Major, _ = strconv.Atoi(parts[1])
	version.Minor, _ = strconv.Atoi(parts[2])
	return version, true
}

// Server is what an image starts.
type Server struct {
	Product Product
	Version Version
	Home    string // where it keeps its data, as far as it is known
}

func (s Server) String() string { return fmt.Sprintf("%s %s", s.Product, s.Version) }

// named are the variables by which the official images say their version.
var named = []struct {
	variable string
	product  Product
}{
	{"PG_MAJOR", PostgreSQL}, {"MARIADB_VERSION", MariaDB}, {"MYSQL_VERSION", MySQL}, {"VALKEY_VERSION", Valkey}, {"REDIS_VERSION", Redis},
}

// bitnami are the servers as Bitnami's images name them in BITNAMI_APP_NAME.
var bitnami = map[string]Product{"postgresql": PostgreSQL, "mariadb": MariaDB, "mysql": MySQL, "redis": Redis, "valkey": Valkey}

// serverOf is the server of an image as its environment says it, which is what a container of it gets; not ok where it says none.
func serverOf(env map[string]string) (Server, bool) {
	for _, n := range named {
		_, said, epoch := strings.Cut(env[n.variable], ":") // Debian's versions may begin with one
		if !epoch {
			said = env[n.variable]
		}
		if version, ok := versionIn(said); ok {
			return newServer(n.product, version, env), true
		}
	}
	product, known := bitnami[env["BITNAMI_APP_NAME"]]
	version, ok := versionIn(env["APP_VERSION"])
	return newServer(product, version, env), known && ok
}

func newServer(product Product, version Version, env map[string]string) Server {
	server := Server{Product: product, Version: version}
	if product == PostgreSQL {
		server.Home = env["PGDATA"]
		if version.Major >= 10 {
			server.Version = Version{Major: version.Major, whole: true}
		}
	}
	return server
}

// programs are those that say of themselves, asked with --version, which server they are, by the product of the data.
var programs = map[Product][]string{
	PostgreSQL: {"postgres"}, MariaDB: {"mariadbd", "mysqld"}, MySQL: {"mysqld", "mariadbd"}, Redis: {"redis-server", "valkey-server"}, Valkey: {"valkey-server", "redis-server"},
}

// sayings are how they begin to say it.
var sayings = []struct {
	text    *regexp.Regexp
	product Product
}{
	{regexp.MustCompile(`\(PostgreSQL\) ([0-9.]+)`), PostgreSQL},
	{regexp.MustCompile(`Ver ([0-9.]+)-MariaDB`), MariaDB},
	{regexp.MustCompile(`Ver ([0-9.]+)`), MySQL},
	{regexp.MustCompile(`Valkey server v=([0-9.]+)`), Valkey},
	{regexp.MustCompile(`Redis server v=([0-9.]+)`), Redis},
}

// serverSaid is the server of an image as its program says it.
func serverSaid(text string, env map[string]string) (Server, bool) {
	for _, saying := range sayings {
		if parts := saying.text.FindStringSubmatch(text); parts != nil {
			version, ok := versionIn(parts[1])
			return newServer(saying.product, version, env), ok
		}
	}
	return Server{}, false
}
