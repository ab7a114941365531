package targets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"slipway/checkpoints"
	"slipway/internal/settings"
)

// checkDestination says what the declaration of this destination names that is not there: in the checkout, among the
// settings.
func (s *session) checkDestination() error {
	for _, name := range s.dest.Files {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.dir, name)
		}
		switch info, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("compose file %s is missing; restore it: git checkout -- %s", name, path)
		case err != nil:
			return fmt.Errorf("compose file: %w", err)
		case info.IsDir():
			return fmt.Errorf("compose file %s is a folder", path)
		}
	}
	if err := s.checkMigrations(); err != nil {
		return err
	}
	return s.checkKeys()
}

// checkMigrations refuses a glob that finds nothing: without its files nobody knows when to back up.
func (s *session) checkMigrations() error {
	database := s.dest.Database
	if database.Migrations == "" {
		return nil
	}
	found, err := checkpoints.Glob(s.dir, database.Migrations)
	if err != nil {
		return fmt.Errorf("database: migrations: %w", err)
	}
	if len(found) == 0 {
		return fmt.Errorf("database: there are no migrations: %s matches no file in %s", database.Migrations, s.dir)
	}
	return nil
}

// checkKeys refuses the key of a setting that nobody will ever be asked for.
func (s *session) checkKeys() error {
	for _, a := range s.dest.Endpoints {
		for _, key := range append(needed(a.URL), needed(a.Via)...) {
			if !s.settable(key) {
				return fmt.Errorf("endpoint %q: %s", a.Name, unsettable(key))
			}
		}
	}
	for _, l := range s.dest.Links {
		for _, key := range needed(l.URL) {
			if !s.settable(key) {
				return fmt.Errorf("link %q: %s", l.Name, unsettable(key))
			}
		}
	}
	if key := s.dest.Domain; key != "" && !s.settable(key) {
		return fmt.Errorf("domain: %s", unsettable(key))
	}
	if key := s.dest.Authority; key != "" && !s.settable(key) && !s.mentioned(key) {
		return fmt.Errorf("authority: %s is no setting, and no compose file has ${%[1]s}", key)
	}
	return nil
}

func unsettable(key string) string {
	return key + " is not set, is no setting of the destination, and no compose file asks for it; declare it in Settings"
}

// settable tells whether the key has a value or will be asked for.
func (s *session) settable(key string) bool {
	has := func(setting settings.Setting) bool { return setting.Key == key && setting.File == "" }
	if slices.ContainsFunc(s.dest.Settings, has) {
		return true
	}
	values, err := s.values()
	if err != nil {
		return true // what is wrong with the env file is for config to say
	}
	if _, ok := values(key); ok {
		return true
	}
	all, err := s.allSettings(context.Background())
	return err != nil || slices.ContainsFunc(all, has) // likewise for the compose files
}

// mentioned tells whether the compose files read the key, though they can do without it.
func (s *session) mentioned(key string) bool {
	use := regexp.MustCompile(`\$\{?` + regexp.QuoteMeta(key) + `\b`)
	for _, name := range s.dest.Files {
		if data, err := os.ReadFile(filepath.Join(s.dir, name)); err == nil && use.Match(data) {
			return true
		}
	}
	data, err := s.written() // with what they include
	return err != nil || use.Match(data)
}
