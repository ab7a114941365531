package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// maxOutput is what the engine keeps of a healthcheck's output, too.
const maxOutput = 4096

// Exec runs a command in a container, as its user, and returns what it printed and its exit code. An error means that
// there is no exit code: the container does not run, the engine is not reachable, ctx ended. A process that ctx left
// behind goes on in the container; the engine cannot end it.
func Exec(ctx context.Context, id string, argv ...string) (output string, code int, err error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", append([]string{"exec", id}, argv...)...) //nolint:gosec // argv only
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 100 * time.Millisecond
	err = cmd.Run()
	output = strings.TrimSpace(out.String())
	if len(output) > maxOutput {
		output = output[:maxOutput]
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return output, 0, nil
	case ctx.Err() != nil:
		return output, 0, fmt.Errorf("run a command in the container: %w", ctx.Err())
	case !errors.As(err, &exit) || refused(output):
		return "", 0, explain(ctx, "run a command in the container", err, output)
	}
	return output, exit.ExitCode(), nil
}

// refused tells docker's own failure from the command's, which may have the same exit code.
func refused(output string) bool {
	return strings.HasPrefix(output, "Error response from daemon:") || unreachable(output)
}
