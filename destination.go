package slipway

import "time"

// Destination is one place that a stack goes to.
type Destination struct {
	// Name is the word that selects it: local, production. If empty, it is local.
	Name string

	// Project is the Compose project here. If empty, Stack.Name and the compose files decide.
	Project string

	// Files are the compose files, in the order in which Compose gets them, relative to Stack.Dir. If empty, they are those that
	// Compose finds by itself: compose.yaml or docker-compose.yml with its override; where there is a compose.NAME.yaml for this
	// destination, that instead of the override. COMPOSE_FILE counts, too.
	Files []string

	// EnvFile is the env file, relative to Stack.Dir. If empty, it is .env beside the first compose file; where the destination has a
	// compose.NAME.yaml, it is .env.NAME, unless there is only an .env.
	EnvFile string

	// Profiles are the profiles that are on. If empty, COMPOSE_PROFILES says so.
	Profiles []string

	// Settings are what the env file and secrets/ must hold. If empty, they are the variables that the compose files require, as
	// ${X:?question}, and the files of their secrets; these are added to what is declared, too.
	Settings []Setting

	// Domain is the setting that holds the public name. If empty, no name is public: neither DNS nor a certificate is looked at.
	Domain string

	// Authority is the setting that is "internal" where the domain is private: no public DNS, no public certificate. If empty,
	// the domain is public.
	Authority string

	// Firewall is whether prerequisites sets up UFW and fail2ban. If empty, it leaves them alone.
	Firewall bool

	// Database is what a migration changes. If empty, it is the PostgreSQL of the compose files with its volume, the services that
	// depend on it, and the job that needs it.
	Database Database

	// Endpoints are what verify asks from outside. If empty, they are the ports that services with a healthcheck publish.
	Endpoints []Endpoint

	// Links are addresses for people, which the summary shows. If empty, it shows none.
	Links []Link

	// MonitorPeriod is how long a new container must stay up before it counts as well, where `deploy.update_config.monitor` of its
	// service does not say so. If empty, it is 5 s.
	MonitorPeriod time.Duration

	// Parallel is how many services are replaced at a time, of those that do not depend on each other. If empty, as many as the
	// machine has processors.
	Parallel int
}

// Database says what a migration depends on beside its image, and how the data is backed up before it.
//
// A postgres, a mariadb or a redis is dumped and restored in the container of Service. A sqlite is copied by one-off containers of the
// first of Writers, whose program answers `backup -`, `inspect -` and `restore -`: stack/app of Slipway's own repository shows how. A
// volume is any other data: all files of Volume, while its Writers are stopped, which are then all that write to it.
type Database struct {
	// Kind is how a backup is taken: postgres, mariadb (MySQL too), redis (Valkey too), sqlite or volume. If empty, it is postgres where the compose files have one, else none is taken.
	Kind string

	// Service runs the database; it is started and awaited before a migration. If empty, it is the one service whose image is a
	// PostgreSQL, or whose label slipway.database is postgres.
	Service string

	// Volume holds the data: the name that the compose files give it, or a folder of the host. If empty, it is the one where Service
	// keeps its data.
	Volume string

	// Job applies migrations: a job of the compose files, under jobs: or in the profile jobs. If empty, it is the one with the label
	// slipway.job: migrate, else the only one that depends on Service.
	Job string

	// Migrations is a glob of the migration files, relative to Stack.Dir. If empty, whatever Job's image is made of counts: what it
	// is built from, else its name.
	Migrations string

	// Writers are the services that write to it, stopped during a restore. If empty, they are those that depend on Service.
	Writers []string

	// Copy is a program and its arguments that copy each backup elsewhere; ${BACKUP} is its folder, ${ID} its id. If empty, backups
	// stay where they are made.
	Copy []string
}

// Endpoint is asked from outside by verify. In URL and Via, ${KEY} and ${KEY:-default} stand for settings.
type Endpoint struct {
	// Name is what the report calls it. If empty, it has no name.
	Name string

	// URL is http://, https:// or tcp://HOST:PORT.
	URL string

	// Ready is text that the body must hold. If empty, any body does, under a status 2xx.
	Ready string

	// Via is HOST:PORT to dial instead of the URL's host, so that the stack is asked and not its DNS. If empty, the host is dialled.
	Via string
}

// Link is an address for people. In URL, ${KEY} stands for a setting.
type Link struct{ Name, URL string }
