package targets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"

	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/host"
)

// What a server needs at least: REQUIREMENTS, row PRE.
const (
	minimumMemory   = 2 * host.GB
	minimumDisk     = 10 * host.GB
	minimumInodes   = 100_000
	headroom        = 1 * host.GB // of the disk, for a stack that runs
	recommendedCPUs = 2
	dockerRoot      = "/var/lib/docker" // until an engine says otherwise
)

// Preflight checks whether this machine can take the stack, before anything is touched.
//
// Memory, disk, CPU, distribution, kernel, clock, Docker and Compose, the compose files, the state directory, ports
// (free or held by this very stack) and the domain's DNS are looked at together; every failure is listed with its
// remedy. It changes nothing. -json prints the findings to stdout. Exit 3 when a check failed.
func Preflight(ctx context.Context, json *bool) error {
	return enter(ctx, "preflight", false, flags{json: json}, func(ctx context.Context, _ *session) error {
		return preflightPhase(ctx)
	})
}

func preflightPhase(ctx context.Context) error {
	return phase(ctx, "preflight", "", exitRefused, func(ctx context.Context, s *session) (string, error) {
		if s.target != "preflight" {
			go func() { _, _ = s.written() }() // who asks for them next learns of their errors
			if !s.options.skips("prerequisites") {
				go func() { _, _ = s.machineMissing() }()
			}
		}
		findings := host.Run(ctx, s.checks())
		if err := ctx.Err(); err != nil {
			return "", fmt.Errorf("interrupted: %w", err) // no check has said no
		}
		s.findings = findings
		s.keepTools()
		if s.options.json && s.target == "preflight" {
			if err := s.console.JSON(findings); err != nil {
				return "", err
			}
		}
		warnings := 0
		for _, f := range findings {
			if f.State == host.StateWarn {
				warnings++
				s.console.Line(console.Warn, f.Name, f.Detail, 0)
				s.console.Below(f.Remedy)
			}
		}
		if failed := host.Failed(findings); len(failed) > 0 {
			return "", findingsError(failed)
		}
		detail := console.Count(len(findings), "check")
		if warnings > 0 {
			detail += fmt.Sprintf(", %d to know about", warnings)
		}
		return detail, nil
	})
}

// findingsError lists every failed check with its remedy.
func findingsError(failed []host.Finding) error {
	text := fmt.Sprintf("%d of the checks failed", len(failed))
	for _, f := range failed {
		text += fmt.Sprintf("\n  %s: %s\n    %s", f.Name, f.Detail, f.Remedy)
	}
	return errors.New(text)
}

// checks are the looks at the machine for this destination.
func (s *session) checks() []host.Check {
	missing := host.StateWarn
	if s.options.skips("prerequisites") || s.target == "preflight" && os.Geteuid() != 0 {
		missing = host.StateFail
	}
	dir, _ := stateDir(s.project)
	folders := askedOnce(engineFolders)
	checks := []host.Check{
		host.Memory(minimumMemory), host.CPU(recommendedCPUs), host.Disk(folders, minimumDisk), host.Inodes(folders, minimumInodes),
		host.Distribution("/etc/os-release"), host.Kernel(missing), host.Clock(),
		host.ComposeFiles(s.dir, s.project.Files, s.dest.Files), host.StateDirectory(dir),
	}
	checks = append(checks, host.Engine(s.engineFacts, missing)...)
	checks = append(checks, s.modelChecks()...)
	if domain := s.setting(s.dest.Domain); domain != "" && !s.private() {
		checks = append(checks, host.DNS(domain, nil))
	}
	return checks
}

// askedOnce gives the same answer to several checks of one run.
func askedOnce(question func(context.Context) []string) func(context.Context) []string {
	var once sync.Once
	var answer []string
	return func(ctx context.Context) []string {
		once.Do(func() { answer = question(ctx) })
		return answer
	}
}

// engineFolders are where the engine keeps its data on this machine: none where it is on another one.
func engineFolders(ctx context.Context) []string {
	info, err := compose.EngineInfo(ctx)
	switch {
	case err != nil:
		return []string{dockerRoot}
	case !info.Local:
		return nil
	case info.Images != "":
		return []string{info.Root, info.Images}
	}
	return []string{info.Root}
}

func (s *session) engineFacts(ctx context.Context) (host.EngineFacts, error) {
	known := s.knownTools()
	v, err := compose.Versions(ctx, known)
	if !maps.Equal(known.Files, v.Files) {
		s.mu.Lock()
		s.newTools = v.Tools
		s.mu.Unlock()
	}
	if errors.Is(err, compose.ErrNoDocker) || errors.Is(err, compose.ErrNoEngine) {
		err = nil
	}
	return host.EngineFacts{Client: v.Client, Engine: v.Engine, API: v.API, MinAPI: v.MinAPI, Compose: v.Compose, Buildx: v.Buildx}, err
}

// setting is the value of a setting that is not secret: of the environment, else of the env file, else its default.
func (s *session) setting(key string) string {
	if key == "" {
		return ""
	}
	if values, err := s.values(); err == nil {
		if value, ok := values(key); ok {
			return value
		}
	}
	for _, setting := range s.dest.Settings {
		if setting.Key == key {
			return setting.Default
		}
	}
	return ""
}
