package datadir

import (
	"context"
	"io/fs"
	"strings"
	"testing"
)

// folderOf reads files that are not there but in a map.
func folderOf(files map[string]string) read {
	return func(_ context.Context, name string) ([]byte, error) {
		text, has := files[name]
		if !has {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	}
}

func TestCaseH4AServerThatCannotGoOnWithItsDataIsToldFromOneThatCan(t *testing.T) {
	pg := func(major string) map[string]string {
		return map[string]string{"PG_MAJOR": major, "PGDATA": "/var/lib/postgresql/data"}
	}
	pg18 := map[string]string{"PG_MAJOR": "18", "PGDATA": "/var/lib/postgresql/18/docker"}
	maria := func(version string) map[string]string { return map[string]string{"MARIADB_VERSION": version} }
	redis := func(version string) map[string]string { return map[string]string{"REDIS_VERSION": version} }
	const old, whole = "/var/lib/postgresql/data", "/var/lib/postgresql"
	for name, c := range map[string]struct {
		env    map[string]string
		target string
		files  map[string]string
		apart  bool
		want   string // of the verdict; empty where the server can go on
		remedy string
	}{
		"the same major":               {pg("15"), old, map[string]string{"PG_VERSION": "15\n"}, false, "", ""},
		"the same of the time before":  {pg("9.6"), old, map[string]string{"PG_VERSION": "9.6\n"}, false, "", ""},
		"an empty volume":              {pg("17"), old, nil, false, "", ""},
		"a newer major":                {pg("17"), old, map[string]string{"PG_VERSION": "15\n"}, false, "is PostgreSQL 17, and volume v has data of PostgreSQL 15, which no other version reads", "set the image back to PostgreSQL 15"},
		"an older major":               {pg("15"), old, map[string]string{"PG_VERSION": "17\n"}, false, "is PostgreSQL 15, and volume v has data of PostgreSQL 17", "PostgreSQL 17"},
		"in the folder that is named":  {map[string]string{"PG_MAJOR": "17", "PGDATA": old + "/pgdata"}, old, map[string]string{"pgdata/PG_VERSION": "16\n"}, false, "PostgreSQL 16", "PostgreSQL 16"},
		"beside the folder named":      {map[string]string{"PG_MAJOR": "17", "PGDATA": old + "/pgdata"}, old, map[string]string{"PG_VERSION": "17\n"}, false, "keeps its data in /var/lib/postgresql/data/pgdata, and volume v has data of PostgreSQL 17 in /var/lib/postgresql/data: it would begin without it", "set PGDATA: /var/lib/postgresql/data for"},
		"another one beside its own":   {pg18, whole, map[string]string{"18/docker/PG_VERSION": "18\n", "data/PG_VERSION": "17\n"}, false, "", ""},
		"18 where 17 had it":           {pg18, old, map[string]string{"PG_VERSION": "17\n"}, true, "is PostgreSQL 18, and volume v has data of PostgreSQL 17", "PostgreSQL 17"},
		"18 over data of its own":      {pg18, old, map[string]string{"PG_VERSION": "18\n"}, true, "keeps its data in /var/lib/postgresql/18/docker, and volume v has data of PostgreSQL 18 in /var/lib/postgresql/data: it would begin without it", "set PGDATA: /var/lib/postgresql/data for"},
		"18 with an empty old mount":   {pg18, old, nil, true, "volume v is mounted at /var/lib/postgresql/data: what it writes would be lost", "mount it at /var/lib/postgresql"},
		"18 with an empty new mount":   {pg18, whole, nil, false, "", ""},
		"18 above the data of 17":      {pg18, whole, map[string]string{"data/PG_VERSION": "17\n"}, false, "PostgreSQL 17", "PostgreSQL 17"},
		"19 after 18":                  {map[string]string{"PG_MAJOR": "19", "PGDATA": "/var/lib/postgresql/19/docker"}, whole, map[string]string{"18/docker/PG_VERSION": "18\n"}, false, "PostgreSQL 18", "PostgreSQL 18"},
		"17 after 18":                  {pg("17"), whole, map[string]string{"18/docker/PG_VERSION": "18\n"}, false, "PostgreSQL 18", "PostgreSQL 18"},
		"18, with PGDATA as of old":    {map[string]string{"PG_MAJOR": "18", "PGDATA": old}, old, map[string]string{"PG_VERSION": "18\n"}, false, "", ""},
		"a helper that mounts it":      {pg("17"), "/backup", map[string]string{"PG_VERSION": "15\n"}, true, "", ""},
		"old data beside the own":      {pg("17"), "/old", map[string]string{"PG_VERSION": "15\n"}, false, "", ""},
		"an image that has no PGDATA":  {map[string]string{"BITNAMI_APP_NAME": "postgresql", "APP_VERSION": "17.2.0"}, "/bitnami/postgresql", map[string]string{"data/PG_VERSION": "16\n"}, false, "is PostgreSQL 17", "PostgreSQL 16"},
		"MariaDB, newer":               {maria("1:11.8.3+maria~ubu2404"), "/var/lib/mysql", map[string]string{"mariadb_upgrade_info": "10.11.6-MariaDB"}, false, "", ""},
		"MariaDB, older":               {maria("1:10.11.6+maria~ubu2204"), "/var/lib/mysql", map[string]string{"mariadb_upgrade_info": "11.8.3-MariaDB"}, false, "is MariaDB 10.11, and volume v has data of MariaDB 11.8, which no older version reads", "MariaDB 11.8 or newer"},
		"MariaDB, an older patch":      {maria("1:10.11.4"), "/var/lib/mysql", map[string]string{"mysql_upgrade_info": "10.11.6-MariaDB"}, false, "", ""},
		"MariaDB over MySQL 8":         {maria("1:11.4.2"), "/var/lib/mysql", map[string]string{"mysql_upgrade_info": "8.0.36"}, false, "is MariaDB 11.4, and volume v has data of MySQL 8.0", "MySQL"},
		"MariaDB over MySQL 5.7":       {maria("1:10.6.2"), "/var/lib/mysql", map[string]string{"mysql_upgrade_info": "5.7.44"}, false, "", ""},
		"MySQL over MariaDB":           {map[string]string{"MYSQL_VERSION": "8.4.2-1.el9"}, "/var/lib/mysql", map[string]string{"mysql_upgrade_info": "10.6.18-MariaDB"}, false, "has data of MariaDB 10.6", "MariaDB"},
		"MySQL, older, by its history": {map[string]string{"MYSQL_VERSION": "8.0.36-1.el8"}, "/var/lib/mysql", map[string]string{"mysql_upgrade_history": `{"upgrade_history":[{"version":"8.0.36"},{"version":"8.4.2"}]}`}, false, "has data of MySQL 8.4", "MySQL 8.4"},
		"Redis, newer":                 {redis("7.4.1"), "/data", map[string]string{"dump.rdb": "REDIS0011\xfa"}, false, "", ""},
		"Redis, older":                 {redis("7.0.15"), "/data", map[string]string{"dump.rdb": "REDIS0012\xfa"}, false, "is Redis 7.0, and volume v has a Redis dump of format 12, which it cannot read", "newer"},
		"Redis, older, append-only":    {redis("7.0.15"), "/data", map[string]string{"appendonlydir/appendonly.aof.manifest": "file appendonly.aof.3.base.rdb seq 3 type b\nfile appendonly.aof.3.incr.aof seq 3 type i\n", "appendonlydir/appendonly.aof.3.base.rdb": "REDIS0011"}, false, "format 11", "newer"},
		"Redis, older, of Redis 6":     {redis("4.0.14"), "/data", map[string]string{"appendonly.aof": "REDIS0009"}, false, "format 9", "newer"},
		"Redis, its commands alone":    {redis("4.0.14"), "/data", map[string]string{"appendonly.aof": "*2\r\n$6\r\nSELECT"}, false, "", ""},
		"a Redis of the future":        {redis("9.2.0"), "/data", map[string]string{"dump.rdb": "REDIS0021"}, false, "", ""},
		"Valkey over an old Redis":     {map[string]string{"VALKEY_VERSION": "8.1.1"}, "/data", map[string]string{"dump.rdb": "REDIS0011"}, false, "", ""},
		"Valkey over a new Redis":      {map[string]string{"VALKEY_VERSION": "9.0.0"}, "/data", map[string]string{"dump.rdb": "REDIS0012"}, false, "is Valkey 9.0", "wrote it"},
		"Redis over a new Valkey":      {redis("8.2.1"), "/data", map[string]string{"dump.rdb": "VALKEY080"}, false, "has a Valkey dump of format 80", "wrote it"},
	} {
		server, known := serverOf(c.env)
		if !known {
			t.Fatalf("%s: no server", name)
		}
		found, err := World{}.find(t.Context(), folderOf(c.files), server, c.target)
		if err != nil {
			t.Fatal(err)
		}
		got := judge(server, mount{words: "volume v", target: c.target, found: found, apart: c.apart})
		if c.want == "" && got.why != "" || !strings.Contains(got.why, c.want) || !strings.Contains(got.remedy, c.remedy) {
			t.Errorf("%s: %q (%s), want %q (%s)", name, got.why, got.remedy, c.want, c.remedy)
		}
	}
}

func TestAServerIsKnownByWhatItsProgramSays(t *testing.T) {
	for said, want := range map[string]string{
		"postgres (PostgreSQL) 17.12 (Debian 17.12-0+deb13u1)":                              "PostgreSQL 17",
		"postgres (PostgreSQL) 9.6.24":                                                      "PostgreSQL 9.6",
		"mariadbd  Ver 11.8.9-MariaDB-0+deb13u1 from Debian for debian-linux-gnu on x86_64": "MariaDB 11.8",
		"/usr/sbin/mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)":   "MySQL 8.0",
		"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=7d9c5c9a": "Redis 7.0",
		"Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d5fd3a6":  "Valkey 8.1",
		"redis-cli 7.0.15": "",
		"":                 "",
	} {
		server, ok := serverSaid(said, nil)
		if ok != (want != "") || ok && server.String() != want {
			t.Errorf("%q: %v, %v, want %q", said, server, ok, want)
		}
	}
}

func TestAnImageThatSaysNothingOfItselfIsNoServer(t *testing.T) {
	for _, env := range []map[string]string{nil, {"PATH": "/bin"}, {"PG_MAJOR": ""}, {"BITNAMI_APP_NAME": "nginx", "APP_VERSION": "1.27"}} {
		if server, ok := serverOf(env); ok {
			t.Errorf("%v: %v", env, server)
		}
	}
}
