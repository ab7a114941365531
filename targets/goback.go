package targets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/datadir"
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
	s.engine = s.engine.next()
	s.engine.images = images
	return nil
}

// adoptFor adopts a release to bring it back, unless its services would not find the data that there is. Then nothing is changed.
func (s *session) adoptFor(ctx context.Context, r release.Release) error {
	from, err := s.model(ctx)
	if err != nil {
		return err
	}
	if err := s.adopt(ctx, r); err != nil {
		return err
	}
	why, err := s.otherData(ctx, from)
	if err == nil && why != "" {
		err = errors.New(why)
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.resolved, s.judged, s.back, s.engine = from, nil, nil, s.engine.next()
	}
	return err
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
		if to.ID != "" {
			failed.Hints = append(failed.Hints, "it was not brought back to release "+to.ID+": "+why)
		}
		return failed
	}
	if err := s.adoptFor(ctx, to); err != nil {
		failed.Hints = append(failed.Hints, "it was not brought back to release "+to.ID+": "+firstLine(err))
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

// served is the release that served before: the one that was applied, if it was verified and is not the one that failed; else the last
// one that was verified. Its ID is empty where there is none.
func (a *attempt) served() (release.Release, error) {
	if a.before.ID == "" {
		return a.before, nil
	}
	outcome, err := a.store.Outcome(a.before.ID)
	if err != nil || outcome.State == release.Verified && a.before.ID != a.now.ID {
		return a.before, err
	}
	if a.outcome.State == release.Verified { // it served itself
		return release.Release{}, nil
	}
	good, _, err := a.store.Good(a.now)
	return good, err
}

// returnTo is the release to return to, or why there is no return.
func (s *session) returnTo(ctx context.Context, failure error) (release.Release, string, error) {
	a := s.attempt
	to, err := a.served()
	switch {
	case err != nil:
		return to, "", err
	case to.ID == "":
		return to, "there is none that was verified", nil
	case s.options.noreturn:
		return to, "-noreturn", nil
	}
	if why, err := s.acrossMigration(to); err != nil || why != "" {
		return to, why, err
	}
	if model, err := s.model(ctx); err == nil {
		for _, unwell := range unwellIn(failure) {
			for _, service := range unwell.services {
				if model.Services[service].PausesOnFailure() {
					return to, "deploy.update_config.failure_action of " + service + " is pause", nil
				}
			}
		}
	}
	lacking, err := s.lacking(ctx, to)
	if len(lacking) > 0 {
		return to, strings.Join(lacking, ", ") + " is gone", err
	}
	return to, "", err
}

// acrossMigration says why the data may have migrations that a release does not know; empty where it has none.
func (s *session) acrossMigration(to release.Release) (string, error) {
	present, err := s.releases().Migrations()
	if err != nil || present == "" || present == to.Migrations {
		return "", err
	}
	if _, exists, err := s.store.Record("migrate"); err != nil || !exists {
		return "the data was restored since, and nobody knows which migrations it has", err
	}
	return "the data has other migrations, or was going to get them", nil
}

// otherData says why the services of an adopted release would not find the data that the present one has; empty where they would.
func (s *session) otherData(ctx context.Context, from *compose.Model) (string, error) {
	view, err := s.view(ctx)
	if err != nil {
		return "", err
	}
	problems, err := s.unfitData(ctx, datadir.World{Model: view.model, Containers: view.containers, Images: view.images})
	if err != nil {
		return "", err
	}
	if len(problems) > 0 {
		return problems[0].Text, nil
	}
	for _, name := range slices.Sorted(maps.Keys(view.model.Services)) {
		now, then := stores(from, name), stores(view.model, name)
		for _, target := range slices.Sorted(maps.Keys(then)) {
			if was, has := now[target]; has && was != then[target] {
				return fmt.Sprintf("%s has its data at %s in %s, and would have it in %s", name, target, was, then[target]), nil
			}
		}
	}
	return "", nil
}

// stores are the volumes and folders that a service writes to, by where it has them.
func stores(model *compose.Model, service string) map[string]string {
	found := map[string]string{}
	for _, mount := range model.Services[service].Writes() {
		found[mount.Target] = mount.Source
		if volume, is := model.Volumes[mount.Source]; is {
			found[mount.Target] = "volume " + volume.Name
		}
	}
	return found
}

// returned brings a release back after one that failed, and verifies it.
func (s *session) returned(ctx context.Context, to release.Release) error {
	left := s.attempt.now
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
	var machine *machineError
	if errors.As(err, &machine) {
		s.console.Line(console.Warn, "verify", firstLine(err), 0)
		err = nil
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
