package targets

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/console"
	"slipway/internal/host"
)

// Prerequisites installs what this machine lacks: the engine, Compose, buildx, jq and curl; in production a firewall and fail2ban.
//
// On Debian and Ubuntu, as root. Anywhere else it changes nothing and lists the commands to run. Each part has a
// checkpoint and is looked at again, so that a second run installs nothing and says so. Nothing is ever removed. Over SSH,
// the firewall stays on only if one more SSH connection comes in from there within two minutes.
// -skip=firewall,fail2ban leaves those alone. Exit 3 when a part is missing and cannot be installed.
func Prerequisites(ctx context.Context, skip *string) error {
	return enter(ctx, "prerequisites", true, flags{skip: skip}, func(ctx context.Context, _ *session) error {
		return prerequisites(ctx)
	})
}

func prerequisites(ctx context.Context) error {
	mgDeps(ctx, preflightPhase)
	return phase(ctx, "prerequisites", "preflight", exitRefused, func(ctx context.Context, s *session) (string, error) {
		missing, err := s.missingParts(ctx, slices.DeleteFunc(slices.Clone(dockerParts), s.seenByPreflight))
		if err != nil {
			return "", err
		}
		more, err := s.machineMissing()
		if err != nil {
			return "", err
		}
		if missing = append(missing, more...); len(missing) == 0 {
			return fmt.Sprintf("%s: present", strings.Join(append(slices.Clone(dockerParts), s.machineParts()...), ", ")), nil
		}
		for _, part := range missing {
			if _, err := s.do(ctx, s.part(part)); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("installed %s", strings.Join(missing, ", ")), nil
	})
}

// partsLimit bounds the look at what is installed.
const partsLimit = 30 * time.Second

// dockerParts are those that preflight looks at too.
var dockerParts = []string{"engine", "compose", "buildx"}

// machineParts are the others that are wanted here.
func (s *session) machineParts() []string {
	parts := []string{"tools"}
	if s.dest.Firewall {
		parts = append(parts, "firewall", "fail2ban")
	}
	return slices.DeleteFunc(parts, s.options.skips)
}

// there tells that a part needs no script to be found: to start one takes longer than an unchanged deployment's questions.
func there(part string) bool {
	return part == "tools" && !slices.ContainsFunc([]string{"jq", "curl"}, func(tool string) bool {
		_, err := exec.LookPath(tool)
		return err != nil
	})
}

// seenByPreflight tells that preflight found the part there, and new enough.
func (s *session) seenByPreflight(part string) bool {
	check := part
	if part == "engine" {
		check = "docker"
	}
	return slices.ContainsFunc(s.findings, func(f host.Finding) bool { return f.Name == check && f.State == host.StateOK })
}

// part is the step that installs one part. It is asked for only when the part is missing, so what was recorded of an
// earlier installation does not hold.
func (s *session) part(name string) checkpoints.Step {
	return checkpoints.Step{
		Name: "prerequisites." + name,
		Holds: func(context.Context) (string, error) {
			return name + " is missing", nil
		},
		Run: func(ctx context.Context) (string, error) {
			s.console.Line(console.Run, "prerequisites", "installing "+name, 0)
			if name == "firewall" {
				s.console.Below("over SSH: within two minutes, open one more connection from where you are (ssh -o ControlPath=none …);",
					"that keeps the firewall on, else it goes off again; -skip=firewall leaves it out")
			}
			return "installed", s.script(ctx, "prerequisites.sh", name)
		},
	}
}

// missingParts asks prerequisites.sh which of the parts are not there.
func (s *session) missingParts(ctx context.Context, parts []string) ([]string, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	lines, code, err := s.ask(ctx, "prerequisites.sh", append([]string{"check"}, parts...)...)
	if err != nil {
		return nil, err
	}
	const somethingMissing = 10
	if code == 0 {
		return nil, nil
	}
	if code != somethingMissing {
		return nil, fmt.Errorf("prerequisites.sh check: exit %d: %s", code, strings.Join(lines, "; "))
	}
	var missing []string
	for _, line := range lines {
		if name, _, ok := strings.Cut(line, " missing"); ok {
			missing = append(missing, name)
		}
	}
	return missing, nil
}
