// Command server is the service, its healthcheck and its client in the tests on a real engine.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	command := "serve"
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	var err error
	switch command {
	case "serve":
		err = serve()
	case "healthcheck":
		_, err = get(http.DefaultClient, "http://127.0.0.1:8080/")
	case "client":
		err = client(os.Args[2])
	case "say": // in /data/said
		var file *os.File
		if file, err = os.OpenFile("/data/said", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err == nil {
			_, err = fmt.Fprintln(file, os.Getenv("VERSION"), os.Getenv("WORD"), os.Args[2])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers with the version of the image, the content of the mounted file and the id that is kept
// in the volume.
func serve() error {
	if os.Getenv("VERSION") == "broken" {
		return errors.New("this version does not start")
	}
	content, _ := os.ReadFile("/conf/content") // not every test mounts one
	kept, err := os.ReadFile("/data/id")
	if err != nil {
		kept = []byte(rand.Text())
		_ = os.WriteFile("/data/id", kept, 0o600) // not every test has a volume
	}
	answer := fmt.Sprintf("%s %s %s", os.Getenv("VERSION"), strings.TrimSpace(string(content)), kept)
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: time.Second}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	stopped := make(chan error, 1)
	go func() {
		<-stop
		if linger, err := time.ParseDuration(os.Getenv("LINGER")); err == nil {
			time.Sleep(linger)
		}
		stopped <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// client asks over and over, each time on a connection of its own, and tells at its end how that went.
//
// It dials as a proxy does, again when it got no connection: the engine answers for a moment with the
// address of a container whose network it has already taken down. Nothing was sent then. What breaks
// once there is a connection is a dropped request.
func client(url string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	dialer := &net.Dialer{Timeout: 500 * time.Millisecond}
	asker := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			for try := 1; ; try++ {
				connection, err := dialer.DialContext(ctx, network, address)
				if err == nil || try == 10 {
					return connection, err
				}
			}
		},
	}}
	asked, failed := 0, 0
	for {
		select {
		case <-stop:
			fmt.Printf("asked=%d failed=%d\n", asked, failed)
			return nil
		case <-time.After(2 * time.Millisecond):
		}
		asked++
		if _, err := get(asker, url); err != nil {
			failed++
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func get(asker *http.Client, url string) (string, error) {
	response, err := asker.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", response.Status)
	}
	return string(body), err
}
