package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHealthcheckPrintsTheAnswerAndFailsUnlessItIs200(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, status, map[string]string{"status": "so so"})
		}))
		t.Cleanup(server.Close)
		var output bytes.Buffer
		err := healthcheck(context.Background(), Settings{}, server.URL, &output)
		if (err == nil) != (status == http.StatusOK) {
			t.Errorf("%d: %v", status, err)
		}
		if output.String() != `{"status":"so so"}`+"\n" {
			t.Errorf("%d: printed %q", status, output.String())
		}
	}
}

func TestHealthcheckAsksTheRoleWhereItListens(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	var output bytes.Buffer
	s := Settings{Listen: strings.TrimPrefix(server.URL, "http://")}
	if err := healthcheck(context.Background(), s, "worker", &output); err != nil || output.String() != "\"/health\"\n" {
		t.Errorf("%q, %v", output.String(), err)
	}
}

func TestHealthcheckGivesUpOnASilentServer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	err := healthcheck(context.Background(), Settings{}, server.URL, &bytes.Buffer{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownCommandsAreWrongUsage(t *testing.T) {
	for _, arguments := range [][]string{nil, {"dance"}, {"serve", "now"}, {"migrate", "down"}, {"backup"}, {"healthcheck", "database"}, {"token"}} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if err := run(ctx, arguments, nil, &bytes.Buffer{}); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", arguments, err)
		}
		cancel()
	}
}
