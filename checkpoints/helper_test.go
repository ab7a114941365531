package checkpoints

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary starts itself again where a test needs another process: one
// that can be killed, or that holds the lock.
const helperKey = "CHECKPOINTS_TEST_HELPER"

var helpers = map[string]func(args []string) error{
	"deploy":    helpDeploy,
	"hold":      helpHold,
	"orphan":    helpOrphan,
	"sit":       func([]string) error { return wait() },
	"increment": helpIncrement,
}

func TestMain(m *testing.M) {
	// A write beyond the file size limit is to be an error, not a signal.
	signal.Ignore(syscall.SIGXFSZ)
	help, ok := helpers[os.Getenv(helperKey)]
	if !ok {
		flag.Parse()
		if flag.Lookup("test.bench").Value.String() == "" {
			useMemory()
		}
		os.Exit(m.Run())
	}
	if err := help(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// useMemory puts the tests' directories into memory where there is such a file
// system: the tests end processes and not the machine, and write a lot.
// Benchmarks measure the disk.
func useMemory() {
	const memory = "/dev/shm"
	if unix.Access(memory, unix.W_OK) != nil {
		return
	}
	if err := os.Setenv("TMPDIR", memory); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func helper(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), helperKey+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// deploySteps are two steps, the second after the first, that note their work
// in a file.
func deploySteps(work string) []Step {
	step := func(name string, after ...string) Step {
		return Step{Name: name, After: after, Run: func(context.Context) (string, error) {
			at("before the work", name)
			file, err := os.OpenFile(work, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
			if err != nil {
				return "", err
			}
			_, err = fmt.Fprintln(file, name)
			at("after the work", name)
			if err != nil {
				return "", err
			}
			return "worked", file.Close()
		}}
	}
	return []Step{step("build"), step("rollout", "build")}
}

// helpDeploy deploys, and kills itself at the n-th instant of its writes. It
// prints how many there were if it lived.
func helpDeploy(args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	instants := 0
	writeHook = func(string, string) {
		instants++
		if instants == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	ctx := context.Background()
	store, err := Open(args[0], "freshtrack")
	if err != nil {
		return err
	}
	lock, err := store.Lock(ctx, Holder{Target: "deploy"}, 0)
	if err != nil {
		return err
	}
	run, err := store.Begin(lock, "deploy")
	if err != nil {
		return err
	}
	for _, step := range deploySteps(args[1]) {
		if _, err := store.Do(ctx, lock, run, step); err != nil {
			return err
		}
	}
	if err := run.End(nil); err != nil {
		return err
	}
	fmt.Println(instants)
	return lock.Release()
}

// helpHold holds the lock until its input ends.
func helpHold(args []string) error {
	store, err := Open(args[0], "freshtrack")
	if err != nil {
		return err
	}
	lock, err := store.Lock(context.Background(), Holder{Target: "rollback"}, 0)
	if err != nil {
		return err
	}
	fmt.Println("held")
	if err := wait(); err != nil {
		return err
	}
	return lock.Release()
}

// helpOrphan hands the lock to a child, which sits until its input ends, and
// is killed.
func helpOrphan(args []string) error {
	store, err := Open(args[0], "freshtrack")
	if err != nil {
		return err
	}
	lock, err := store.Lock(context.Background(), Holder{Target: "deploy"}, 0)
	if err != nil {
		return err
	}
	run, err := store.Begin(lock, "deploy")
	if err != nil {
		return err
	}
	_, err = store.Do(context.Background(), lock, run, Step{Name: "migrate", Run: func(ctx context.Context) (string, error) {
		child := helper(ctx, "sit")
		child.Stdin = os.Stdin
		child.ExtraFiles = []*os.File{lock.File()}
		if err := child.Start(); err != nil {
			return "", err
		}
		fmt.Println(run.ID())
		return "", syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}})
	return err
}

// helpIncrement adds one to the number in a file, under the lock.
func helpIncrement(args []string) error {
	store, err := Open(args[0], "freshtrack")
	if err != nil {
		return err
	}
	lock, err := store.Lock(context.Background(), Holder{Target: "deploy"}, time.Minute)
	if err != nil {
		return err
	}
	path := filepath.Join(args[0], "number")
	data, err := os.ReadFile(path) //nolint:gosec // within a test's directory
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(data))
	if err != nil {
		return err
	}
	run, err := store.Begin(lock, "deploy")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(n+1)), 0o600); err != nil {
		return err
	}
	if err := run.End(nil); err != nil {
		return err
	}
	return lock.Release()
}

func wait() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// startHelper starts a helper and returns its first line. stop ends its input
// and waits for it.
func startHelper(t *testing.T, name string, args ...string) (cmd *exec.Cmd, line string, stop func() error) {
	t.Helper()
	cmd = helper(t.Context(), name, args...)
	stdin, stdinWriter := pipe(t)
	stdout, stdoutWriter := pipe(t)
	cmd.Stdin, cmd.Stdout = stdin, stdoutWriter
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The helper and what it leaves behind have these now.
	closeAll(t, stdin, stdoutWriter)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("helper %s said nothing: %v", name, err)
	}
	return cmd, strings.TrimSpace(line), func() error {
		closeAll(t, stdinWriter)
		return cmd.Wait()
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

func closeAll(t *testing.T, files ...*os.File) {
	t.Helper()
	for _, file := range files {
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
