package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/docker/cli/cli/connhelper"
	"github.com/moby/moby/client"
)

// clients are the connections to engines, by what chose them: over ssh each connection is a process of its own.
var clients struct {
	sync.Mutex
	of map[string]*client.Client
}

// engine is the one that the docker command would ask. Nothing is sent before the first question.
func engine(ctx context.Context) (*client.Client, error) {
	chosen := strings.Join([]string{os.Getenv("DOCKER_HOST"), os.Getenv("DOCKER_CONTEXT"), configFolder()}, "\x00")
	clients.Lock()
	defer clients.Unlock()
	if known := clients.of[chosen]; known != nil {
		return known, nil
	}
	options, err := connection(ctx)
	if err != nil {
		return nil, err
	}
	made, err := client.New(append(options, client.WithAPIVersionFromEnv())...)
	if err != nil {
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	if clients.of == nil {
		clients.of = map[string]*client.Client{}
	}
	clients.of[chosen] = made
	return made, nil
}

// connection finds the engine as the docker command does: DOCKER_HOST, else the context, else the local socket.
func connection(ctx context.Context) ([]client.Opt, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		name, err := contextName()
		if err != nil {
			return nil, err
		}
		if name != "" && name != "default" {
			return contextConnection(ctx, name)
		}
	}
	if strings.HasPrefix(host, "ssh://") {
		return overSSH(host)
	}
	return []client.Opt{client.FromEnv}, nil
}

// contextName is the docker context that is in use; empty for none.
func contextName() (string, error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	data, err := os.ReadFile(filepath.Join(configFolder(), "config.json"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("docker's configuration: %w", err)
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return "", fmt.Errorf("docker's configuration: read config.json: %w", err)
	}
	return config.CurrentContext, nil
}

func configFolder() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil { // then docker has no configuration either
		return ""
	}
	return filepath.Join(home, ".docker")
}

// contextConnection leads where a docker context does.
func contextConnection(ctx context.Context, name string) ([]client.Opt, error) {
	out, err := ask(ctx, "docker context", nil, "context", "inspect", name)
	if err != nil {
		return nil, err
	}
	var contexts []struct {
		Endpoints struct {
			Docker struct{ Host string } `json:"docker"`
		}
		TLSMaterial struct {
			Docker []string `json:"docker"`
		}
		Storage struct{ TLSPath string }
	}
	if err := json.Unmarshal(out, &contexts); err != nil || len(contexts) != 1 {
		return nil, fmt.Errorf("docker context: read the answer about %s: %w", name, errors.Join(err, errors.New("one was asked for")))
	}
	found := contexts[0]
	if strings.HasPrefix(found.Endpoints.Docker.Host, "ssh://") {
		return overSSH(found.Endpoints.Docker.Host)
	}
	options := []client.Opt{client.WithHost(found.Endpoints.Docker.Host)}
	if len(found.TLSMaterial.Docker) > 0 {
		file := func(name string) string { return filepath.Join(found.Storage.TLSPath, "docker", name) }
		options = append(options, client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem")))
	}
	return options, nil
}

func overSSH(host string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelper(host)
	if err != nil {
		return nil, fmt.Errorf("connect to the engine over ssh: %w", err)
	}
	return []client.Opt{client.WithHost(helper.Host), client.WithDialContext(helper.Dialer)}, nil
}

// refusal turns a failure of the engine's API into an error without values. What names the question.
func refusal(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case client.IsErrConnectionFailed(err):
		var dial *net.OpError
		if errors.As(err, &dial) { // the rest repeats it
			err = dial
		}
		return fmt.Errorf("%s: %w: %s", what, ErrNoEngine, harmless(err.Error()))
	}
	return &Error{What: what, Said: harmless(err.Error()), err: err}
}
