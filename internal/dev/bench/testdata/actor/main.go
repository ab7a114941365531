// Actor is the service that dev:bench deploys: it answers on port 8080 some time after its start, and says when.
//
//	actor serve        answer, from READY_AFTER (a Go duration) after the start on, with VALUE; SIGTERM ends it in good order
//	actor healthcheck  ask it; exit 0 when it answers
//	actor idle         do nothing until SIGTERM
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := act(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func act(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(ctx)
	case len(args) == 1 && args[0] == "healthcheck":
		return healthcheck()
	case len(args) == 1 && args[0] == "idle":
		<-ctx.Done()
		return nil
	}
	return errors.New("usage: actor serve | healthcheck | idle")
}

func serve(ctx context.Context) error {
	delay, err := time.ParseDuration(os.Getenv("READY_AFTER"))
	if err != nil {
		return fmt.Errorf("READY_AFTER: %w", err)
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil
	}
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		return err
	}
	fmt.Printf("answers %d\n", time.Now().UnixNano())
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getenv("VALUE"))
	})}
	go func() {
		<-ctx.Done()
		_ = listener.Close() // nobody new; who is here is served
	}()
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(bounded)
}

func healthcheck() error {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get("http://127.0.0.1:8080/")
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
