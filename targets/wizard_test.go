package targets_test

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"
)

const cols, rows = 100, 40

// wizard is `mage production config` at a pseudo-terminal, with an operator in front of it.
type wizard struct {
	t      *testing.T
	stack  string
	before map[string]file // what the stack's folder held at first
	cmd    *exec.Cmd
	tty    *os.File
	ended  chan struct{} // closed when the command has ended and all it wrote has been read

	mu      sync.Mutex
	written strings.Builder
}

// question is one that the wizard asks, with what the operator answers.
type question struct {
	key, title, answer string
	secret             bool
}

// questions are all of them, in order.
var questions = []question{
	{"DOMAIN", "Domain under which the stack is reached", "fresh.coldchain.eu", false},
	{"ADMIN_EMAIL", "E-mail of the administrator", "ann@coldchain.eu", false},
	{"STACK_PROJECT_ID", "Stack Auth: project id", "project-7", false},
	{"STACK_PUBLISHABLE_CLIENT_KEY", "Stack Auth: publishable key", "publishable-7", false},
	{"STACK_SECRET_SERVER_KEY", "Stack Auth: secret key", "sk-9f8e7d6c5b4a", true},
	{"UPSTREAM_TOKEN", "UPSTREAM_TOKEN", "t0ken-9f8e7d6c", true},
}

// knownBefore is the env file of a stack that was configured in part.
const knownBefore = "# of the operator\nEXTRA=\"kept as it is\" # why\n\nADMIN_EMAIL=ann@coldchain.eu\nUPSTREAM_TOKEN=t0ken-9f8e7d6c\n"

var stillOpen = slices.DeleteFunc(slices.Clone(questions), func(q question) bool { return strings.Contains(knownBefore, q.key) })

// newStack makes a copy of testdata/stack, which nobody has configured.
func newStack(t *testing.T) string {
	t.Helper()
	stack := filepath.Join(t.TempDir(), "stack")
	if err := addMissing(stack, "testdata/stack"); err != nil {
		t.Fatal(err)
	}
	return stack
}

// oldStack makes one that was configured in part.
func oldStack(t *testing.T) string {
	t.Helper()
	stack := newStack(t)
	place(t, filepath.Join(stack, ".env.production"), knownBefore)
	place(t, filepath.Join(stack, "secrets/jwt_secret"), "oldJWTsecretThatNobodyMayTakeAway")
	return stack
}

// startWizard leaves out the phases before config: they look at this machine, and change it. There is no engine.
func startWizard(t *testing.T, stack string, env ...string) *wizard {
	t.Helper()
	mage, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), filepath.Dir(stack)
	if err := os.Symlink(self, filepath.Join(bin, "docker")); err != nil {
		t.Fatal(err)
	}
	w := &wizard{t: t, stack: stack, before: files(t, stack), ended: make(chan struct{})}
	w.cmd = exec.Command(mage, "production", "prerequisites", "-skip=preflight,prerequisites", "config")
	w.cmd.Dir = dir
	w.cmd.Env = append(env, "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+filepath.Join(dir, "home"),
		"STATE_DIR="+filepath.Join(dir, "state"), "FAKE_DOCKER="+dir, "DOCKER_HOST=unix:///nowhere", "TERM=xterm-256color")
	if w.tty, err = pty.StartWithSize(w.cmd, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.ended)
		buffer := make([]byte, 4096)
		for {
			n, err := w.tty.Read(buffer)
			w.mu.Lock()
			w.written.Write(buffer[:n])
			w.mu.Unlock()
			if err != nil { // nobody holds the other side any more
				_ = w.cmd.Wait() // its exit code is looked at in ends
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		<-w.ended
		_ = w.tty.Close()
	})
	return w
}

// keyboard asks a terminal for more about keys. The emulator takes it for the order to put the cursor back.
var keyboard = regexp.MustCompile(`\x1b\[[<>?]\d*u`)

// play shows what was written on a screen, and calls look at every step of it.
func (w *wizard) play(look func(screen string)) (screen string, cursor bool) {
	w.mu.Lock()
	written := keyboard.ReplaceAllString(w.written.String(), "")
	w.mu.Unlock()
	vt := vt10x.New(vt10x.WithSize(cols, rows), vt10x.WithWriter(io.Discard))
	for step := range strings.SplitAfterSeq(written, "\x1b") {
		_, _ = vt.Write([]byte(step))
		if look != nil {
			look(vt.String())
		}
	}
	return strings.TrimRight(regexp.MustCompile(` +\n`).ReplaceAllString(vt.String(), "\n"), " \n"), vt.CursorVisible()
}

