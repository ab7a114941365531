// Package datadir tells which server's data lies in a volume or a folder, and whether the server of an image can go on with it. It
// starts no server and changes nothing.
package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Product is a kind of server, as people call it.
type Product string

// The products whose data is known.
const (
	PostgreSQL Product = "PostgreSQL"
	MariaDB    Product = "MariaDB"
	MySQL      Product = "MySQL"
	Redis      Product = "Redis"
	Valkey     Product = "Valkey"
)

// Data is what one folder of a volume holds.
type Data struct {
	Product Product // Redis stands for Valkey, too, while both write the same format
	Version Version // of a Redis, that of the format of its dump
	Folder  string  // in the volume, "." for its top
}

func (d Data) String() string {
	if d.Product == Redis || d.Product == Valkey {
		return fmt.Sprintf("a %s dump of format %s", d.Product, d.Version)
	}
	return fmt.Sprintf("data of %s %s", d.Product, d.Version)
}

// read returns the beginning of a file of a volume, fs.ErrNotExist where it is not there.
type read func(ctx context.Context, name string) ([]byte, error)

// newestMajor bounds the search for folders that the official image of PostgreSQL names after a major version.
const newestMajor = 30

// postgresIn finds data of PostgreSQL: in home, where the server would look, if that is in the mount, at the places of older layouts,
// and in the folders of the layout that the official image has had since version 18.
func postgresIn(ctx context.Context, file read, home string) ([]Data, error) {
	folders := []string{home, ".", "data", "pgdata"}
	for major := firstNewLayout; major <= newestMajor; major++ {
		folders = append(folders, fmt.Sprintf("%d/docker", major))
	}
	var found []Data
	for i, folder := range folders {
		if folder == "" || slices.Contains(folders[:i], folder) {
			continue
		}
		text, err := file(ctx, path.Join(folder, "PG_VERSION"))
		if version, ok := versionIn(string(text)); err == nil && ok {
			found = append(found, Data{PostgreSQL, version, folder})
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return found, nil
}

// written is a version in the history of a MySQL from 8.3 on, whose last entry is the newest.
var written = regexp.MustCompile(`"version": *"([0-9.]+)"`)

// mysqlIn finds data of MariaDB and MySQL, which note the version that last upgraded their system tables.
func mysqlIn(ctx context.Context, file read) ([]Data, error) {
	for _, folder := range []string{".", "data"} {
		for _, name := range []string{"mariadb_upgrade_info", "mysql_upgrade_history", "mysql_upgrade_info"} {
			text, err := file(ctx, path.Join(folder, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			said := string(text)
			if entries := written.FindAllStringSubmatch(said, -1); len(entries) > 0 {
				said = entries[len(entries)-1][1]
			}
			product := MySQL
			if strings.Contains(said, "MariaDB") {
				product = MariaDB
			}
			if version, ok := versionIn(said); ok {
				return []Data{{product, version, folder}}, nil
			}
		}
	}
	return nil, nil
}

var (
	baseFile = regexp.MustCompile(`(?m)^file "?([^ "]+)"? seq [0-9]+ type b`) // in a manifest of Redis from 7 on
	header   = regexp.MustCompile(`^(REDIS|VALKEY)([0-9]{3,4})`)
)

// redisIn finds what Redis or Valkey would load when it starts: its append-only file, where that begins with a dump, or its dump.
func redisIn(ctx context.Context, file read) ([]Data, error) {
	names := []string{"appendonly.aof", "dump.rdb"}
	manifest, err := file(ctx, "appendonlydir/appendonly.aof.manifest")
	if base := baseFile.FindSubmatch(manifest); err == nil && base != nil {
		names = append([]string{path.Join("appendonlydir", path.Base(string(base[1])))}, names...)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []Data
	for _, name := range names {
		text, err := file(ctx, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if parts := header.FindSubmatch(text); parts != nil {
			data := Data{Product: Redis, Folder: path.Dir(name)}
			if string(parts[1]) == "VALKEY" {
				data.Product = Valkey
			}
			data.Version, _ = versionIn(string(parts[2]))
			found = append(found, data)
		}
	}
	return found, nil
}
