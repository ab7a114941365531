// Package checkpoints answers one question: is this step done?
//
// A step is skipped only if it is recorded done, and its inputs are unchanged,
// and its outcome still holds in the world. Everything else runs it again, and
// the cause is named. [Store.Plan] and [Store.Do] settle that through the same
// function, so that a plan is what happens next.
//
//	store, err := checkpoints.Open(dir, "freshtrack")
//	lock, err := store.Lock(ctx, checkpoints.Holder{Target: "deploy"}, 0)
//	defer lock.Release()
//	run, err := store.Begin(lock, "deploy")
//	decision, err := store.Do(ctx, lock, run, checkpoints.Step{
//		Name:   "build",
//		Inputs: func(context.Context) ([]checkpoints.Input, error) { return checkpoints.Glob(root, "app/**/*.go") },
//		Run:    func(ctx context.Context) (string, error) { return "1 image", build(ctx) },
//	})
//	err = run.End(err)
//
// # What a crash costs
//
// "running" is on disk before the work, "done" or "failed" after it, each
// written whole and fsynced. A process killed at any instant leaves the old
// record or the new one. What was running when nobody holds the lock any more
// is interrupted and is repeated: at most that one step. A record that cannot
// be trusted is a [RecordError], never a fresh start.
//
// # The state directory
//
//	stack                     the name of the stack it belongs to
//	key                       fingerprints are HMAC-SHA-256 under it
//	lock                      flock'ed, names its holder; never deleted
//	checkpoints/<step>.json   one record a step
//	checkpoints/cleared/      the records that a reset moved aside
//	runs/<run>.jsonl, .log    what each run did, and what its children printed
//
// Nothing is decided on the time of day: a clock that is set back changes the
// times that are shown and nothing else.
package checkpoints
