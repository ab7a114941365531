package dev

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// command is one program to run: in a directory, with more in its environment.
type command struct {
	dir  string // the root when empty
	env  []string
	argv []string
}

// run streams what the program prints. An interrupt reaches it first, so that go
// test can stop its tests and they clean up.
func (c command) run(ctx context.Context) error {
	cmd := c.cmd(ctx)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return c.explain(cmd.Run())
}

// output returns what the program prints to stdout.
func (c command) output(ctx context.Context) (string, error) {
	cmd := c.cmd(ctx)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	return string(text), c.explain(err)
}

func (c command) cmd(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

func (c command) explain(err error) error {
	if err == nil {
		return nil
	}
	name := strings.Join(append([]string{filepath.Base(c.argv[0])}, c.argv[1:min(2, len(c.argv))]...), " ")
	if c.dir != "" {
		name += " in " + c.dir
	}
	return fmt.Errorf("%s: %w", name, err)
}
