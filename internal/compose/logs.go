package compose

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Logs returns the last lines a container wrote, both streams in the order they were written. They may hold secrets.
func Logs(ctx context.Context, id string, lines int) ([]string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", "logs", "--timestamps", "--tail", strconv.Itoa(lines), id) //nolint:gosec // argv only
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, explain(ctx, "read logs", err, out.String())
	}
	return inOrder(out.String()), nil
}

// inOrder sorts lines by the timestamp docker puts before each, which has a fixed width, and takes it off.
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
