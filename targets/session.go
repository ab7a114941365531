package targets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"slipway"
	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/composelint"
	"slipway/internal/console"
	"slipway/internal/enginelock"
	"slipway/internal/host"
	"slipway/internal/redact"
	"slipway/internal/release"
	"slipway/scripts"
)

// session is one invocation of Mage: the destination it acts on and what it has learned of it. Several targets on
// one command line share it.
type session struct {
	stack   stack
	told    slipway.Destination // what is declared of the destination, before the compose files are asked
	dest    destination
	filled  *compose.Model // that dest is from
	dir     string         // the stack's folder, absolute
	project compose.Project
	console *console.Console
	secrets *redact.Redactor
	store   *checkpoints.Store
	flags   flags   // of the targets so far
	options options // what they ask for

	target    string
	started   time.Time
	lock      *checkpoints.Lock // of the state directory
	onEngine  *enginelock.Lock  // of the project on the engine; nil while there is no engine
	locking   sync.Mutex
	run       *checkpoints.Run
	acted     bool            // a step of this run did something
	passed    map[string]bool // phases that passed in this invocation
	failure   error
	made      []string         // the secret files that this run made
	back      *release.Release // the earlier release that this run acts on in the place of the checkout
	attempt   *attempt         // the release that this run brings up; nil until there is one
	stepsDone []release.Step   // of this run
	findings  []host.Finding   // of preflight
	found     *verified        // what verify found

	files []composelint.File // the compose files as they are written

	// Asked for once, by preflight for those that come after it.
	written        func() ([]byte, error)   // what the compose files ask for, as they are written
	machineMissing func() ([]string, error) // the parts that preflight does not look at and are not there
	versions       func() (compose.Installed, error)
	info           func() (compose.Info, error)

	mu          sync.Mutex
	doing       []*string
	resolved    *compose.Model
	engine      engine
	preflighted preflighted
	judged      *compose.Model   // the model that preflight found no problem in
	readers     map[string][]int // who reads the secret files, as preflight saw it
}

var current *session

// open makes the session, once an invocation. It reads and changes nothing but, where asked to change, makes the
// state directory.
func open(target string) (*session, error) {
	if current != nil {
		current.target = target
		return current, nil
	}
	declared, err := declared()
	if err != nil {
		return nil, err
	}
	dest, err := declared.destination(destinationName())
	if err != nil {
		return nil, err
	}
	dir, err := declared.path()
	if err != nil {
		return nil, err
	}
	project, err := declared.project(dest, dir)
	if err != nil {
		return nil, err
	}
	for _, setting := range dest.Settings {
		if value, ok := os.LookupEnv(setting.Key); ok && value == "" {
			// To Compose, an empty variable would win over the env file; to everybody else it is no value.
			_ = os.Unsetenv(setting.Key)
		}
	}
	secrets := redact.New()
	s := &session{
		stack: declared, told: dest, dest: of(dest), dir: dir, secrets: secrets, target: target, started: time.Now(),
		console: console.New(os.Stdout, os.Stderr, secrets),
		project: project,
		passed:  map[string]bool{},
	}
	if err := s.learnSecrets(); err != nil {
		return nil, err
	}
	s.machineMissing = asked(partsLimit, func(ctx context.Context) ([]string, error) {
		return s.missingParts(ctx, slices.DeleteFunc(s.machineParts(), there))
	})
	s.versions = asked(engineLimit, func(ctx context.Context) (compose.Installed, error) { return compose.Versions(ctx, s.knownTools()) })
	s.info = asked(engineLimit, compose.EngineInfo)
	if err := s.checkDestination(); err != nil {
		return nil, err
	}
	current = s
	return s, nil
}

// engineLimit bounds what is asked of docker and the engine; on a busy machine they are slow.
const engineLimit = 30 * time.Second

// asked is a question that is put once, when its answer is wanted for the first time.
func asked[T any](limit time.Duration, question func(context.Context) (T, error)) func() (T, error) {
	return sync.OnceValues(func() (T, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		return question(ctx)
	})
}

// look opens the state to read it: no lock, nothing made.
func (s *session) look() error {
	if s.store != nil {
		return nil
	}
	dir, err := stateDir(s.project)
	if err != nil {
		return err
	}
	s.store, err = checkpoints.Look(dir, s.project.Name)
	return err
}

