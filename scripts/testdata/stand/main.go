// Command stand is what the containers of the tests run: a service that answers
// every request, its healthcheck, a job that adds a line to its database after a
// pause that SIGUSR1 ends, and the backup of that.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const database = "/data/database"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch args[0] {
	case "serve":
		return serve(args[1:])
	case "check":
		answer, err := http.Get("http://127.0.0.1/health")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	case "job":
		pause, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		code, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		enough := make(chan os.Signal, 1)
		signal.Notify(enough, syscall.SIGUSR1)
		fmt.Println("begins")
		select {
		case <-enough:
		case <-time.After(pause):
		}
		if err := add("migrated\n"); err != nil {
			return err
		}
		fmt.Println("ends")
		os.Exit(code)
	case "backup":
		return backup()
	case "inspect":
		copied, err := io.ReadAll(os.Stdin)
		if err == nil && len(copied) == 0 {
			err = errors.New("the backup is empty")
		}
		return err
	}
	return nil
}

// add appends a line to the database.
func add(line string) error {
	file, err := os.OpenFile(database, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(line)
	return errors.Join(err, file.Close())
}

// backup prints the database, and ends with 3 when there is none or as it is told.
func backup() error {
	if code, err := strconv.Atoi(os.Getenv("BACKUP_CODE")); err == nil && code != 0 {
		os.Exit(code)
	}
	data, err := os.ReadFile(database)
	if errors.Is(err, fs.ErrNotExist) {
		os.Exit(3)
	}
	fmt.Print(string(data))
	return err
}

// serve answers until it is told to stop, and then takes its time.
func serve(args []string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	server := http.Server{Addr: ":80", Handler: answer, ReadHeaderTimeout: time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-stop:
	}
	if len(args) > 0 {
		grace, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}
		time.Sleep(grace)
	}
	return server.Close()
}
