package compose

import (
	"bytes"
	"cmp"
	"context"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// maxOutput is what the engine keeps of a healthcheck's output, too.
const maxOutput = 4096

// Exec runs a command in a container, as its user, and returns what it printed and its exit code. An error means that
// there is no exit code: the container does not run, the engine is not reachable, ctx ended. A process that ctx left
// behind goes on in the container; the engine cannot end it.
func Exec(ctx context.Context, id string, argv ...string) (output string, code int, err error) {
	const what = "run a command in the container"
	docker, err := engine()
	if err != nil {
		return "", 0, err
	}
	made, err := docker.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", 0, refusal(ctx, what, err)
	}
	attached, err := docker.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", 0, refusal(ctx, what, err)
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	var out bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &out, attached.Reader)
	output = strings.TrimSpace(out.String())
	if len(output) > maxOutput {
		output = output[:maxOutput]
	}
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return output, 0, refusal(ctx, what, err)
	}
	ended, err := docker.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil {
		return output, 0, refusal(ctx, what, err)
	}
	if ended.Running { // what lies between cut the connection
		return output, 0, &Error{What: what, Said: "the connection ended before the command did"}
	}
	return output, ended.ExitCode, nil
}
