package targets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/console"
	"slipway/internal/redact"
	"slipway/internal/release"
)

// keptReleases is how many verified releases are kept.
const keptReleases = 5

// attempt is what a run does with a release: which one it brings up, which one was up before, and what has come of it.
type attempt struct {
	store   release.Store
	now     release.Release
	before  release.Release // its ID is empty where none was up
	project compose.Project // as the release has it
	outcome release.Outcome

	replacing bool // what fails now may have replaced something
}

func (s *session) releases() release.Store { return release.Store{Dir: s.store.Dir()} }

// capture makes the release of this deployment, once its images are there: from here on what acts reads the release and not the
// checkout. One that is like the newest is that one.
func (s *session) capture(ctx context.Context) error {
	store := s.releases()
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	images, err := s.images(ctx)
	if err != nil {
		return err
	}
	about, err := s.aboutRelease(ctx, model)
	if err != nil {
		return err
	}
	made, err := store.Capture(ctx, release.Request{Project: s.project, Model: model, Images: images, About: about, Hide: s.hidden, Private: []string{s.envFile()}})
	var now release.Release
	if err == nil {
		now, err = s.keep(ctx, made, model)
	}
	if errors.Is(err, release.ErrUnfit) { // what was deployed before there were releases goes on being deployed
		s.console.Line(console.Warn, "release", "none is kept, so that there will be no way back to this deployment: "+firstLine(err), 0)
		return nil
	}
	if err != nil {
		return err
	}
	model.ReadFrom(made.Copies)
	if now.ID == made.ID {
		for _, path := range slices.Sorted(maps.Keys(made.Stay)) {
			s.console.Line(console.Note, "release", s.shown(path)+" is mounted from where it lies: "+made.Stay[path], 0)
		}
	}
	return s.begin(store, now)
}

// withEnvFile is the project with its env file named, which Compose would not find beside the definition of a release.
func (s *session) withEnvFile() compose.Project {
	project := s.project
	project.EnvFile = s.dest.envFile()
	return project
}

// hidden is a text with its secrets hidden, and nothing but that where its key says that it is one.
func (s *session) hidden(key, text string) string {
	if redact.SecretKey(key) && text != "" {
		return "[redacted]"
	}
	return s.secrets.String(text)
}

// begin notes that a release is being brought up by this run.
func (s *session) begin(store release.Store, now release.Release) error {
	before, _, err := store.Current()
	if err != nil && !errors.Is(err, release.ErrNone) {
		s.console.Line(console.Warn, "release", err.Error(), 0)
	}
	outcome, err := store.Outcome(now.ID)
	if err != nil {
		return err
	}
	s.attempt = &attempt{store: store, now: now, before: before, project: store.Project(s.withEnvFile(), now), outcome: outcome}
	if outcome.State == release.Verified { // as it has been once: what else comes of it is the run's
		return nil
	}
	s.attempt.outcome = release.Outcome{
		State: release.Running, Run: s.run.ID(), Started: s.started.UTC(), Backup: outcome.Backup, Steps: s.stepsDone,
	}
	return store.Tell(now.ID, s.attempt.outcome)
}

// keep writes a release of a model, with its images tagged and kept, unless the newest is like it and whole.
func (s *session) keep(ctx context.Context, made release.Captured, model *compose.Model) (release.Release, error) {
	all, err := s.releases().All()
	if err != nil {
		s.console.Line(console.Warn, "release", err.Error(), 0)
	}
	now, fresh := made.Release, true
	if len(all) > 0 && all[0].Content == now.Content {
		now, fresh = all[0], false
	}
	tags := map[string]string{}
	for service, image := range now.Images {
		tags[now.Tag(service)] = image.ID
	}
	there, err := compose.Images(ctx, slices.Collect(maps.Keys(tags))...)
	if err != nil {
		return now, err
	}
	var missing []string
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		if there[tag].ID != tags[tag] {
			missing = append(missing, tag, tags[tag])
		}
	}
	if fresh {
		if made.BackTo == "" { // else it has that of the release that is brought back
			made.Revision, made.Modified = model.Revision()
		}
		if err := s.releases().Begin(made); err != nil {
			return now, err
		}
		if err := s.releases().Check(ctx, s.withEnvFile(), model, now.ID); err != nil {
			return now, errors.Join(err, s.releases().Drop(now.ID))
		}
	}
	if len(missing) > 0 {
		if err := s.script(ctx, "deploy.sh", append([]string{"keep"}, missing...)...); err != nil {
			return now, err
		}
	}
	if !fresh {
		return now, nil
	}
	s.journal("release", map[string]any{"id": now.ID})
	return made.Release, s.releases().Keep(now.ID)
}

