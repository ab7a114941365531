package compose

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Logs returns the last lines a container wrote, both streams in the order they were written. They may hold secrets.
func Logs(ctx context.Context, id string, lines int) ([]string, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	const what = "read logs"
	inspected, err := docker.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, refusal(ctx, what, err)
	}
	stream, err := docker.ContainerLogs(ctx, id, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(lines),
	})
	if err != nil {
		return nil, refusal(ctx, what, err)
	}
	defer func() { _ = stream.Close() }()
	var out bytes.Buffer
	if inspected.Container.Config.Tty { // one stream, without frames
		_, err = out.ReadFrom(stream)
	} else {
		_, err = stdcopy.StdCopy(&out, &out, stream)
	}
	return inOrder(out.String()), refusal(ctx, what, err)
}

// inOrder sorts lines by the timestamp the engine puts before each, which has a fixed width, and takes it off.
func inOrder(out string) []string {
	all := strings.Split(strings.TrimRight(out, "\r\n"), "\n")
	slices.SortStableFunc(all, func(a, b string) int {
		stampA, _, _ := strings.Cut(a, " ")
		stampB, _, _ := strings.Cut(b, " ")
		return strings.Compare(stampA, stampB)
	})
	var lines []string
	for _, line := range all {
		if _, text, ok := strings.Cut(line, " "); ok {
			lines = append(lines, strings.TrimRight(text, "\r"))
		}
	}
	return lines
}
