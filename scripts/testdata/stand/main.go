// Command stand is what the containers of the tests run: a service that answers
// every request, its healthcheck, and a job.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

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
		fmt.Println("begins")
		time.Sleep(pause)
		fmt.Println("ends")
		os.Exit(code)
	}
	return nil
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
