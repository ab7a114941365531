package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// allChanged is (l): fifteen services, every one of which has changed.
func allChanged(ctx context.Context, p *place, rounds int) ([]row, error) {
	text := shaped(p.image)
	compose, together, err := p.both(ctx, text)
	if err != nil {
		return nil, err
	}
	single, err := p.side(text)
	if err != nil {
		return nil, err
	}
	single.parallel = "1"
	if _, err := single.deploy(ctx); err != nil {
		return nil, err
	}
	var up, sideBySide, oneByOne series
	turn := func(s *side, took *series, bring func(context.Context) (execution, error)) func(int) error {
		return func(round int) error {
			if err := s.value(strconv.Itoa(round)); err != nil {
				return err
			}
			did, err := bring(ctx)
			took.add(did.took())
			return err
		}
	}
	err = alternate(ctx, p, rounds,
		turn(compose, &up, func(ctx context.Context) (execution, error) { return compose.up(ctx, "--wait") }),
		turn(together, &sideBySide, together.deploy), turn(single, &oneByOne, single.deploy))
	p.quiet(compose, together, single)
	return []row{
		against("fifteen services, all changed: deploy against up --wait", "s", up, sideBySide, 1),
		against("the same, side by side against one at a time (in the place of Compose)", "s", oneByOne, sideBySide, 0.5),
	}, err
}

// goingBack is (m): from the second release to the first, with Slipway and as people do it with git.
func goingBack(ctx context.Context, p *place, rounds int) ([]row, error) {
	compose, err := p.versioned(ctx)
	if err != nil {
		return nil, err
	}
	slipway, err := p.versioned(ctx)
	if err != nil {
		return nil, err
	}
	var byGit, rollback, deployed series
	err = alternate(ctx, p, rounds,
		func(int) error {
			if err := compose.checkout(ctx, "v2"); err != nil {
				return err
			}
			if _, err := compose.up(ctx, "--build", "--wait"); err != nil {
				return err
			}
			did, err := execute(ctx, compose.dir, compose.env(), "sh", "-c", "git checkout -q v1 && docker compose up -d --build --wait")
			byGit.add(did.took())
			return err
		},
		func(int) error {
			if err := slipway.checkout(ctx, "v1"); err != nil {
				return err
			}
			if _, err := slipway.deploy(ctx); err != nil {
				return err
			}
			if err := slipway.checkout(ctx, "v2"); err != nil {
				return err
			}
			did, err := slipway.deploy(ctx)
			if err != nil {
				return err
			}
			deployed.add(did.took())
			did, err = slipway.mage(ctx, "rollback")
			rollback.add(did.took())
			return err
		})
	p.quiet(compose, slipway)
	return []row{
		against("back to the release before: rollback against git checkout && up --build --wait", "s", byGit, rollback, 0.5),
		against("the same against the deployment of the change (in the place of Compose)", "s", deployed, rollback, 1.2),
	}, err
}

// versioned is a side whose folder is a git checkout with two versions, v1 and v2, of what its image is built from.
func (p *place) versioned(ctx context.Context) (*side, error) {
	s, err := p.side(built(eager))
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"Dockerfile": "FROM " + p.image + "\nCOPY version /version\n", "version": "1\n", ".gitignore": ".env\n",
	} {
		if err := writeFile(filepath.Join(s.dir, name), text); err != nil {
			return nil, err
		}
	}
	git := func(args ...string) error {
		_, err := execute(ctx, s.dir, nil, append([]string{"git", "-c", "user.name=bench", "-c", "user.email=bench@bench.invalid"}, args...)...)
		return err
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", "one"}, {"tag", "v1"}} {
		if err := git(args...); err != nil {
			return nil, err
		}
	}
	if err := writeFile(filepath.Join(s.dir, "version"), "2\n"); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"commit", "-q", "-a", "-m", "two"}, {"tag", "v2"}} {
		if err := git(args...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *side) checkout(ctx context.Context, version string) error {
	_, err := execute(ctx, s.dir, nil, "git", "checkout", "-q", version)
	return err
}

// shaped is fifteen services that depend on each other as those of the reference stack do; each is given VALUE. Three such stacks ask
// their services at once: every second, that would be all that the machine does.
func shaped(image string) string {
	after := map[string][]string{
		"backend": {"postgres", "redis", "minio"}, "worker": {"postgres", "redis"}, "frontend": {"backend"}, "caddy": {"backend", "frontend"},
		"alertmanager": {"prometheus"}, "grafana": {"prometheus"},
	}
	text := "services:\n"
	for _, name := range []string{
		"postgres", "redis", "minio", "backend", "worker", "frontend", "caddy", "prometheus", "alertmanager", "grafana",
		"node-exporter", "cadvisor", "postgres-exporter", "redis-exporter", "uptime",
	} {
		text += fmt.Sprintf("  %s:\n    image: %q\n    command: [serve]\n    environment: {READY_AFTER: 0s, VALUE: \"${VALUE}\"}\n"+
			"    healthcheck: {test: [CMD, /actor, healthcheck], interval: 5s, timeout: 10s, retries: 3}\n", name, image)
		if len(after[name]) > 0 {
			text += "    depends_on:\n"
		}
		for _, other := range after[name] {
			text += "      " + other + ": {condition: service_healthy}\n"
		}
	}
	return text
}

// built is one service whose image is built from the folder.
func built(interval string) string {
	return fmt.Sprintf(`services:
  web:
    build: .
    command: [serve]
    environment: {READY_AFTER: 0s}
    healthcheck: {test: [CMD, /actor, healthcheck], interval: %s, timeout: 10s, retries: 3}
`, interval)
}
