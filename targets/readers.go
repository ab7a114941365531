package targets

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/settings"
)

// readers are the uids that read each secret file in a container, by its path: nil where one of them is not known, because its
// image is still to be built. Of a user that has a name only it is known that there is one.
func readers(model *compose.Model, images map[string]compose.Image) map[string][]int {
	found := map[string][]int{}
	unknown := map[string]bool{}
	for _, service := range model.Services {
		user := service.User
		image, here := images[service.Image]
		if user == "" {
			user = image.User
		}
		uid := uidOf(user)
		for _, ref := range service.Secrets {
			file := model.Secrets[ref.Source].File
			if file == "" {
				continue
			}
			unknown[file] = unknown[file] || service.User == "" && !here
			if !slices.Contains(found[file], uid) {
				found[file] = append(found[file], uid)
			}
		}
	}
	for file := range unknown {
		if unknown[file] {
			found[file] = nil
		}
	}
	return found
}

// uidOf is the number of a user as images and compose files write it: 1000, 1000:1000, root.
func uidOf(user string) int {
	name, _, _ := strings.Cut(user, ":")
	if name == "" || name == "root" {
		return 0
	}
	uid, err := strconv.Atoi(name)
	if err != nil {
		return settings.Somebody
	}
	return uid
}

// withReaders tells the settings that are secret files who reads them, as far as preflight has seen that.
func (s *session) withReaders(declared []settings.Setting) []settings.Setting {
	s.mu.Lock()
	known := s.readers
	s.mu.Unlock()
	for i, setting := range declared {
		if setting.File != "" {
			declared[i].Readers = known[s.path(setting.File)]
		}
	}
	return declared
}

// serveReaders lets the readers of the secrets read them, now that their images are here: of those that this run made, and of
// those that the operator left to us and whose readers are others than they were.
func (s *session) serveReaders(ctx context.Context) error {
	generated := map[string]bool{}
	for _, setting := range s.dest.Settings {
		if setting.File != "" && setting.Generate > 0 {
			generated[s.path(setting.File)] = true
		}
	}
	if len(s.made)+len(generated) == 0 {
		return nil
	}
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	images, err := s.images(ctx)
	if err != nil {
		return err
	}
	for file, uids := range readers(model, images) {
		switch {
		case uids == nil:
		case slices.Contains(s.made, file):
			if err := settings.Serve(file, uids); err != nil {
				return err
			}
		case generated[file]:
			widened, err := settings.Widen(file, uids)
			if err != nil {
				return err
			}
			if widened {
				s.console.Line(console.OK, "secrets", filepath.Base(file)+": its readers have changed, and can read it now", 0)
			}
		}
	}
	s.made = nil
	return nil
}
