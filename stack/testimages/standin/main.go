// Standin stands in for the programs of the production stack that Debian does not package: MinIO and its client, Loki,
// Promtail, Grafana and Uptime Kuma. The name it is called by says which one it is to be.
//
// It is a stand-in and no more: it answers the health endpoint of its original on the port of its original, and it stops
// at once when a file that the original needs cannot be read, so that a wrong mount or a secret that the container's
// user may not read shows here, too. The MinIO one keeps buckets, so that creating one can fail for the right reasons.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// part is what one original looks like from outside.
type part struct {
	name    string
	port    string
	health  string // the path that the original answers when it is well
	answer  string
	files   []string // environment variables that name files the original reads at its start
	handler func(http.Handler) (http.Handler, error)
}

var parts = map[string]part{
	"minio":       {name: "minio", port: "9000", health: "/minio/health/live", files: []string{"MINIO_ROOT_PASSWORD_FILE"}, handler: buckets},
	"loki":        {name: "loki", port: "3100", health: "/ready", answer: "ready\n"},
	"promtail":    {name: "promtail", port: "9080", health: "/ready", answer: "Ready\n"},
	"run.sh":      {name: "grafana", port: "3000", health: "/api/health", answer: `{"database": "ok"}` + "\n", files: []string{"GF_SECURITY_ADMIN_PASSWORD__FILE"}},
	"uptime-kuma": {name: "uptime-kuma", port: "3001", health: "/"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, filepath.Base(os.Args[0]), os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "stand-in: %v\n", err)
		os.Exit(1)
	}
}

// run is the program called name: one of the servers, or one of the two that ask a server.
func run(ctx context.Context, name string, args []string) error {
	switch {
	case name == "mc":
		return client(ctx, args)
	case name == "healthcheck":
		return ask(ctx, parts["uptime-kuma"])
	case name == "loki" && len(args) == 1 && args[0] == "-health":
		return ask(ctx, parts["loki"])
	}
	original, ok := parts[name]
	if !ok {
		return fmt.Errorf("there is no stand-in for %q", name)
	}
	return serve(ctx, original, args)
}

// configured checks the files that the original would read: those named by a -config.file argument or by a variable.
func configured(original part, args []string) error {
	var files []string
	for _, arg := range args {
		if file, ok := strings.CutPrefix(strings.TrimLeft(arg, "-"), "config.file="); ok {
			files = append(files, file)
		}
	}
	for _, variable := range original.files {
		if file := os.Getenv(variable); file != "" {
			files = append(files, file)
		}
	}
	for _, file := range files {
		if _, err := os.ReadFile(file); err != nil {
			return fmt.Errorf("%s: %w", original.name, err)
		}
	}
	return nil
}

func serve(ctx context.Context, original part, args []string) error {
	if err := configured(original, args); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+original.health, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "stand-in for "+original.name)
		_, _ = w.Write([]byte(original.answer)) // the client is gone; there is nobody to tell
	})
	handler := http.Handler(mux)
	if original.handler != nil {
		var err error
		if handler, err = original.handler(mux); err != nil {
			return err
		}
	}
	server := &http.Server{Addr: ":" + original.port, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() {
		fmt.Fprintf(os.Stdout, "stand-in for %s: listening on %s\n", original.name, server.Addr)
		ended <- server.ListenAndServe()
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ask is the health command that an image brings for itself.
func ask(ctx context.Context, original part) error {
	return get(ctx, "http://"+net.JoinHostPort("127.0.0.1", original.port)+original.health)
}
