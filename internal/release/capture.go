package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// Request is what a release is made from.
type Request struct {
	Project compose.Project
	Model   *compose.Model // of the project
	Images  map[string]compose.Image
	Hide    Hide
	// Private are files that no copy may hold, such as the env file.
	Private []string
	// About is all that is known already: what it is called, who makes it, settings and digests of secrets.
	About Release
}

// Hide is a text that stands under a key, with its secrets hidden.
type Hide func(key, text string) string

// ErrUnfit says that a release would not mean what the files mean.
var ErrUnfit = errors.New("it cannot be written down")

// Captured is a release that is ready to be kept.
type Captured struct {
	Release
	// Stay are the files and folders that are mounted from where they lie, each with the reason.
	Stay map[string]string
	// Copies are those that were made, by the path that they are of.
	Copies map[string]string

	definition []byte
}

// Capture reads the checkout once: what comes of it later changes nothing in the release. It copies files, and writes nothing
// else before Begin.
func (s Store) Capture(ctx context.Context, from Request) (Captured, error) {
	copies, err := s.capture(from.Model, from.Private)
	if err != nil {
		return Captured{}, err
	}
	d, err := s.define(ctx, from.Project, from.Model, copies.files, from.Hide)
	if err != nil {
		return Captured{}, fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	if err := s.keepValues(d.values); err != nil {
		return Captured{}, err
	}
	made := Captured{Release: from.About, definition: d.text, Stay: copies.stay, Copies: map[string]string{}}
	made.Version, made.Project, made.Profiles = version, from.Project.Name, from.Project.Profiles
	for _, path := range slices.Sorted(maps.Keys(copies.files)) {
		file := copies.files[path]
		made.Files, made.Copies[path] = append(made.Files, file), s.pathOf(file)
	}
	made.Images = map[string]Image{}
	for name, service := range from.Model.Services {
		for n, ref := range service.Images() {
			if image, has := from.Images[ref]; has {
				made.Images[imageOf(name, n)] = Image{Name: ref, ID: image.ID, Content: image.Content}
			}
		}
	}
	made.Content, err = made.content()
	return made, err
}

// imageOf is what the n-th image of a service is listed under: the first is its own, the others those of its pre_start hooks.
func imageOf(service string, n int) string {
	if n == 0 {
		return service
	}
	return fmt.Sprintf("%s (pre_start %d)", service, n)
}

// content is a digest of all that is deployed.
func (c Captured) content() (string, error) {
	images := map[string]string{}
	for service, image := range c.Images {
		images[service] = image.Name + " " + image.Content
	}
	all, err := json.Marshal([]any{string(c.definition), images, c.Files, c.Settings, c.Secrets, c.Migrations})
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:]), err
}

// Again is a release of the same content as another one, for a rollback.
func (s Store) Again(from Release, about Release) (Captured, error) {
	text, err := os.ReadFile(s.Definition(from.ID))
	if err != nil {
		return Captured{}, fmt.Errorf("read release %s: %w", from.ID, err)
	}
	made := from
	made.ID, made.Made, made.Who, made.BackTo = about.ID, about.Made, about.Who, from.ID
	return Captured{Release: made, definition: text}, nil
}

// Begin writes the release under a name that does not count yet: what is tagged for it can be found again if it never does.
func (s Store) Begin(made Captured) error {
	text, err := json.MarshalIndent(made.Release, "", "  ")
	part := s.folder(made.ID) + unfinishedEnd
	if err == nil {
		err = os.RemoveAll(part)
	}
	if err == nil {
		err = os.MkdirAll(part, 0o700)
	}
	if err == nil {
		err = checkpoints.WriteFile(filepath.Join(part, recordFile), append(text, '\n'), 0o600)
	}
	if err == nil {
		err = checkpoints.WriteFile(filepath.Join(part, definitionFile), made.definition, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write release %s: %w", made.ID, err)
	}
	return nil
}

// Check reads a release that was begun, and compares what it means with what the files mean that it is from. A difference would be
// a fault here, or a key that does not survive being written down: better no release than a wrong one.
func (s Store) Check(ctx context.Context, project compose.Project, model *compose.Model, id string) error {
	r, err := s.read(id + unfinishedEnd)
	if err != nil {
		return err
	}
	project = s.Project(project, r)
	project.Files = []string{s.Definition(id + unfinishedEnd)}
	written, err := project.Model(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	for _, name := range slices.Sorted(maps.Keys(model.Services)) {
		was, err := model.Definition(model.Services[name])
		if err != nil {
			return err
		}
		is, err := written.Definition(written.Services[name])
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(was)) {
			if string(was[key]) != string(is[key]) {
				return fmt.Errorf("%w: %s of service %q is another when it is read again", ErrUnfit, key, name)
			}
		}
		if len(was) != len(is) {
			return fmt.Errorf("%w: service %q has other keys when it is read again", ErrUnfit, name)
		}
	}
	return nil
}

// Drop takes a release away that was begun.
func (s Store) Drop(id string) error { return os.RemoveAll(s.folder(id) + unfinishedEnd) }

// Keep makes a release that was begun one that counts.
func (s Store) Keep(id string) error {
	err := os.Rename(s.folder(id)+unfinishedEnd, s.folder(id))
	if err == nil {
		err = checkpoints.SyncDir(s.releases())
	}
	if err != nil {
		return fmt.Errorf("write release %s: %w", id, err)
	}
	return nil
}