// change makes this invocation a run: the state directory, the locks, the journal. Once; later targets go on in it.
func (s *session) change(ctx context.Context) error {
	if s.lock != nil {
		return nil
	}
	dir, err := stateDir(s.project)
	if err != nil {
		return err
	}
	if err := places().share(dir); err != nil {
		return err
	}
	if s.store, err = checkpoints.Open(dir, s.project.Name); err != nil {
		return err
	}
	s.store.Redact(s.secrets.String)
	holder := checkpoints.Holder{PID: os.Getpid(), Who: who(), Target: s.target, Since: time.Now()}
	if s.lock, err = s.store.Lock(ctx, holder, s.options.wait); err != nil {
		return err
	}
	if err := s.lockEngine(ctx); err != nil && !errors.Is(err, compose.ErrNoEngine) { // prerequisites may install one
		return err
	}
	if s.run, err = s.store.Begin(s.lock, s.target); err != nil {
		return err
	}
	return scripts.Unpack(filepath.Join(dir, "scripts"))
}

// end closes the run and gives the lock back.
func (s *session) end() {
	if s.run != nil {
		if err := s.run.End(s.failure); err != nil {
			s.console.Line(console.Warn, "journal", err.Error(), 0)
		}
		s.run = nil
	}
	s.unlock()
}

// lockEngine takes the project's lock on the engine, once. Nothing acts on the engine without it.
func (s *session) lockEngine(ctx context.Context) (err error) {
	s.locking.Lock()
	defer s.locking.Unlock()
	if s.onEngine == nil {
		s.onEngine, err = enginelock.Take(ctx, s.project.Name, s.lock, s.options.wait)
	}
	return err
}

// unlock gives the locks back. What is left of them when that fails, or the process is killed, the next run removes.
func (s *session) unlock() {
	if s.lock == nil {
		return
	}
	err := s.lock.ReleaseWith(func() error {
		if s.onEngine == nil {
			return nil
		}
		return s.onEngine.Release(context.Background())
	})
	if err != nil {
		s.console.Line(console.Warn, "lock", err.Error(), 0)
	}
	s.lock, s.onEngine = nil, nil
}

// enter runs the body of a target in the session: signals taken over, and, where it changes something, as a run. Before
// that, the command line, the declaration and what the flags name are checked, and nothing is made where they are wrong.
// What the body returns becomes the target's Failure; a phase that failed below has recorded its own.
func enter(ctx context.Context, target string, changes bool, asked flags, body func(context.Context, *session) error) error {
	if err := misused(); err != nil {
		return err
	}
	if _, err := asked.options(); err != nil {
		return refuse(ctx, fmt.Errorf("%s: %w", target, err))
	}
	s, err := open(target)
	if err != nil {
		return refuse(ctx, fmt.Errorf("%s: %w", target, err))
	}
	s.anew()
	s.flags = s.flags.and(asked)
	if s.options, err = s.flags.options(); err != nil {
		return refuse(ctx, fmt.Errorf("%s: %w", target, err))
	}
	ctx, stop := s.interruptible(ctx)
	defer stop()
	if changes {
		defer s.end()
	}
	if err := s.ready(ctx, changes); err != nil {
		return refuse(ctx, fmt.Errorf("%s: %w", target, err))
	}
	if err := body(ctx, s); err != nil {
		s.failure = err
		return fail(ctx, exitUnexpected, err)
	}
	return nil
}

// anew forgets which release the target before this one acted on: each target begins with the checkout.
func (s *session) anew() {
	if s.back != nil {
		s.resolved, s.judged, s.engine = nil, nil, s.engine.next()
	}
	s.back, s.attempt, s.stepsDone = nil, nil, nil
}

// ready opens the state, to read it or as a run, once what the flags name is known to be there.
func (s *session) ready(ctx context.Context, changes bool) error {
	if err := s.known(ctx); err != nil {
		return err
	}
	if changes {
		return s.change(ctx)
	}
	return s.look()
}

// who is user@host, for the error of whoever finds the lock held.
func who() string {
	name := userName(uint32(os.Getuid())) //nolint:gosec // a uid
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// userName is the user's name, else their number.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}
