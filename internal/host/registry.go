package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Registry checks that a registry answers, or one of its mirrors (URLs), whatever it answers: 401 is the
// usual greeting. Ask only about a registry from which an image must be pulled.
func Registry(host string, mirrors ...string) Check {
	return Check{Name: "registry", Look: func(ctx context.Context) Finding {
		for _, mirror := range mirrors { // the engine asks them first
			if found := lookRegistry(ctx, http.DefaultTransport, mirror, strings.TrimSuffix(mirror, "/")); found.State == StateOK {
				return found
			}
		}
		return lookRegistry(ctx, http.DefaultTransport, host, "https://"+endpoint(host))
	}}
}

func lookRegistry(ctx context.Context, transport http.RoundTripper, host, base string) Finding {
	url := base + "/v2/"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Fail(fmt.Sprintf("%s is not a host: %v", host, err), "correct the image's name in the compose file")
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return judgeRegistryError(host, err)
	}
	defer func() { _ = response.Body.Close() }()
	return OK(fmt.Sprintf("%s answers", host))
}

func judgeRegistryError(host string, err error) Finding {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate), errors.As(err, &record):
		// The engine has a trust of its own (/etc/docker/certs.d, insecure-registries).
		return Warn(fmt.Sprintf("%s answers, but not with a certificate that this machine trusts: %v", host, err),
			"none, if the engine trusts it; look with: docker login "+host)
	case errors.Is(err, context.DeadlineExceeded):
		return Fail(host+" does not answer in time", networkRemedy(host))
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		err = operation // without the address list of a wrapped dial
	}
	return Fail(fmt.Sprintf("%s cannot be reached: %v", host, err), networkRemedy(host))
}

func networkRemedy(host string) string {
	return fmt.Sprintf("check the network and the firewall: curl -v https://%s/v2/", endpoint(host))
}

// endpoint is where the engine finds the registry that an image's name calls host.
func endpoint(host string) string {
	if host == "docker.io" || host == "index.docker.io" {
		return "registry-1.docker.io"
	}
	return host
}
