package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// freshtrack is (h): the reference stack in production, fifteen services, which runs and has not changed. Compose and Slipway
// take turns on the same containers.
func freshtrack(ctx context.Context, p *place, rounds int) ([]row, error) {
	s, err := p.production(ctx)
	if err != nil {
		return nil, err
	}
	defer s.discard(context.Background())
	deploy := []string{"deploy", "-skip=firewall,fail2ban"}
	if _, err := s.mage(ctx, deploy...); err != nil {
		return nil, err
	}
	var up, deployed, planned series
	err = alternate(ctx, p, rounds,
		func(int) error { did, err := s.up(ctx); up.add(did.took()); return err },
		func(int) error { did, err := s.mage(ctx, deploy...); deployed.add(did.took()); return err },
		func(int) error { did, err := s.mage(ctx, "plan"); planned.add(did.took()); return err })
	return []row{
		against("FreshTrack's 15 services, unchanged: deploy against up", "s", up, deployed, 0.5),
		against("FreshTrack's 15 services, unchanged: plan against up", "s", up, planned, 0.5),
	}, err
}

// production is FreshTrack in the bench's own checkout, with a binary, images and ports of its own.
type production struct {
	place   *place
	project string
	binary  string
	env     []string
}

func (p *place) production(ctx context.Context) (*production, error) {
	s := &production{place: p, project: p.id + "-production", binary: filepath.Join(p.dir, "bin", "freshtrack")}
	if _, err := execute(ctx, ".", nil, "bash", filepath.Join("stack", "testimages", "build.sh")); err != nil {
		return nil, err
	}
	if err := p.compile(ctx, "magefile.go", s.binary); err != nil {
		return nil, err
	}
	images, err := os.ReadFile(filepath.Join("stack", "testimages", "images.env"))
	if err != nil {
		return nil, fmt.Errorf("read the names of the test images: %w", err)
	}
	for line := range strings.Lines(string(images)) {
		if line = strings.TrimSpace(line); strings.Contains(line, "=") && !strings.HasPrefix(line, "#") {
			s.env = append(s.env, line)
		}
	}
	metrics := filepath.Join(p.dir, "metrics")
	if err := os.MkdirAll(metrics, 0o750); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s.env = append(s.env, "COMPOSE_PROJECT_NAME="+s.project, "STATE_DIR="+filepath.Join(p.dir, "production"), "APP_TAG="+s.project, "TEXTFILE_DIR="+metrics,
		"DESTINATION=production", "DOMAIN=freshtrack.test", "ADMIN_EMAIL=ops@freshtrack.test", "CADDY_TLS=internal", "CADDY_BIND=127.0.0.1",
		"STACK_PROJECT_ID=bench", "STACK_PUBLISHABLE_CLIENT_KEY=bench", "STACK_SECRET_SERVER_KEY=bench")
	for _, key := range []string{"BACKEND_PORT", "FRONTEND_PORT", "CADDY_HTTP_PORT", "CADDY_HTTPS_PORT", "GRAFANA_PORT", "UPTIME_KUMA_PORT", "PROMETHEUS_PORT"} {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.env = append(s.env, key+"="+strconv.Itoa(port))
	}
	return s, nil
}

func (s *production) mage(ctx context.Context, args ...string) (execution, error) {
	return execute(ctx, s.place.checkout(), s.env, append([]string{s.binary}, args...)...)
}

func (s *production) up(ctx context.Context) (execution, error) {
	env := append(s.env, "COMPOSE_FILE=docker-compose.yml:compose.production.yaml", "COMPOSE_ENV_FILES=.env.production", "COMPOSE_PROFILES=monitoring")
	return execute(ctx, filepath.Join(s.place.checkout(), "stack"), env, "docker", "compose", "up", "-d")
}

// discard takes away all that it made, the bench's own data too.
func (s *production) discard(ctx context.Context) {
	err := removeProject(ctx, s.project)
	volumes, listing := execute(ctx, ".", nil, "docker", "volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+s.project)
	if names := strings.Fields(volumes.stdout); listing == nil && len(names) > 0 {
		_, listing = execute(ctx, ".", nil, append([]string{"docker", "volume", "rm"}, names...)...)
	}
	_, _ = execute(ctx, ".", nil, "docker", "rmi", "-f", "freshtrack-app:"+s.project)
	for _, err := range []error{err, listing} {
		s.place.failedToClean(err)
	}
}
