//go:build services

// These tests run against real PostgreSQL and Redis servers from the distribution's packages postgresql and redis-server:
//
//	go test -tags services ./...
package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
)

const testSecret = "sw0rdf1sh-test"

// cluster is a PostgreSQL server of one test.
type cluster struct {
	t         *testing.T
	directory string
	port      int
	databases int
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// command runs a PostgreSQL program as the user postgres when the test runs as root, whom the server refuses.
func (c *cluster) command(name string, arguments ...string) *exec.Cmd {
	c.t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		c.t.Fatalf("%s is missing: apt-get install postgresql", name)
	}
	command := exec.Command(found[len(found)-1], arguments...)
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			c.t.Fatal(err)
		}
		uid, uidErr := strconv.ParseUint(owner.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(owner.Gid, 10, 32)
		if uidErr != nil || gidErr != nil {
			c.t.Fatalf("ids of postgres: %s, %s", owner.Uid, owner.Gid)
		}
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.directory, int(uid), int(gid)); err != nil {
			c.t.Fatal(err)
		}
	}
	return command
}

// newCluster makes a server's directory; start starts it.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	directory, err := os.MkdirTemp("", "freshtrack-postgres-") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	c := &cluster{t: t, directory: directory, port: freePort(t)}
	passwordFile := filepath.Join(directory, "password")
	if err := os.WriteFile(passwordFile, []byte(testSecret+"\n"), 0o644); err != nil { // initdb reads it as another user
		t.Fatal(err)
	}
	initdb := c.command("initdb", "--pgdata", filepath.Join(directory, "data"), "--username", "freshtrack",
		"--auth", "scram-sha-256", "--pwfile", passwordFile, "--encoding", "UTF8", "--no-sync")
	if output, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	return c
}

func (c *cluster) start() {
	c.t.Helper()
	server := c.command("postgres", "-D", filepath.Join(c.directory, "data"), "-k", c.directory, "-h", "127.0.0.1",
		"-p", strconv.Itoa(c.port), "-c", "fsync=off")
	if err := server.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
	})
}

// environment names a database by the variables that production uses.
func (c *cluster) environment(database, secret string) map[string]string {
	return map[string]string{
		"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": strconv.Itoa(c.port), "DATABASE_USER": "freshtrack",
		"DATABASE_NAME": database, "DATABASE_PASSWORD_FILE": secretFile(c.t, secret),
	}
}

func (c *cluster) settings(database, secret string) Settings {
	c.t.Helper()
	s, err := settingsOf(c.t, c.environment(database, secret))
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// newDatabase creates an empty database.
func (c *cluster) newDatabase() string {
	c.t.Helper()
	address := url.URL{Scheme: "postgres", User: url.UserPassword("freshtrack", testSecret), Host: fmt.Sprintf("127.0.0.1:%d", c.port), Path: "/postgres"}
	var connection *pgx.Conn
	within(c.t, 30*time.Second, "PostgreSQL", func() (ok bool) {
		var err error
		connection, err = pgx.Connect(context.Background(), address.String())
		return err == nil
	})
	defer func() { _ = connection.Close(context.Background()) }()
	c.databases++
	name := fmt.Sprintf("test%d", c.databases)
	if _, err := connection.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// redisServer is a Redis server that asks for the test's secret.
type redisServer struct {
	address string
	process *os.Process
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is missing: apt-get install redis-server")
	}
	port := freePort(t)
	server := exec.Command(path, "-")
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	server.Dir = t.TempDir()
	server.Stdin = bytes.NewBufferString(fmt.Sprintf("bind 127.0.0.1\nport %d\nrequirepass %s\nsave \"\"\n", port, testSecret))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	r := &redisServer{address: fmt.Sprintf("127.0.0.1:%d", port), process: server.Process}
	within(t, 20*time.Second, "Redis", func() bool {
		client := asynq.NewClient(asynq.RedisClientOpt{Addr: r.address, Password: testSecret})
		defer func() { _ = client.Close() }()
		return client.Ping() == nil
	})
	return r
}
