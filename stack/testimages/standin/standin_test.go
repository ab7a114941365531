package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func secret(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestServerDoesNotStartWithoutTheFilesItsOriginalReads(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for name, args := range map[string][]string{"loki": {"-config.file=" + missing}, "promtail": {"--config.file=" + missing}} {
		if err := run(context.Background(), name, args); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%s without its configuration: %v, want an error that names %s", name, err, missing)
		}
	}
	t.Setenv("GF_SECURITY_ADMIN_PASSWORD__FILE", missing)
	if err := run(context.Background(), "run.sh", nil); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("grafana without its secret: %v, want an error that names %s", err, missing)
	}
}

func TestServerUnderAnotherNameIsRefused(t *testing.T) {
	if err := run(context.Background(), "postgres", nil); err == nil {
		t.Error("no error for a program that has no stand-in")
	}
}

func TestBucketIsMadeOnlyWithTheRightPassword(t *testing.T) {
	dataDir = t.TempDir()
	t.Setenv("MINIO_ROOT_USER", "freshtrack")
	t.Setenv("MINIO_ROOT_PASSWORD_FILE", secret(t, "right-password\n"))
	handler, err := buckets(http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")

	t.Setenv("MC_HOST_store", "http://freshtrack:wrong-password@"+address)
	if err := client(context.Background(), []string{"mb", "store/uploads"}); err == nil {
		t.Error("a bucket is made with the wrong password")
	} else if strings.Contains(err.Error(), "wrong-password") {
		t.Error("the error tells the password")
	}

	t.Setenv("MC_HOST_store", "http://freshtrack:right-password@"+address)
	for _, args := range [][]string{{"mb", "store/uploads"}, {"mb", "--ignore-existing", "store/uploads"}} {
		if err := client(context.Background(), args); err != nil {
			t.Errorf("mc %s: %v", strings.Join(args, " "), err)
		}
	}
	if err := client(context.Background(), []string{"mb", "store/uploads"}); err == nil {
		t.Error("a bucket that exists is made again")
	}
	if _, err := os.Stat(filepath.Join(dataDir, "uploads")); err != nil {
		t.Error(err)
	}
	if err := client(context.Background(), []string{"mb", "store/../escape"}); err == nil {
		t.Error("a bucket is made outside the data directory")
	}
}