func (w *wizard) screen() string {
	screen, _ := w.play(nil)
	return screen
}

// await waits until something holds, on a machine however busy.
func (w *wizard) await(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within a minute: %s\n%s", what, w.screen())
		}
	}
}

func (w *wizard) sees(text string) {
	w.t.Helper()
	w.await(text, func() bool { return strings.Contains(w.screen(), text) })
}

func (w *wizard) types(keys string) {
	w.t.Helper()
	if _, err := w.tty.WriteString(keys); err != nil {
		w.t.Fatal(err)
	}
}

// answers goes through questions. What was typed is seen, of a secret as many stars, before it is entered.
func (w *wizard) answers(asked ...question) {
	w.t.Helper()
	for _, q := range asked {
		w.sees(q.title)
		w.types(q.answer)
		if q.secret {
			w.sees(strings.Repeat("*", len(q.answer)))
		} else {
			w.sees(q.answer)
		}
		w.types("\r")
	}
}

// mode is how the terminal treats what is typed.
func (w *wizard) mode() uint32 {
	w.t.Helper()
	mode, err := unix.IoctlGetTermios(int(w.tty.Fd()), unix.TCGETS)
	if err != nil {
		w.t.Fatal(err)
	}
	return mode.Lflag
}

// ends waits for the end of the command: with this code and word, the terminal as it was, and no secret ever seen on it.
func (w *wizard) ends(code int, word string) {
	w.t.Helper()
	w.await("its end", func() bool {
		select {
		case <-w.ended:
			return true
		default:
			return false
		}
	})
	if got := w.cmd.ProcessState.ExitCode(); got != code || !strings.Contains(w.screen(), word) {
		w.t.Errorf("exit code %d, want %d and %q:\n%s", got, code, word, w.screen())
	}
	var secrets []string
	for _, q := range questions {
		if q.secret {
			secrets = append(secrets, q.answer)
		}
	}
	for name, f := range files(w.t, w.stack) {
		if filepath.Dir(name) == "secrets" {
			secrets = append(secrets, f.text)
		}
	}
	seen := map[string]bool{}
	_, cursor := w.play(func(screen string) {
		for _, secret := range secrets {
			half := len(secret) / 2
			if strings.Contains(screen, secret[:half]) || strings.Contains(screen, secret[half:]) {
				seen[secret] = true
			}
		}
	})
	if len(seen) > 0 {
		w.t.Errorf("on the screen at one time: %v", slices.Collect(maps.Keys(seen)))
	}
	const usual = unix.ECHO | unix.ICANON | unix.ISIG
	if mode := w.mode(); mode&usual != usual || !cursor {
		w.t.Errorf("the terminal is left with the modes %#o, and it is %t that one sees its cursor", mode, cursor)
	}
}

// file is what a file is and holds.
type file struct {
	mode    fs.FileMode
	text    string
	changed int64
}

