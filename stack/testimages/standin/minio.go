package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// dataDir is where the command of the stack has MinIO keep its data.
var dataDir = "/data"

var (
	bucketPath = regexp.MustCompile(`^/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	errUsage   = errors.New("mc: the stand-in knows: mc ready local, mc mb [--ignore-existing] ALIAS/BUCKET")
)

// buckets adds the creation of buckets to the health endpoint, for who has the root user's password.
func buckets(health http.Handler) (http.Handler, error) {
	content, err := os.ReadFile(os.Getenv("MINIO_ROOT_PASSWORD_FILE"))
	if err != nil {
		return nil, fmt.Errorf("minio: %w", err)
	}
	wantUser, wantPassword := os.Getenv("MINIO_ROOT_USER"), strings.TrimSpace(string(content))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			health.ServeHTTP(w, r)
			return
		}
		if user, password, ok := r.BasicAuth(); !ok || user != wantUser || password != wantPassword {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if !bucketPath.MatchString(r.URL.Path) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch err := os.Mkdir(filepath.Join(dataDir, r.URL.Path), 0o750); {
		case errors.Is(err, os.ErrExist):
			w.WriteHeader(http.StatusConflict)
		case err != nil:
			fmt.Fprintf(os.Stderr, "stand-in: minio: %v\n", err)
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), nil
}

// client is what the stack uses of mc. Like the original it finds an alias in the variable MC_HOST_ALIAS.
func client(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "ready" && args[1] == "local":
		return ask(ctx, parts["minio"])
	case len(args) == 2 && args[0] == "mb":
		return makeBucket(ctx, args[1], false)
	case len(args) == 3 && args[0] == "mb" && args[1] == "--ignore-existing":
		return makeBucket(ctx, args[2], true)
	}
	return errUsage
}

func makeBucket(ctx context.Context, target string, existingIsFine bool) error {
	alias, bucket, ok := strings.Cut(target, "/")
	if !ok {
		return errUsage
	}
	host, err := url.Parse(os.Getenv("MC_HOST_" + alias))
	if err != nil || host.Host == "" {
		return fmt.Errorf("mc: MC_HOST_%s is not an address", alias) // the address holds a password
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, (&url.URL{Scheme: host.Scheme, Host: host.Host, Path: bucket}).String(), nil)
	if err != nil {
		return fmt.Errorf("mc: make bucket %s: %w", bucket, err)
	}
	password, _ := host.User.Password()
	request.SetBasicAuth(host.User.Username(), password)
	status, err := send(request)
	switch {
	case err != nil:
		return fmt.Errorf("mc: make bucket %s: %w", bucket, err)
	case status == http.StatusOK, status == http.StatusConflict && existingIsFine:
		fmt.Fprintf(os.Stdout, "Bucket created successfully `%s`.\n", target)
		return nil
	}
	return fmt.Errorf("mc: make bucket %s: %s", bucket, http.StatusText(status))
}

func get(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	status, err := send(request)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %s", request.URL.Path, http.StatusText(status))
	}
	return nil
}

func send(request *http.Request) (int, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
