package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// runAsProgram makes the test's binary behave as the program, so that tests can have real processes of it.
const runAsProgram = "FRESHTRACK_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a process of a service.
type program struct {
	address string
	process *os.Process
	exited  chan error
}

// startProgram starts a service on a free port and returns when it listens.
func startProgram(t *testing.T, environment []string, arguments ...string) *program {
	t.Helper()
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(append(os.Environ(), runAsProgram+"=1", "LISTEN_ADDR=127.0.0.1:0"), environment...)
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{process: command.Process, exited: make(chan error, 1)}
	listening := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				listening <- line.Address
			}
		}
		p.exited <- command.Wait()
	}()
	t.Cleanup(func() { _ = command.Process.Kill() })
	select {
	case p.address = <-listening:
	case err := <-p.exited:
		t.Fatalf("%v ended before it listened: %v", arguments, err)
	case <-time.After(20 * time.Second):
		t.Fatalf("%v does not listen", arguments)
	}
	return p
}

// terminate sends SIGTERM and returns what became of the process.
func (p *program) terminate(t *testing.T) error {
	t.Helper()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the process ignores SIGTERM")
		return nil
	}
}

// freshSQLite returns the settings of a new, migrated database.
func freshSQLite(t *testing.T) Settings {
	t.Helper()
	s := Settings{DatabasePath: filepath.Join(t.TempDir(), "freshtrack.db")}
	var output bytes.Buffer
	if err := migrate(context.Background(), s, &output); err != nil {
		t.Fatal(err)
	}
	return s
}

// openStore opens the settings' database until the test ends.
func openStore(t *testing.T, s Settings) Store {
	t.Helper()
	store, err := OpenStore(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// within polls until the condition holds.
func within(t *testing.T, bound time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(bound); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, bound)
		}
	}
}
