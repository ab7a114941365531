package compose

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/cli/cli/connhelper"
	dockercontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
	"github.com/moby/moby/client"
)

// clients are the connections to engines, by what chose them: over ssh each connection is a process of its own.
var clients struct {
	sync.Mutex
	of map[string]*client.Client
}

// engine is the one that the docker command would ask. Nothing is sent before the first question.
func engine() (*client.Client, error) {
	chosen := strings.Join([]string{os.Getenv("DOCKER_HOST"), os.Getenv("DOCKER_CONTEXT"), configFolder()}, "\x00")
	clients.Lock()
	defer clients.Unlock()
	if known := clients.of[chosen]; known != nil {
		return known, nil
	}
	options, err := connection()
	if err != nil {
		return nil, fmt.Errorf("find the engine: %w", err)
	}
	made, err := client.New(options...)
	if err != nil {
		return nil, fmt.Errorf("find the engine: %w", err)
	}
	if clients.of == nil {
		clients.of = map[string]*client.Client{}
	}
	clients.of[chosen] = made
	return made, nil
}

// connection leads where the docker command would go: to DOCKER_HOST, else where the context does, else to the local
// socket.
func connection() ([]client.Opt, error) {
	find := endpointOfEnvironment
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		name = configuration().CurrentContext
	}
	if os.Getenv("DOCKER_HOST") == "" && name != "" && name != "default" {
		find = func() (docker.Endpoint, error) { return endpointOfContext(name) }
	}
	endpoint, err := find()
	if err != nil {
		return nil, err
	}
	helper, err := connhelper.GetConnectionHelper(endpoint.Host)
	if err != nil {
		return nil, err
	}
	if helper == nil {
		return endpoint.ClientOpts()
	}
	// A few connections that are kept: each is an ssh, and sshd refuses many that begin at once.
	const connections = 4
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: transport}), client.WithHost(helper.Host),
		client.WithDialContext(helper.Dialer), client.WithAPIVersionFromEnv(),
	}, nil
}

// endpointOfEnvironment is that of DOCKER_HOST, DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
func endpointOfEnvironment() (docker.Endpoint, error) {
	var endpoint docker.Endpoint
	verify := os.Getenv("DOCKER_TLS_VERIFY") != ""
	secured := verify || os.Getenv("DOCKER_TLS") != ""
	var err error
	if endpoint.Host, err = opts.ParseHost(secured, os.Getenv("DOCKER_HOST")); err != nil || !secured {
		return endpoint, err
	}
	certificates := os.Getenv("DOCKER_CERT_PATH")
	if certificates == "" {
		certificates = configFolder()
	}
	var files [3]string
	for i, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		if path := filepath.Join(certificates, name); fileIdentity(path) != absent {
			files[i] = path
		}
	}
	endpoint.SkipTLSVerify = !verify
	endpoint.TLSData, err = dockercontext.TLSDataFromFiles(files[0], files[1], files[2])
	return endpoint, err
}

func endpointOfContext(name string) (docker.Endpoint, error) {
	contexts := store.New(filepath.Join(configFolder(), "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return docker.Endpoint{}, err
	}
	found, err := docker.EndpointFromContext(metadata)
	if err != nil {
		return docker.Endpoint{}, err
	}
	return docker.WithTLSData(contexts, name, found)
}

const negotiationLimit = 10 * time.Second

// negotiate settles the API's version within a bound. The library does it at the first question, and keeps all others
// waiting meanwhile, whatever their own bounds.
func negotiate(ctx context.Context, docker *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, negotiationLimit)
	defer cancel()
	_, err := docker.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	return err
}