// files are those of a folder and its folders, which have no text.
func files(t *testing.T, dir string) map[string]file {
	t.Helper()
	found := map[string]file{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f := file{mode: info.Mode()}
		if !entry.IsDir() {
			f.text, f.changed = read(t, filepath.Join(dir, name)), info.ModTime().UnixNano()
		}
		found[name] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// untouched wants every file to be as it was, and none to be there that was not.
func (w *wizard) untouched() {
	w.t.Helper()
	if after := files(w.t, w.stack); !maps.Equal(after, w.before) {
		w.t.Errorf("the files were\n%v\nand are\n%v", w.before, after)
	}
}

// wrote wants this env file, its former one beside it, and secrets where none were; every other file as it was.
func (w *wizard) wrote(env string) {
	w.t.Helper()
	after, want := files(w.t, w.stack), maps.Clone(w.before)
	if old, found := w.before[".env.production"]; found {
		for name := range after {
			if regexp.MustCompile(`^\.env\.production\.\d{8}T\d{6}Z\.bak$`).MatchString(name) {
				want[name] = old
			}
		}
		if len(want) == len(w.before) {
			w.t.Error("the former env file is gone")
		}
	}
	want[".env.production"] = file{0o600, env, after[".env.production"].changed}
	want["secrets"] = file{mode: fs.ModeDir | 0o700}
	for name, length := range map[string]int{
		"database_password": 32, "redis_password": 32, "jwt_secret": 48, "grafana_admin_password": 32, "minio_root_password": 32,
	} {
		name = "secrets/" + name
		if _, found := w.before[name]; found {
			continue
		}
		made := after[name]
		if !regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9]{%d}$`, length)).MatchString(made.text) {
			w.t.Errorf("%s holds %q", name, made.text)
		}
		want[name] = file{0o600, made.text, made.changed}
	}
	if !maps.Equal(after, want) {
		w.t.Errorf("the files are\n%v\nwant\n%v", after, want)
	}
}

func TestWizardAtATerminalWritesWhatTheOperatorConfirms(t *testing.T) {
	t.Parallel()
	w := startWizard(t, newStack(t))
	w.answers(questions...)
	w.sees("Write this?")
	for _, line := range []string{
		`DOMAIN +fresh\.coldchain\.eu +\(entered\)`, `STACK_SECRET_SERVER_KEY +set +\(entered\)`, `jwt_secret +generated +\(generated, secrets/jwt_secret\)`,
	} {
		if !regexp.MustCompile(line).MatchString(w.screen()) {
			t.Errorf("not in the summary: %s\n%s", line, w.screen())
		}
	}
	w.types("y")
	w.ends(0, "ok    config             wrote")
	w.wrote(`DOMAIN=fresh.coldchain.eu
ADMIN_EMAIL=ann@coldchain.eu
STACK_PROJECT_ID=project-7
STACK_PUBLISHABLE_CLIENT_KEY=publishable-7
STACK_SECRET_SERVER_KEY=sk-9f8e7d6c5b4a
UPSTREAM_TOKEN=t0ken-9f8e7d6c
`)
}

func TestWizardAtATerminalAsksAgainForAWrongDomain(t *testing.T) {
	t.Parallel()
	w := startWizard(t, oldStack(t))
	w.sees(stillOpen[0].title)
	w.types("under_score.de\r")
	w.sees("holds an underscore")
	w.types(strings.Repeat("\x7f", len("under_score.de")) + "münchen.coldchain.eu")
	w.sees("> münchen.coldchain.eu")
	w.types("\r")
	w.answers(stillOpen[1:]...)
	w.sees("Write this?")
	w.types("y")
	w.ends(0, "ok    config             wrote")
	w.wrote(knownBefore + `DOMAIN=xn--mnchen-3ya.coldchain.eu
STACK_PROJECT_ID=project-7
STACK_PUBLISHABLE_CLIENT_KEY=publishable-7
STACK_SECRET_SERVER_KEY=sk-9f8e7d6c5b4a
`)
}

func TestWizardAtATerminalLeavesTheFilesWhenTheSummaryIsRefused(t *testing.T) {
	t.Parallel()
	w := startWizard(t, oldStack(t))
	w.answers(stillOpen...)
	w.sees("Write this?")
	w.types("n")
	w.ends(3, "Error: config: declined; nothing was changed")
	w.untouched()
}

func TestWizardAtATerminalLeavesTheFilesOnControlC(t *testing.T) {
	t.Parallel()
	last := len(stillOpen) - 1 // a secret
	for name, leave := range map[string]func(*wizard){
		"at the first question": func(w *wizard) {
			w.sees(stillOpen[0].title)
		},
		"in the middle of a secret": func(w *wizard) {
			w.answers(stillOpen[:last]...)
			w.sees(stillOpen[last].title)
			w.types(stillOpen[last].answer[:9])
			w.sees(strings.Repeat("*", 9))
		},
		"at the summary": func(w *wizard) {
			w.answers(stillOpen...)
			w.sees("Write this?")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWizard(t, oldStack(t))
			leave(w)
			w.types("\x03")
			w.ends(130, "Error: config: interrupted; nothing was changed")
			w.untouched()
		})
	}
	t.Run("in the middle of a secret, line by line", func(t *testing.T) {
		t.Parallel()
		w := startWizard(t, oldStack(t), "ACCESSIBLE=1")
		w.answers(stillOpen[:last]...)
		w.sees(stillOpen[last].title)
		w.await("what is typed is not shown", func() bool { return w.mode()&unix.ECHO == 0 })
		w.types(stillOpen[last].answer[:9])
		w.types("\x03")
		w.ends(130, "Error: config: interrupted; nothing was changed")
		w.untouched()
	})
}
