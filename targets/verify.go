package targets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"slipway/internal/console"
	"slipway/internal/health"
	"slipway/internal/host"
	"slipway/internal/settings"
)

// Verify asks whether the stack is well: every container of every service, then its addresses from outside.
//
// A service with a healthcheck must pass it -passes times in a row (3), one without must run undisturbed, a one-shot job
// must have exited 0. Each address must answer as often; the certificate, the domain's DNS and the room left on the disk
// are looked at. It changes nothing, needs no record of a deployment and no lock, and gives up after -timeout (5m).
// -json prints one object per check to stdout; -watch asks again and again until interrupted. Exit 0 or 4.
func Verify(ctx context.Context, json *bool, passes *int, timeout *time.Duration, watch *bool) error {
	if or(watch, false) && or(json, false) {
		return refuse(ctx, errors.New("verify: -watch prints a line for each change and no JSON: leave out -watch or -json"))
	}
	asked := flags{json: json, passes: passes, timeout: timeout, watch: watch}
	return enter(ctx, "verify", false, asked, func(ctx context.Context, s *session) error {
		if s.options.watch {
			return s.watch(ctx)
		}
		return verify(ctx)
	})
}

// verified is what `mage verify -json` prints.
type verified struct {
	OK        bool             `json:"ok"`
	Project   string           `json:"project"`
	Services  []health.Verdict `json:"services"`
	Addresses []health.Answer  `json:"addresses"`
	Checks    []host.Finding   `json:"checks"`
	nothing   bool             // is there that could be well
}

func verify(ctx context.Context) error {
	return phase(ctx, "verify", "", exitFailed, func(ctx context.Context, s *session) (string, error) {
		found, err := s.verified(ctx)
		if err != nil {
			return "", err
		}
		if s.options.json && s.target == "verify" {
			if err := s.console.JSON(found); err != nil {
				return "", err
			}
		}
		if err := found.failure(ctx); err != nil {
			return "", err
		}
		s.found = &found
		return fmt.Sprintf("%s, %s, %s", console.Count(found.containers(), "container"), console.Count(len(found.Addresses), "address"),
			times(s.options.passes)), nil
	})
}

// verified asks everything, the inside first.
func (s *session) verified(ctx context.Context) (verified, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.timeout)
	defer cancel()
	found := verified{Project: s.project.Name}
	report, err := s.verifyServices(limited)
	if err != nil {
		return found, err
	}
	asking, giveUp := context.WithCancel(limited)
	defer giveUp()
	hurry := func() { time.AfterFunc(time.Second, giveUp) } // a stack that is not well is asked, and not waited for
	if !report.OK {
		hurry()
	}
	var unseen error
	var looking sync.WaitGroup
	looking.Go(func() {
		if report, unseen = health.Ports(limited, s.project, report); !report.OK {
			hurry()
		}
	})
	found.Addresses, err = s.verifyAddresses(asking)
	looking.Wait()
	if err = errors.Join(unseen, err); err != nil {
		return found, err
	}
	found.Services = report.Verdicts
	for _, v := range found.Services {
		for _, note := range v.Notes {
			s.console.Line(console.Warn, v.Service, note, 0)
		}
	}
	found.Checks = host.Run(ctx, s.outside())
	for _, f := range found.Checks {
		if f.State == host.StateWarn {
			s.console.Line(console.Warn, f.Name, f.Detail, 0)
		}
	}
	found.OK = report.OK && len(host.Failed(found.Checks)) == 0
	for _, a := range found.Addresses {
		found.OK = found.OK && a.OK
	}
	if s.target == "verify" && found.containers() == 0 { // a deployment may be asked to run nothing
		found.nothing = true
		found.OK = false
	}
	return found, nil
}

// containers is how many of them were found.
func (v verified) containers() int {
	count := 0
	for _, service := range v.Services {
		if service.ID != "" {
			count++
		}
	}
	return count
}

