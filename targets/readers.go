package targets

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/compose"
	"slipway/internal/settings"
)

// readers are the uids that read each secret file in a container, by its path: nil where one of them is not known, because the
// user has a name only, or the image is still to be built.
func readers(model *compose.Model, images map[string]compose.Image) map[string][]int {
	found := map[string][]int{}
	unknown := map[string]bool{}
	for _, service := range model.Services {
		user := service.User
		image, here := images[service.Image]
		if user == "" {
			user = image.User
		}
		uid, known := uidOf(user)
		for _, ref := range service.Secrets {
			file := model.Secrets[ref.Source].File
			if file == "" {
				continue
			}
			unknown[file] = unknown[file] || !known || service.User == "" && !here
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
func uidOf(user string) (uid int, known bool) {
	name, _, _ := strings.Cut(user, ":")
	if name == "" || name == "root" {
		return 0, true
	}
	uid, err := strconv.Atoi(name)
	return uid, err == nil
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

// serveReaders lets the readers of the secrets that this run made read them, now that their images are here.
func (s *session) serveReaders(ctx context.Context) error {
	if len(s.made) == 0 {
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
		if uids != nil && slices.Contains(s.made, file) {
			if err := settings.Serve(file, uids); err != nil {
				return err
			}
		}
	}
	s.made = nil
	return nil
}
