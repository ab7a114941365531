package datadir

import (
	"fmt"
	"path"
	"strings"
)

// verdict is why a server cannot go on with what is mounted into it, as a predicate of its image, and what to do. Its zero value means
// that it can.
type verdict struct {
	why, remedy     string
	newer, newPlace bool // as in Problem
}

// mount is a volume or a folder of the host in a service's container.
type mount struct {
	words  string // what it is, for the operator
	target string
	found  []Data
	apart  bool // no mount of the service holds the place where the server keeps its data
}

// judge says whether a server can go on with the data in a mount.
func judge(server Server, m mount) verdict {
	switch server.Product {
	case PostgreSQL:
		return judgePostgres(server, m)
	case MariaDB, MySQL:
		return judgeMySQL(server, m)
	}
	return judgeRedis(server, m)
}

// firstNewLayout is the version from which on the official image of PostgreSQL keeps its data in a folder with the version's name, and
// wants the volume to be mounted above it.
const firstNewLayout = 18

// official is where the official image of PostgreSQL has its data, whatever the version.
const official = "/var/lib/postgresql"

// judgePostgres tells data that the server would take, and cannot read, from data that it would begin without.
func judgePostgres(server Server, m mount) verdict {
	home, inside := within(m.target, server.Home)
	_, meant := within(official, m.target)
	meant = inside || m.apart && meant
	var other *Data
	for i, d := range m.found {
		switch {
		case server.Home != "" && (!inside || d.Folder != home):
			if other == nil {
				other = &m.found[i]
			}
		case d.Version.Major != server.Version.Major:
			return differs(server, m, d)
		default:
			return verdict{}
		}
	}
	switch {
	case !meant:
		return verdict{}
	case other == nil && m.apart:
		return verdict{
			why:    fmt.Sprintf("keeps its data in %s, and %s is mounted at %s: what it writes would be lost with the container", server.Home, m.words, m.target),
			remedy: "mount it at " + official,
		}
	case other == nil:
		return verdict{}
	case other.Version.Major != server.Version.Major:
		return differs(server, m, *other)
	}
	place := path.Join(m.target, other.Folder)
	return verdict{
		why:    fmt.Sprintf("keeps its data in %s, and %s has %s in %s: it would begin without it", server.Home, m.words, *other, place),
		remedy: "set PGDATA: " + place + " for the service",
	}
}

func differs(server Server, m mount, d Data) verdict {
	return verdict{
		why:    fmt.Sprintf("is %s, and %s has %s, which no other version reads", server, m.words, d),
		remedy: fmt.Sprintf("set the image back to %s %s", d.Product, d.Version), newer: server.Version.Major > d.Version.Major,
	}
}

// lastCommon is the last major version of MySQL whose data MariaDB takes over.
const lastCommon = 5

func judgeMySQL(server Server, m mount) verdict {
	for _, d := range m.found {
		switch {
		case d.Product != server.Product && (d.Product == MariaDB || d.Version.Major > lastCommon):
			return verdict{
				why:    fmt.Sprintf("is %s, and %s has %s, which it cannot read", server, m.words, d),
				remedy: fmt.Sprintf("set the image back to %s; to change over, dump there and load into an empty volume", d.Product),
			}
		case d.Product == server.Product && d.Version.compare(server.Version) > 0:
			return verdict{
				why:    fmt.Sprintf("is %s, and %s has %s, which no older version reads", server, m.words, d),
				remedy: fmt.Sprintf("set the image back to %s %s or newer", d.Product, d.Version),
			}
		}
	}
	return verdict{}
}

// format is the format of the dumps of a server from a version on.
type format struct {
	from   Version
	number int
}

var formats = map[Product][]format{
	Redis: {
		{Version{Major: 2}, 6}, {Version{Major: 3, Minor: 2}, 7}, {Version{Major: 4}, 8}, {Version{Major: 5}, 9}, {Version{Major: 7}, 10},
		{Version{Major: 7, Minor: 2}, 11}, {Version{Major: 7, Minor: 4}, 12}, {Version{Major: 8, Minor: 6}, 13}, {Version{Major: 8, Minor: 8}, 14},
		{Version{Major: 8, Minor: 10}, 15},
	},
	Valkey: {{Version{Major: 7, Minor: 2}, 11}, {Version{Major: 9}, 80}},
}

// lastShared is the last format that Redis and Valkey have in common.
const lastShared = 11

func judgeRedis(server Server, m mount) verdict {
	known := formats[server.Product]
	reads := 0
	for _, f := range known {
		if f.from.compare(server.Version) <= 0 {
			reads = f.number
		}
	}
	unheard := server.Version.compare(known[len(known)-1].from) > 0 // it may read more than is known here
	for _, d := range m.found {
		if d.Product != server.Product && d.Version.Major > lastShared || d.Version.Major > reads && !unheard {
			return verdict{
				why:    fmt.Sprintf("is %s, and %s has %s, which it cannot read", server, m.words, d),
				remedy: "set the image back to the version that wrote it, or to a newer one",
			}
		}
	}
	return verdict{}
}

// within is a path relative to a folder that holds it.
func within(folder, p string) (rel string, ok bool) {
	folder, p = path.Clean(folder), path.Clean(p)
	if folder == p {
		return ".", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}
