package targets_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"slipway/checkpoints"
)

// world is what the played engine has. It lives in docker.json; no container of it runs anything.
type world struct {
	Made       int               // how many ids were given out
	Images     map[string]string // reference -> id
	Volumes    []string
	Containers []*container
	Networks   []network // locks
}

type container struct {
	ID, Name, Service, Image, ImageID, Status string
	Number                                    int
	OneOff                                    bool
}

// fault is an entry of faults.json: what docker does instead when its arguments begin with Args.
type fault struct {
	Args           string
	Stdout, Stderr string
	Code           int
	Interrupt      bool // the operator presses Ctrl-C meanwhile, and docker goes on until it is told to end
	Again          bool // and presses it again and again, until the target is gone
}

// errNotFound is what docker answers about an object that is not there.
var errNotFound = errors.New("not found")

// playDocker answers as docker would, from the folder FAKE_DOCKER: docker.json is the world, faults.json what goes wrong,
// docker.log records every command that changes something.
func playDocker(args []string) int {
	dir := os.Getenv("FAKE_DOCKER")
	line := strings.Join(args, " ")
	if f, found := faultOf(dir, line); found {
		return f.play()
	}
	var code int
	err := withWorld(dir, func(w *world) error {
		var err error
		code, err = w.answer(dir, args)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func faultOf(dir, line string) (fault, bool) {
	data, err := os.ReadFile(filepath.Join(dir, "faults.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fault{}, false
	}
	var faults []fault
	if err := errors.Join(err, json.Unmarshal(data, &faults)); err != nil {
		return fault{Stderr: "faults.json: " + err.Error(), Code: 99}, true
	}
	for _, f := range faults {
		if strings.HasPrefix(line, f.Args) {
			return f, true
		}
	}
	return fault{}, false
}

func (f fault) play() int {
	if f.Interrupt {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGINT)
		if err := interruptHolder(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 99
		}
		for f.Again {
			time.Sleep(100 * time.Millisecond)
			if errors.Is(interruptHolder(), syscall.ESRCH) {
				return 130
			}
		}
		<-told
		return 130
	}
	fmt.Print(f.Stdout)
	fmt.Fprint(os.Stderr, f.Stderr)
	return f.Code
}

// interruptHolder sends SIGINT to who holds the lock: the target that runs.
func interruptHolder() error {
	data, err := os.ReadFile(filepath.Join(os.Getenv("STATE_DIR"), "lock"))
	if err != nil {
		return err
	}
	var holder struct{ PID int }
	if err := json.Unmarshal(data, &holder); err != nil {
		return err
	}
	return syscall.Kill(holder.PID, syscall.SIGINT)
}

// withWorld lets one process at a time read and change docker.json. A process that is killed, as a question is whose time is
// up, leaves the old world or the new one.
func withWorld(dir string, use func(*world) error) error {
	lock, err := os.OpenFile(filepath.Join(dir, "docker.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	path := filepath.Join(dir, "docker.json")
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w := &world{Images: map[string]string{}}
	if len(before) > 0 {
		if err := json.Unmarshal(before, w); err != nil {
			return fmt.Errorf("docker.json: %w", err)
		}
	}
	errUse := use(w)
	after, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	if after = append(after, '\n'); !bytes.Equal(before, after) {
		err = checkpoints.WriteFile(path, after, 0o600)
	}
	return errors.Join(errUse, err)
}

// answer does what one docker command does.
func (w *world) answer(dir string, args []string) (int, error) {
	verb, rest := args[0], args[1:]
	switch verb {
	case "image", "container":
		verb, rest = verb+" "+rest[0], rest[1:]
	}
	if verb == "compose" {
		return 0, w.compose(dir, rest)
	}
	if slices.Contains([]string{"stop", "rm", "rename", "image prune"}, verb) {
		if err := record(dir, args); err != nil {
			return 0, err
		}
	}
	switch verb {
	case "info":
		fmt.Println(`{"Version":"28.0.0","Plugins":[{"Name":"compose","Version":"v5.6.0"},{"Name":"buildx","Version":"v0.30.0"}]}`)
	case "container ls":
		for _, c := range w.filtered(args) {
			fmt.Println(c.ID, c.Status, c.Name)
		}
	case "image prune", "container create": // what keeps an image is no container of the project
	case "tag":
		if id, named := w.Images[rest[0]]; named {
			rest[0] = id
		}
		w.Images[rest[1]] = rest[0]
	case "image inspect":
		if w.Images[rest[0]] == "" {
			return 1, nil
		}
	case "rmi":
		delete(w.Images, rest[0])
	case "logs":
		c, err := w.container(rest[len(rest)-1])
		if err != nil {
			return 1, err
		}
		fmt.Println("2026-01-01T00:00:00.000000000Z a line of " + c.Service)
	case "wait":
		fmt.Println(0)
	case "stop", "rm":
		for _, name := range plain(rest) {
			c, err := w.container(name)
			if err != nil {
				return 1, err
			}
			c.Status = "exited"
			if verb == "rm" {
				w.Containers = slices.DeleteFunc(w.Containers, func(other *container) bool { return other == c })
			}
		}
	default:
		return 0, fmt.Errorf("this docker does not know: %s", strings.Join(args, " "))
	}
	return 0, nil
}

// record keeps a command that changes something.
func record(dir string, args []string) error {
	file, err := os.OpenFile(filepath.Join(dir, "docker.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, strings.Join(args, " "))
	return errors.Join(err, file.Close())
}

// plain are the arguments that are no flags.
func plain(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
}

func (w *world) container(name string) (*container, error) {
	for _, c := range w.Containers {
		if c.Name == name || c.ID == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("Error: No such container: %s: %w", name, errNotFound) //nolint:staticcheck // docker's own words
}

// filtered are the containers that pass every --filter label=…
func (w *world) filtered(args []string) []*container {
	var found []*container
	for _, c := range w.Containers {
		passes := true
		for i, arg := range args {
			key, value, isLabel := strings.Cut(strings.TrimPrefix(arg, "label="), "=")
			if i > 0 && args[i-1] == "--filter" && isLabel {
				passes = passes && c.labels()[key] == value
			}
		}
		if passes {
			found = append(found, c)
		}
	}
	return found
}
