package targets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/compose-spec/compose-go/v2/template"

	"slipway/internal/console"
	"slipway/internal/health"
	"slipway/internal/settings"
)

// Verify asks whether the stack is well: every container of every service, then its addresses from outside.
//
// A service with a healthcheck must pass it -passes times in a row (3), one without must run undisturbed, a one-shot job
// must have exited 0. Then each address must answer as often. It changes nothing, needs no record of a deployment and no
// lock, and gives up after -timeout (5m). -json prints one object per check to stdout. Exit 0 or 4.
func Verify(ctx context.Context, json *bool, passes *int, timeout *time.Duration) error {
	asked := options{json: deref(json), passes: deref(passes), timeout: deref(timeout)}
	return enter(ctx, "verify", false, asked, func(ctx context.Context, _ *session) error { return verify(ctx) })
}

// verified is what `mage verify -json` prints.
type verified struct {
	OK        bool             `json:"ok"`
	Project   string           `json:"project"`
	Services  []health.Verdict `json:"services"`
	Addresses []health.Answer  `json:"addresses"`
}

func verify(ctx context.Context) error {
	return phase(ctx, "verify", "", exitFailed, func(ctx context.Context, s *session) (string, error) {
		limited, cancel := context.WithTimeout(ctx, s.options.timeoutWanted())
		defer cancel()
		report, err := s.verifyServices(limited)
		if err != nil {
			return "", err
		}
		answers, err := s.verifyAddresses(limited, report.OK)
		if err != nil {
			return "", err
		}
		found := verified{OK: report.OK, Project: s.project.Name, Services: report.Verdicts, Addresses: answers}
		for _, a := range answers {
			found.OK = found.OK && a.OK
		}
		if s.options.json && s.target == "verify" {
			if err := s.console.JSON(found); err != nil {
				return "", err
			}
		}
		if err := verdictError(report); err != nil {
			return "", fail(ctx, exitFailed, fmt.Errorf("verify: %w", err), command("logs")+" "+report.Failed()[0].Service)
		}
		if err := answersError(answers); err != nil {
			return "", fail(ctx, exitFailed, fmt.Errorf("verify: %w", err), command("status"))
		}
		s.found = &found
		return fmt.Sprintf("%s, %s, %s each", console.Count(len(found.Services), "container"),
			console.Count(len(answers), "answer"), passes(s.options.passesWanted())), nil
	})
}

// verifyServices waits for a verdict on every service of the model.
func (s *session) verifyServices(ctx context.Context) (health.Report, error) {
	model, err := s.model(ctx)
	if err != nil {
		return health.Report{}, err
	}
	return health.Wait(ctx, health.Options{
		Project: s.project, Services: health.Expected(model), Passes: s.options.passesWanted(), Window: settle,
		Timeout: s.options.timeoutWanted(), Progress: s.progress(),
	})
}

// verifyAddresses asks the addresses from outside. A stack that is not well is asked once, not waited for.
func (s *session) verifyAddresses(ctx context.Context, well bool) ([]health.Answer, error) {
	env, err := s.values()
	if err != nil {
		return nil, err
	}
	var addresses []health.Address
	for _, a := range s.dest.Addresses {
		url, err := expand(a.URL, env)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a.Name, err)
		}
		via, err := expand(a.Via, env)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a.Name, err)
		}
		addresses = append(addresses, health.Address{Name: a.Name, URL: url, Want: a.Ready, Via: via, InsecureCA: s.dest.PrivateCA})
	}
	if !well {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	}
	return health.Ask(ctx, addresses, s.options.passesWanted(), func(a health.Answer) {
		if !a.OK && a.Reason != "" {
			s.console.Line(console.Wait, a.Name, a.Reason, 0)
		}
	}), nil
}

// passes is how often in a row something was well.
func passes(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func answersError(answers []health.Answer) error {
	text := ""
	for _, a := range answers {
		if !a.OK {
			text += "\n  " + a.Name + ": " + a.Reason
		}
	}
	if text == "" {
		return nil
	}
	return fmt.Errorf("the stack does not answer from outside:%s", text)
}

// progress shows a change of a verdict as a line.
func (s *session) progress() func([]health.Verdict) {
	shown := map[string]string{}
	return func(verdicts []health.Verdict) {
		for _, v := range verdicts {
			key, now := v.Service+v.Container, string(v.State)+v.Reason
			if shown[key] == now {
				continue
			}
			shown[key] = now
			if v.State == health.Waiting {
				s.console.Line(console.Wait, v.Service, v.Reason, 0)
			}
		}
	}
}

// values are the settings as the env file and the environment give them; the environment wins, as in Compose.
func (s *session) values() (func(string) (string, bool), error) {
	file, err := settings.ReadEnvFile(filepath.Join(s.dir, s.dest.EnvFile))
	if err != nil {
		return nil, err
	}
	return func(key string) (string, bool) {
		if value, ok := os.LookupEnv(key); ok {
			return value, true
		}
		return file.Get(key)
	}, nil
}

// expand replaces ${KEY} and ${KEY:-default} as Compose does.
func expand(text string, values func(string) (string, bool)) (string, error) {
	return template.Substitute(text, values)
}
