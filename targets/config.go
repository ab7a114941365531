package targets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"slipway/internal/console"
	"slipway/internal/host"
	"slipway/internal/settings"
)

// Config collects what the stack must be told: it writes the env file and secrets/, and overwrites nothing.
//
// A value that is there is kept. Missing ones come from the environment, from defaults, are generated (secrets), or are
// asked for on a terminal; without one, all missing keys are listed at once. The env file keeps its order and comments,
// has mode 0600, and its former content is kept beside it. -yes confirms the summary. Exit 3 when a value is missing,
// refused or declined, and nothing was written; or when a domain that was entered does not lead here, and it was.
func Config(ctx context.Context, yes *bool) error {
	return enter(ctx, "config", true, flags{yes: yes}, func(ctx context.Context, _ *session) error {
		return config(ctx)
	})
}

func config(ctx context.Context) error {
	mgDeps(ctx, prerequisites)
	return phase(ctx, "config", "prerequisites", exitRefused, func(ctx context.Context, s *session) (string, error) {
		declared, err := s.allSettings(ctx)
		if err != nil {
			return "", err
		}
		file, err := settings.ReadEnvFile(s.envFile(), s.lookup)
		if err != nil {
			return "", err
		}
		plan, missing, err := settings.Collect(s.dir, s.hideable(s.withReaders(declared)), file, s.lookup)
		if err != nil {
			return "", err
		}
		s.secrets.Add(plan.Secrets()...)
		s.warn("config", plan.Warnings)
		if err := s.complete(ctx, plan, missing); err != nil {
			return "", err
		}
		if !plan.Changes() {
			s.console.Line(console.Skip, "config", "unchanged: nothing is missing", 0)
			return "", nil
		}
		s.secrets.Add(plan.Secrets()...)
		defer s.act("writing " + s.dest.envFile())()
		written, err := plan.Apply(time.Now())
		if err != nil {
			return "", err
		}
		s.warn("config", written.Warnings)
		s.made = slices.Clone(written.Files)
		for i, path := range written.Files {
			if rel, err := filepath.Rel(s.dir, path); err == nil {
				written.Files[i] = filepath.Join(s.stack.Dir, rel)
			}
		}
		wrote := "wrote " + strings.Join(written.Files, ", ")
		if err := s.domainLeadsHere(ctx); err != nil {
			return "", fmt.Errorf("%s; but %w", wrote, err)
		}
		return wrote, nil
	})
}

// domainLeadsHere checks the DNS of a domain that has just been entered: preflight, which did not know it, has been.
func (s *session) domainLeadsHere(ctx context.Context) error {
	domain := s.setting(s.dest.Domain)
	if domain == "" || s.private() || s.options.skips("preflight") {
		return nil
	}
	findings := host.Run(ctx, []host.Check{host.DNS(domain, nil)})
	if failed := host.Failed(findings); len(failed) > 0 {
		return findingsError(failed)
	}
	for _, f := range findings {
		if f.State == host.StateWarn {
			s.console.Line(console.Warn, f.Name, f.Detail, 0)
		}
	}
	return nil
}

// complete asks on a terminal for what is missing and shows what will be written, without secrets, where the destination
// is public. Without a terminal nobody can be asked, and what is missing is an error.
func (s *session) complete(ctx context.Context, plan *settings.Plan, missing []string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !s.console.Terminal() {
		if len(missing) > 0 {
			return &settings.MissingError{Keys: missing}
		}
		return nil
	}
	prompt := settings.NewPrompt(os.Stdin, os.Stderr)
	prompt.Yes = s.options.yes || s.dest.Domain == ""
	return prompt.Run(ctx, plan)
}

// allSettings are the declared ones and those that the compose files require though nobody declared them.
func (s *session) allSettings(ctx context.Context) ([]settings.Setting, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	raw, err := s.written()
	if err != nil { // asked during preflight, before Compose was installed
		raw, err = s.project.Uninterpolated(ctx)
	}
	if err != nil {
		return nil, err
	}
	required, err := settings.Required(raw, s.dir, s.dest.Settings)
	if err != nil {
		return nil, err
	}
	return append(append([]settings.Setting{}, s.dest.Settings...), required...), nil
}

// warn shows what is worth to know and keeps nothing from going on, each with its remedy.
func (s *session) warn(subject string, problems []settings.Problem) {
	for _, p := range problems {
		s.console.Line(console.Warn, subject, p.String(), 0)
		if p.Remedy != "" {
			s.console.Below(p.Remedy)
		}
	}
}

// envFile is the env file, relative to Stack.Dir: where none is declared, the one that Compose takes unasked, beside the
// first compose file.
func (d destination) envFile() string {
	if d.EnvFile != "" || len(d.Files) == 0 {
		return cmp.Or(d.EnvFile, ".env")
	}
	return filepath.Join(filepath.Dir(d.Files[0]), ".env")
}

// envFile is the same, absolute.
func (s *session) envFile() string { return s.path(s.dest.envFile()) }

// path is a file that is named relative to the stack's folder.
func (s *session) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// lookup is the environment that the compose files and the env file are resolved in.
func (s *session) lookup(key string) (string, bool) {
	if key == "PWD" {
		return s.dir, true
	}
	return os.LookupEnv(key)
}
