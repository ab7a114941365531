package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"slipway/internal/compose"
	"slipway/internal/composelint"
	"slipway/internal/host"
	"slipway/internal/redact"
	"slipway/internal/regular"
	"slipway/internal/settings"
)

// learnSecrets tells the redactor every value that must not be seen, before the first line of any target: of the environment,
// the env files and the secret files, and what the compose files hold once they are resolved. Of files that do not resolve yet
// it takes what they name. A compose file that cannot be read is preflight's to report, but a pipe in its place would keep it
// waiting.
func (s *session) learnSecrets() error {
	paths := make([]string, len(s.project.Files))
	for i, file := range s.project.Files {
		paths[i] = s.path(file)
	}
	files, unread := composelint.Read(paths...)
	if errors.Is(unread, regular.ErrNotRegular) {
		return unread
	}
	asking, all := composelint.Asking(files)
	s.written = asked(previewLimit, func(ctx context.Context) ([]byte, error) {
		if all && unread == nil {
			return json.Marshal(asking)
		}
		return s.project.Uninterpolated(ctx)
	})
	values, err := s.values()
	if err != nil { // config says why; a path with a variable of the env file is not found until then
		values = s.lookup
	}
	s.files = files
	named := composelint.Names(files, values)
	for _, path := range named.Others {
		file, err := regular.Open(path)
		if errors.Is(err, regular.ErrNotRegular) { // the library would wait for it
			return err
		}
		if err == nil {
			_ = file.Close()
		}
	}
	s.secrets.Ordinary(append(named.Words, s.stack.Name, s.project.Name)...)
	s.secrets.Keys(named.Variables...)
	for _, setting := range s.dest.Settings {
		if setting.IsSecret() {
			s.secrets.Keys(setting.Key)
		}
	}
	found, err := settings.Values(s.dir, s.envFile(), os.Environ(), s.dest.Settings, named)
	s.secrets.Add(found...)
	if err != nil {
		return err
	}
	return s.learnModel(named)
}

// learnModel tells the redactor what the resolved files hold, with stand-ins where settings have no value yet. A model without is
// kept for who needs it next.
func (s *session) learnModel(named composelint.Named) error {
	ctx, cancel := context.WithTimeout(context.Background(), previewLimit)
	defer cancel()
	env := s.envContent()
	model, err := s.project.OwnModel(ctx)
	if err == nil {
		s.offer(model, env)
	} else {
		project, _ := s.withStandIns(ctx)
		model, err = project.OwnModel(ctx)
	}
	if err != nil {
		return nil //nolint:nilerr // preflight says why
	}
	s.learn(model, named.Secrets)
	return s.fill(model)
}

// learn tells the redactor what a model holds; known are the files that it has read already.
func (s *session) learn(model *compose.Model, known []string) {
	var values []string
	model.EachValue(func(key, value string) {
		if !strings.Contains(value, standIn) {
			values = append(values, redact.Secrets(key, value)...)
		}
	})
	for _, path := range model.SecretFiles() {
		if slices.Contains(known, path) {
			continue
		}
		if data, err := regular.Read(path); err == nil { // else preflight says why
			values = append(values, string(data))
		}
	}
	s.secrets.Add(values...)
}

// hideable are the settings, where a secret is refused that could not be hidden in output.
func (s *session) hideable(declared []settings.Setting) []settings.Setting {
	for i, setting := range declared {
		if !setting.IsSecret() {
			continue
		}
		declared[i].Validate = func(value string) error {
			if why := s.secrets.Weakness(value); why != "" {
				return fmt.Errorf("%s, so it could not be hidden in output: take one such as openssl rand -hex 16 prints, and where a database knows the old one, change it there first", why)
			}
			if setting.Validate == nil {
				return nil
			}
			return setting.Validate(value)
		}
	}
	return declared
}

// weakSecrets warns of secrets in the compose files and the env files of services that cannot be hidden wherever they stand. Those
// are not config's to refuse: it did not ask for them, and what runs with them goes on.
func (s *session) weakSecrets(_ context.Context, seen preview) host.Finding {
	var lines []string
	seen.model.EachValue(func(key, value string) {
		if !redact.SecretKey(key) || strings.Contains(value, standIn) {
			return
		}
		if why := s.secrets.Weakness(value); why != "" {
			lines = append(lines, key+" "+why)
		}
	})
	if len(lines) == 0 {
		return host.OK("every secret can be hidden in output")
	}
	slices.Sort(lines)
	return host.Warn(strings.Join(slices.Compact(lines), "\n      "), "take a longer one; what is so common is hidden only where it stands behind its key")
}
