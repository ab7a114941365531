package targets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/release"
	"slipway/internal/rollout"
)

// adopt makes a release what this run acts on, in the place of the checkout. It touches nothing.
func (s *session) adopt(ctx context.Context, r release.Release) error {
	model, err := s.releases().Project(s.withEnvFile(), r).Model(ctx)
	if err != nil {
		return fmt.Errorf("release %s: %w", r.ID, err)
	}
	s.learn(model, nil)
	if err := s.fill(model); err != nil {
		return fmt.Errorf("release %s: %w", r.ID, err)
	}
	images, err := imagesOfRelease(ctx, r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolved, s.judged, s.back = model, model, &r
	s.engine = engine{images: images}
	return nil
}

// imagesOfRelease are the images that it has, by the names that its files call them by, as the engine has them now.
func imagesOfRelease(ctx context.Context, r release.Release) (map[string]compose.Image, error) {
	names := map[string]string{}
	for _, image := range r.Images {
		names[image.Name] = image.ID
	}
	found, err := compose.Images(ctx, slices.Collect(maps.Values(names))...)
	if err != nil {
		return nil, err
	}
	images := map[string]compose.Image{}
	for name, id := range names {
		if image, has := found[id]; has {
			images[name] = image
		}
	}
	return images, nil
}

// lacking are the images and files of a release that are not there.
func (s *session) lacking(ctx context.Context, r release.Release) ([]string, error) {
	images, err := imagesOfRelease(ctx, r)
	if err != nil {
		return nil, err
	}
	var lacking []string
	for _, service := range slices.Sorted(maps.Keys(r.Images)) {
		image := r.Images[service]
		if found, has := images[image.Name]; !has || found.Content != image.Content {
			lacking = append(lacking, fmt.Sprintf("image %s of %s (%s)", image.Name, service, image.ID))
		}
	}
	files, err := s.releases().Missing(r)
	for _, name := range files {
		lacking = append(lacking, "file "+name)
	}
	return lacking, err
}

// nameImages gives the images of a release the names that its files call them by. A name with a digest means that image anyway.
func (s *session) nameImages(ctx context.Context, r release.Release) error {
	named := map[string]string{}
	for _, image := range r.Images {
		if moves(image.Name) {
			named[image.Name] = image.ID
		}
	}
	here, err := compose.Images(ctx, slices.Collect(maps.Keys(named))...)
	if err != nil {
		return err
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if here[name].ID != named[name] {
			pairs = append(pairs, name, named[name])
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return s.script(ctx, "deploy.sh", append([]string{"name"}, pairs...)...)
}

// bringBack makes what runs what an adopted release says: its images by their names, each service that differs, and nothing of
// what only the release it leaves had.
func (s *session) bringBack(ctx context.Context, to, left release.Release) error {
	if err := s.nameImages(ctx, to); err != nil {
		return err
	}
	s.options.prune = true // what only the other release had may be in the way
	if _, err := s.do(ctx, s.rollout()); err != nil {
		return err
	}
	view, err := s.view(ctx)
	if err != nil {
		return err
	}
	return rollout.Prune(ctx, s.acts(), slices.DeleteFunc(rollout.Orphans(view.model, view.containers), func(c compose.Container) bool {
		_, its := left.Images[c.Service]
		return !its
	}))
}

// fell is how a deployment ends that failed once its release was being brought up: what it replaced goes back to the release that
// served before, unless that cannot be or is not wanted, and the failure says which.
func (s *session) fell(ctx context.Context, failure error) error {
	a := s.attempt
	failed := fail(ctx, exitFailed, failure)
	if a == nil || failed.Code == exitInterrupted {
		return failed
	}
	s.concluded(release.Failed, failed.Err, "")
	if failed.Code != exitFailed || !a.replacing {
		return failed
	}
	to, why, err := s.returnTo(ctx, failure)
	if err != nil {
		why = firstLine(err)
	}
	if why != "" {
		if a.before.ID != "" {
			failed.Hints = append(failed.Hints, "it was not brought back to release "+a.before.ID+": "+why)
		}
		return failed
	}
	started := time.Now()
	s.console.Line(console.Note, "return", "to release "+whatIs(to), 0)
	if err := s.returned(ctx, to); err != nil {
		if ctx.Err() != nil {
			return fail(ctx, exitInterrupted, fmt.Errorf("deploy: the return to release %s was interrupted%s", to.ID, s.running(ctx)), command("rollback")+" -release="+to.ID)
		}
		s.console.Line(console.Fail, "return", firstLine(err), time.Since(started))
		return &Failure{Code: exitReturnFailed, Hints: append([]string{command("rollback") + " -release=" + to.ID}, failed.Hints...), Err: redacted{fmt.Errorf(
			"deploy: release %s failed, and so did the return to %s: %w%s\n  what failed first: %w", a.now.ID, to.ID, err, s.each(ctx), failed.Err)}}
	}
	s.console.Line(console.OK, "return", "release "+to.ID+" serves again", time.Since(started))
	s.attempt = a
	s.concluded(release.Returned, failed.Err, to.ID)
	return &Failure{Code: exitFailed, Hints: failed.Hints, Err: redacted{fmt.Errorf(
		"deploy: release %s failed, and %s serves again, verified\n  what failed: %w", a.now.ID, to.ID, failed.Err)}}
}

// returnTo is the release to return to, or why there is no return.
func (s *session) returnTo(ctx context.Context, failure error) (release.Release, string, error) {
	a := s.attempt
	to, outcome := a.before, release.Outcome{}
	var err error
	if to.ID != "" {
		outcome, err = a.store.Outcome(to.ID)
	}
	switch {
	case err != nil:
		return to, "", err
	case to.ID == "":
		return to, "there is none from before", nil
	case to.ID == a.now.ID:
		return to, "it is the one that failed", nil
	case s.options.noreturn:
		return to, "-noreturn", nil
	case outcome.State != release.Verified:
		return to, "it was never verified", nil
	}
	if why, err := s.acrossMigration(to); err != nil || why != "" {
		return to, why, err
	}
	var unwell *unwellError
	if model, err := s.model(ctx); err == nil && errors.As(failure, &unwell) && model.Services[unwell.service].PausesOnFailure() {
		return to, "deploy.update_config.failure_action of " + unwell.service + " is pause", nil
	}
	lacking, err := s.lacking(ctx, to)
	if len(lacking) > 0 {
		return to, strings.Join(lacking, ", ") + " is gone", err
	}
	return to, "", err
}

// acrossMigration says why the data may have migrations that a release does not know; empty where it has none.
func (s *session) acrossMigration(to release.Release) (string, error) {
	if s.dest.Database.Job == "" {
		return "", nil
	}
	record, exists, err := s.store.Record("migrate")
	switch {
	case err != nil:
		return "", err
	case !exists:
		return "the data was restored since, and nobody knows which migrations it has", nil
	case record.State != checkpoints.Done:
		return "a migration was begun since, and is not done", nil
	}
	all, err := s.releases().All()
	if err != nil {
		return "", err
	}
	for _, r := range all {
		outcome, err := s.releases().Outcome(r.ID)
		if err != nil {
			return "", err
		}
		if outcome.Migrated {
			if r.Migrations == to.Migrations {
				return "", nil
			}
			return "the data has the migrations of release " + r.ID, nil
		}
	}
	return "", nil
}

// returned brings a release back after one that failed, and verifies it.
func (s *session) returned(ctx context.Context, to release.Release) error {
	left := s.attempt.now
	if err := s.adopt(ctx, to); err != nil {
		return err
	}
	if err := s.begin(s.releases(), to); err != nil {
		return err
	}
	s.found = nil
	err := s.bringBack(ctx, to, left)
	if err == nil {
		err = s.attempt.store.SetCurrent(to.ID)
	}
	if err == nil {
		err = s.well(ctx)
	}
	if err == nil {
		s.concluded(release.Verified, nil, "")
	}
	return err
}

// well verifies what runs, without a phase of its own.
func (s *session) well(ctx context.Context) error {
	found, err := s.verified(ctx)
	if err == nil {
		err = found.failure(ctx)
	}
	return err
}

// each says for each service what of it runs, looked at now.
func (s *session) each(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineLimit)
	defer cancel()
	containers, err := s.project.Containers(ctx)
	if err != nil {
		return "\n  running now: unknown: " + firstLine(err)
	}
	var text strings.Builder
	for _, c := range containers {
		if !c.OneOff {
			fmt.Fprintf(&text, "\n  %s: %s, image %s", c.Name, condition(c), c.Image)
		}
	}
	if text.Len() == 0 {
		return "\n  running now: nothing of this stack"
	}
	return text.String()
}
