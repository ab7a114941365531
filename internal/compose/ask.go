package compose

import (
	"bytes"
	"context"
	"os/exec"

	"github.com/bitfield/script"
)

// Present tells whether there is a docker command: ErrNoDocker where there is none.
func Present() error {
	if _, err := exec.LookPath("docker"); err != nil {
		return ErrNoDocker
	}
	return nil
}

// ask runs docker and returns its stdout. What names the question in errors. On failure the stdout is returned too: docker
// info says what it knows without an engine.
func ask(ctx context.Context, what string, env []string, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	pipe := script.NewPipe().WithContext(ctx).WithStderr(&stderr)
	if env != nil {
		pipe = pipe.WithEnv(env)
	}
	stdout, err := pipe.ExecCommand("docker", args...).Bytes()
	return stdout, explain(ctx, what, err, stderr.String())
}