// aboutRelease is what a release says of itself.
func (s *session) aboutRelease(ctx context.Context, model *compose.Model) (release.Release, error) {
	about := release.Release{
		ID: s.releases().NewID(s.run.ID()), Destination: s.dest.Name, Made: time.Now().UTC(), Who: who(), Settings: map[string]string{},
	}
	for _, file := range s.dest.Files {
		about.Compose = append(about.Compose, s.path(file))
	}
	var err error
	if about.Migrations, err = s.migrationsDigest(ctx); err != nil {
		return about, err
	}
	var secrets []checkpoints.Input
	for _, setting := range s.dest.Settings {
		switch value := s.setting(setting.Key); {
		case setting.File != "": // of which the model knows
		case setting.IsSecret() || s.hidden(setting.Key, value) != value:
			secrets = append(secrets, checkpoints.Value(setting.Key, value))
		default:
			about.Settings[setting.Key] = value
		}
	}
	for _, path := range model.SecretFiles() {
		if input, err := checkpoints.File(s.shown(path), path); err == nil { // one that is not there, its reader misses
			secrets = append(secrets, input)
		}
	}
	about.Secrets, err = s.store.Fingerprints(secrets)
	return about, err
}

// migrationsDigest tells the migrations of what is deployed from others; empty where there are none. Where nobody says which files
// they are, they may be anywhere in the job's image.
func (s *session) migrationsDigest(ctx context.Context) (string, error) {
	if s.dest.Database.Job == "" {
		return "", nil
	}
	inputs, err := s.migrationFiles(ctx)
	if err == nil && s.dest.Database.Migrations == "" {
		var image compose.Image
		image, err = s.imageOf(ctx, s.dest.Database.Job)
		inputs = append(inputs, checkpoints.Value("image", image.Content))
	}
	return checkpoints.Digest(inputs), err
}

// noteMigrations notes which migrations the data is going to have, before it gets them.
func (s *session) noteMigrations(ctx context.Context) error {
	if s.attempt != nil {
		return s.releases().Migrating(s.attempt.now.Migrations)
	}
	digest, err := s.migrationsDigest(ctx)
	if err != nil {
		return err
	}
	return s.releases().Migrating(digest)
}

// applied notes that what runs is the release.
func (s *session) applied() error {
	if s.attempt == nil {
		return s.releases().NoneCurrent()
	}
	if s.attempt.now.ID == s.attempt.before.ID {
		return nil
	}
	return s.attempt.store.SetCurrent(s.attempt.now.ID)
}

// migrated notes which backup is from before the migrations that this run has applied.
func (s *session) migrated() error {
	if s.attempt == nil {
		return nil
	}
	before, found, err := s.backups().Of(s.run.ID())
	if err != nil || !found {
		return nil //nolint:nilerr // the release has no backup to tell of
	}
	s.attempt.outcome.Backup = before.ID
	return s.attempt.store.Tell(s.attempt.now.ID, s.attempt.outcome)
}

// concluded notes what came of the release.
func (s *session) concluded(state release.State, why error, returnTo string) {
	a := s.attempt
	if a == nil || a.outcome.State == release.Verified {
		return
	}
	a.outcome.State, a.outcome.Finished, a.outcome.ReturnTo, a.outcome.Steps = state, time.Now().UTC(), returnTo, s.stepsDone
	if why != nil {
		a.outcome.Error = s.secrets.String(firstLine(why))
	}
	if err := a.store.Tell(a.now.ID, a.outcome); err != nil {
		s.console.Line(console.Warn, "release", err.Error(), 0)
	}
}

// pruneReleases lets go of the releases that are no longer needed, their images and their files. What is left for another time is
// no fault of a deployment.
func (s *session) pruneReleases(ctx context.Context) {
	if err := s.dropReleases(ctx); err != nil && ctx.Err() == nil {
		s.console.Line(console.Warn, "release", "old ones are still there: "+firstLine(err), 0)
	}
}

func (s *session) dropReleases(ctx context.Context) error {
	store, spare := s.releases(), ""
	if s.attempt != nil {
		spare = s.attempt.before.ID
	}
	surplus, err := store.Surplus(keptReleases, spare)
	if err != nil || len(surplus) == 0 {
		return err
	}
	containers, err := s.containers(ctx)
	if err != nil {
		return err
	}
	var mounted []string
	for _, c := range containers {
		for _, mount := range c.Mounts {
			mounted = append(mounted, mount.Source)
		}
	}
	all, err := store.All()
	if err != nil {
		return err
	}
	var kept, tags []string
	for _, r := range all {
		gone := slices.ContainsFunc(surplus, func(other release.Release) bool { return other.ID == r.ID })
		for _, service := range slices.Sorted(maps.Keys(r.Images)) {
			if gone {
				tags = append(tags, r.Tag(service))
			} else {
				kept = append(kept, r.Images[service].ID)
			}
		}
	}
	for _, r := range surplus {
		if !slices.ContainsFunc(all, func(other release.Release) bool { return other.ID == r.ID }) { // begun, and never kept
			for service := range r.Images {
				tags = append(tags, r.Tag(service))
			}
		}
	}
	slices.Sort(kept)
	args := append(append([]string{"drop"}, slices.Compact(kept)...), "--")
	if err := s.script(ctx, "deploy.sh", append(args, tags...)...); err != nil {
		return err
	}
	return store.Remove(surplus, mounted)
}

// whatIs names a release for people.
func whatIs(r release.Release) string {
	text := fmt.Sprintf("%s of %s", r.ID, stamp(r.Made))
	if commit := r.Commit(); commit != "" {
		text += ", " + commit
	}
	return text
}
