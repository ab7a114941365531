package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthcheckTimeout is short because a check that hangs holds up the engine's next ones.
const healthcheckTimeout = time.Second

var defaultListen = map[string]string{"backend": ":3000", "worker": ":3001", "frontend": ":8080"}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone; there is nobody to tell
}

// healthy answers that the process serves. It asks nothing else, so that a database that is away for a moment does not
// have the engine restart what will recover by itself.
func healthy(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "healthy", "version": version})
}

// healthcheck asks a role's /health, or a URL, and prints the answer. It serves as the container's HEALTHCHECK.
func healthcheck(ctx context.Context, s Settings, target string, stdout io.Writer) error {
	address := target
	if listen, ok := defaultListen[target]; ok {
		if s.Listen != "" {
			listen = s.Listen
		}
		_, port, err := net.SplitHostPort(listen)
		if err != nil {
			return fmt.Errorf("LISTEN_ADDR: %w", err)
		}
		address = "http://" + net.JoinHostPort("127.0.0.1", port) + "/health"
	} else if !strings.HasPrefix(target, "http://") {
		return errUsage
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // whoever may run the command may name the address
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // as above
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("healthcheck: read answer: %w", err)
	}
	fmt.Fprintf(stdout, "%s\n", strings.TrimSpace(string(body)))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: GET %s: %s", request.URL.Path, response.Status)
	}
	return nil
}