// outside are the looks at what surrounds the stack: room on the disk and, where it has a domain, certificate and DNS.
func (s *session) outside() []host.Check {
	checks := []host.Check{host.Disk(s.engineFolders, headroom), host.Inodes(s.engineFolders, minimumInodes)}
	domain := s.setting(s.dest.Domain)
	if domain == "" {
		return checks
	}
	via := net.JoinHostPort(domain, "443")
	if values, err := s.values(); err == nil && len(s.dest.Endpoints) > 0 {
		if dial, err := expand(s.dest.Endpoints[0].Via, values); err == nil && dial != "" {
			via = dial
		}
	}
	checks = append(checks, host.Certificate(domain, via, s.private()))
	if !s.private() {
		checks = append(checks, host.DNS(domain, nil))
	}
	return checks
}

// private tells that the domain is not a public one: a test's, or one of an internal network.
func (s *session) private() bool { return s.setting(s.dest.Authority) == "internal" }

// failure says everything that is not well, and what to look at next.
func (v verified) failure(ctx context.Context) error {
	if err := verdictError(health.Report{Verdicts: v.Services}); err != nil {
		var unwell *unwellError
		errors.As(err, &unwell)
		return fail(ctx, exitFailed, fmt.Errorf("verify: %w", err), unwell.hint())
	}
	if err := answersError(v.Addresses); err != nil {
		return fail(ctx, exitFailed, fmt.Errorf("verify: %w", err), append(answersHints(v.Addresses), command("status"))...)
	}
	if v.nothing {
		why := errors.New("verify: project " + v.Project + " has no container, so that there is nothing that could be well")
		if len(v.Services) == 0 {
			return fail(ctx, exitFailed, fmt.Errorf("%w: every service is scaled to nothing, or its profile is off", why),
				"COMPOSE_PROFILES and the replicas in the compose files decide what is to run")
		}
		return fail(ctx, exitFailed, why, command("deploy"))
	}
	if failed := host.Failed(v.Checks); len(failed) > 0 {
		return fail(ctx, exitFailed, fmt.Errorf("verify: %w", &machineError{findingsError(failed)}))
	}
	return nil
}

// machineError is what verify found wrong with what surrounds a stack that is well: no other release would be better off.
type machineError struct{ err error }

func (e *machineError) Error() string { return e.err.Error() }

func (e *machineError) Unwrap() error { return e.err }

// watch verifies again and again, until it is interrupted, and prints a line for each change.
func (s *session) watch(ctx context.Context) error {
	const pause = 10 * time.Second
	last := ""
	for {
		found, err := s.verified(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the interrupt is how a watch ends
		}
		word, says := console.OK, "well"
		if err == nil {
			err = found.failure(ctx)
		}
		if err != nil {
			word, says = console.Fail, err.Error()
		}
		if says != last {
			s.console.Line(word, "verify", stamp(time.Now())+" "+says, 0)
			last = says
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// verifyServices waits for a verdict on every service of the model.
func (s *session) verifyServices(ctx context.Context) (health.Report, error) {
	model, err := s.model(ctx)
	if err != nil {
		return health.Report{}, err
	}
	tell, done := s.progress(ctx)
	defer done()
	return health.Wait(ctx, health.Options{
		Project: s.project, Services: health.Expected(model), Passes: s.options.passes, Window: s.dest.MonitorPeriod, Recent: !s.acted,
		Pruned: true, Timeout: s.options.timeout, Progress: tell,
	})
}

// times is how often in a row something was well.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// values are the settings as the env file and the environment give them; the environment wins, as in Compose.
func (s *session) values() (func(string) (string, bool), error) {
	file, err := settings.ReadEnvFile(s.envFile(), s.lookup)
	if err != nil {
		return nil, err
	}
	return func(key string) (string, bool) {
		if s.back != nil {
			if value, ok := s.back.Settings[key]; ok {
				return value, true
			}
		}
		if value, ok := os.LookupEnv(key); ok {
			return value, true
		}
		return file.Get(key)
	}, nil
}
