// The program of the demo images: one binary, no base image.
//
//	serve   answers on $PORT (8080) with its version and the content of $FILE; writes to $WRITE at its start
//	check   asks that
//	job     appends a line to $LOG, after it has read $FILE, and fails where $FAIL says so
//	backup, inspect, restore   copy that, count its lines, and replace it, unless $FAIL says restore
//	fetch   prints what a URL answers
//	tell    prints $TELL, which is a file, and ends with 1; with -hold it does not end
//	hold    does nothing for ever
//	deaf    does so, too, and does not end on SIGTERM
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

var version = "unknown"

func main() {
	verb := "serve"
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	if err := run(verb); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb string) error {
	switch verb {
	case "serve":
		return serve()
	case "check":
		client := http.Client{Timeout: 2 * time.Second}
		response, err := client.Get("http://127.0.0.1:" + port())
		if err != nil {
			return err
		}
		return response.Body.Close()
	case "job":
		if file := os.Getenv("FILE"); file != "" {
			if _, err := os.ReadFile(file); err != nil {
				return err
			}
		}
		if err := appendTo(os.Getenv("LOG"), version+"\n"); err != nil || os.Getenv("FAIL") == "" {
			return err
		}
		return errors.New("the job fails, as it was told")
	case "fetch":
		client := http.Client{Timeout: 5 * time.Second}
		response, err := client.Get(os.Args[2])
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, response.Body)
		return err
	case "backup": // of what the job wrote: exit 3 says that there is nothing yet
		data, err := os.ReadFile("/data/log")
		if errors.Is(err, fs.ErrNotExist) {
			os.Exit(3)
		}
		if err == nil {
			_, err = os.Stdout.Write(data)
		}
		return err
	case "inspect":
		data, err := io.ReadAll(os.Stdin)
		fmt.Printf("{%q:%d}\n", "log", strings.Count(string(data), "\n"))
		return err
	case "restore":
		data, err := io.ReadAll(os.Stdin)
		if err != nil || os.Getenv("FAIL") == "restore" {
			return errors.Join(err, errors.New("the restore fails, as it was told"))
		}
		return os.WriteFile("/data/log", data, 0o644)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
		return nil
	case "tell":
		data, err := os.ReadFile(os.Getenv("TELL"))
		if err != nil {
			return err
		}
		_, _ = os.Stdout.Write(data)
		if slices.Contains(os.Args, "-hold") {
			return run("hold")
		}
		return errors.New("told")
	case "hold":
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
		<-ended
		return nil
	}
	return fmt.Errorf("there is no verb %q", verb)
}

func serve() error {
	if path := os.Getenv("WRITE"); path != "" {
		if err := appendTo(path, time.Now().String()+"\n"); err != nil {
			return err
		}
	}
	server := &http.Server{Addr: ":" + port(), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		content, _ := os.ReadFile(os.Getenv("FILE"))
		fmt.Fprintf(w, "%s %s %s", version, os.Getenv("SAY"), content)
	})}
	drained := make(chan error)
	go func() {
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
		<-ended
		drained <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-drained
}

func appendTo(path, text string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	return file.Close()
}

func port() string {
	if port := os.Getenv("PORT"); port != "" {
		return port
	}
	return "8080"
}
