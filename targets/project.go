package targets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"slipway"
	"slipway/internal/compose"
	"slipway/internal/release"
)

// project is the Compose project of a destination: the one that Compose itself would use with the operator's own files and
// environment. Where the declaration says otherwise, that is an error with both.
func (s stack) project(d slipway.Destination, dir string) (compose.Project, error) {
	p := compose.Project{Dir: dir, Files: d.Files, EnvFile: d.EnvFile, Profiles: d.Profiles}
	said, err := p.Said()
	if err != nil {
		return p, err
	}
	if p.Name, err = s.projectName(p, d, said.Name); err != nil {
		return p, err
	}
	if given := p.Split(said.Files.Value); said.Files.Value != "" && !slices.Equal(given, d.Files) {
		return p, fmt.Errorf("COMPOSE_FILE of %s says %s, and destination %s declares %s: make them the same, or unset COMPOSE_FILE",
			said.Files.From, strings.Join(given, ", "), d.Name, strings.Join(d.Files, ", "))
	}
	if said.Profiles.From == "" {
		return p, nil
	}
	profiles := strings.FieldsFunc(said.Profiles.Value, func(r rune) bool { return r == ',' || r == ' ' })
	if said.Profiles.From != environment && d.Profiles != nil && !equalSets(profiles, d.Profiles) {
		return p, fmt.Errorf("COMPOSE_PROFILES of %s says %q, and destination %s declares %q: make them the same, or leave it out of one",
			said.Profiles.From, said.Profiles.Value, d.Name, strings.Join(d.Profiles, ","))
	}
	p.Profiles = profiles
	return p, nil
}

// environment is where a word comes from that the operator gave for this one command.
const environment = "the environment"

// projectName decides about the name. What the operator says for this command holds; else the files and the declaration have
// to agree.
func (s stack) projectName(p compose.Project, d slipway.Destination, said compose.Word) (string, error) {
	name := said.Value
	switch {
	case said.From == environment:
	case d.Project != "":
		name = d.Project
		if said.Value != "" && said.Value != name {
			return "", fmt.Errorf("%s names the project %q, and destination %s declares %q: make them the same", said.From, said.Value, d.Name, name)
		}
	case s.Name == "":
		name = cmp.Or(said.Value, p.DefaultName())
	case said.Value == "":
		name = s.Name
		if d.Name != s.Destinations[0].Name {
			name += "-" + d.Name
		}
	case d.Name == s.Destinations[0].Name && said.Value != s.Name:
		return "", fmt.Errorf("%s names the project %q, and the magefile's Stack.Name is %q: make them the same", said.From, said.Value, s.Name)
	}
	if err := checkProject(name); err != nil {
		if said.From == environment {
			said.From = "COMPOSE_PROJECT_NAME"
		}
		return "", fmt.Errorf("%s: %w", cmp.Or(said.From, "destination "+d.Name), err)
	}
	return name, nil
}

func equalSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// adopted says that these very files run already under another name, the one that Compose gives them: what is deployed
// under this one would begin with empty volumes beside them.
func (s *session) adopted(ctx context.Context) (string, error) {
	if os.Getenv("COMPOSE_PROJECT_NAME") != "" || s.dest.Project != "" {
		return "", nil // it was named on purpose
	}
	for _, name := range []string{s.project.DefaultName(), s.stack.Name} {
		if name == s.project.Name || name == "" {
			continue
		}
		other := s.project
		other.Name = name
		theirs, err := other.RunsHere(ctx, release.Sources)
		if err != nil {
			return "", err
		}
		if !theirs {
			continue
		}
		own, err := s.project.Containers(ctx)
		if err != nil || len(own) > 0 {
			return "", err
		}
		return name, nil
	}
	return "", nil
}
